"""Candidates that come after all others for the moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.decision import Candidate

LAST: Final = "last"
"""What `Candidate.placed_by` says of them."""


def set_back(
    candidates: tuple[Candidate, ...], reasons: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """Move candidates to the end, in the order that they have among each other.

    Args:
        candidates: All candidates in order.
        reasons: The names of those that are moved, each with the reason as text for people.
    """
    late = [c for c in candidates if c.name in reasons]
    if not late or len(late) == len(candidates):
        return candidates
    moved = (replace(c, placed_by=LAST, detail=reasons[c.name]) for c in late)
    return (*(c for c in candidates if c.name not in reasons), *moved)
