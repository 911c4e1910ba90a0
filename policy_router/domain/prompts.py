"""Prompts: instructions and parameters that some models get with a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition

ParameterValue: TypeAlias = str | float | bool
"""A parameter of a call, or one entry of a list; whole numbers are `int`."""


class Placement(StrEnum):
    """Where a text goes, in relation to the caller's own system text."""

    BEFORE = "before"
    AFTER = "after"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Prompt:
    """An addition to the calls of some models. No call depends on it in this version.

    Attributes:
        name: Its name in the policy.
        models: Names of the models it is for.
        when: Requests it is about; None is all of them.
        system: Text for the model; None adds none.
        place: Where the text goes, in relation to the caller's own system text.
        params: Parameters of the call by name; a list is a tuple.
        span: Its position in the policy files.
    """

    name: str
    models: tuple[str, ...]
    when: Condition | None = None
    system: str | None = None
    place: Placement = Placement.BEFORE
    params: Mapping[str, ParameterValue | tuple[ParameterValue, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    span: Span | None = field(default=None, compare=False, repr=False)
