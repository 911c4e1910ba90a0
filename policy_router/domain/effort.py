"""How much a model reasons before it answers."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class Effort(StrEnum):
    """How much a model reasons before it answers, least first."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    MAX = "max"


LEVELS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every level that a provider may support, lowest first."""

USUAL_LEVELS: Final = frozenset({"low", "medium", "high"})
"""The levels that nearly every model with a configurable effort supports."""


def nearest_level(effort: str, levels: AbstractSet[str]) -> str:
    """Return the level of a model that is nearest to an effort.

    In a tie it is the lower one, which costs less.

    Args:
        effort: One of `LEVELS`, the requested effort.
        levels: The levels that the model has, at least one.
    """
    wanted = LEVELS.index(effort)
    return min(levels, key=lambda level: (abs(LEVELS.index(level) - wanted), LEVELS.index(level)))
