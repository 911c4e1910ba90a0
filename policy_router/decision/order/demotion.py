"""Candidates that come after all others for now, such as models that are recovering."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.decision import Candidate

LAST: Final = "last"
"""`Candidate.placed_by` of such a candidate."""


def demote(candidates: tuple[Candidate, ...], reasons: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Move candidates to the end, in the order that they have among each other.

    Args:
        candidates: All candidates in order.
        reasons: The names of those that are moved, each with the reason as text for people.
    """
    if not reasons:
        return candidates
    late = [c for c in candidates if c.name in reasons]
    if not late or len(late) == len(candidates):
        return candidates
    moved = (replace(c, placed_by=LAST, detail=reasons[c.name]) for c in late)
    return (*(c for c in candidates if c.name not in reasons), *moved)
