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
"""Every level that a provider may have, least first."""

USUAL_LEVELS: Final = frozenset({"low", "medium", "high"})
"""The levels of nearly every model whose effort can be set."""


def nearest_level(effort: str, levels: AbstractSet[str]) -> str:
    """Return the level of a model that is nearest to an effort.

    Of two that are equally near it is the lower one, which costs less.

    Args:
        effort: One of `LEVELS`, the effort that is asked for.
        levels: The levels that the model has, at least one.
    """
    wanted = LEVELS.index(effort)
    return min(levels, key=lambda level: (abs(LEVELS.index(level) - wanted), LEVELS.index(level)))
