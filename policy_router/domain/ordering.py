"""The sort keys of `prefer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from policy_router.diagnostics import Span


class SortKey(StrEnum):
    """A key of `prefer`; each sorts models by one property, best first."""

    FREE = "free"
    LOCAL = "local"
    SMALLEST = "smallest"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    QUALITY = "quality"
    RELIABLE = "reliable"
    VALUE = "value"
    HEADROOM = "headroom"
    SPREAD = "spread"
    SAME_MODEL = "same_model"


@dataclass(frozen=True, slots=True)
class FunctionKey:
    """A key of `prefer` whose values come from a user-defined function.

    Attributes:
        function: The function, as `module:function`.
        span: Where it is written.
    """

    function: str
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def value(self) -> str:
        """The key as written in a policy."""
        return f"python: {self.function}"

    def __str__(self) -> str:
        return self.value


OrderKey: TypeAlias = SortKey | FunctionKey
"""Anything that a policy may sort models by."""
