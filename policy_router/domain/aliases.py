"""Aliases: names that callers may ask for in place of the name of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span

ANY_MODEL: Final = "auto"
"""The model name that leaves the choice to the policy, unless an alias has this name."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name, or a pattern of names, that callers may ask for in place of the name of a model.

    A request that asks for it gets only these models, in this order, if the rules allow them.

    Attributes:
        name: The name, or the pattern with `*`, `?` and `[...]`.
        groups: For each selector the names of the models that it adds; models of one group have
            the usual order.
        is_pattern: Whether the name is a pattern.
        span: Its position in the policy files.
    """

    name: str
    groups: tuple[tuple[str, ...], ...]
    is_pattern: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)
