"""What a search for fields without effect yields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from policy_router.language.source import Path


class IdleField(NamedTuple):
    """A field that has no effect.

    Attributes:
        path: Where it is in the policy.
        reason: Why it has none, as a message for the author.
        remedy: What to write instead.
    """

    path: Path
    reason: str
    remedy: str
