"""Prompts: instructions and parameters that some models get with a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.text_size import text_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition
    from policy_router.domain.json_value import JsonValue

_FRAME: Final = 4
"""Estimated token overhead of a message around a text."""
_LARGEST_FRAME: Final = 64
"""Maximum token overhead of a message around a text, with the lines between two texts."""


class Placement(StrEnum):
    """Where a text goes, in relation to the caller's own system text."""

    BEFORE = "before"
    AFTER = "after"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Prompt:
    """An addition to the calls of some models: a text, parameters, or both.

    A model gets only the first prompt of the policy that lists it and whose condition holds.

    Attributes:
        name: Its name in the policy.
        models: Names of the models it is for.
        when: The requests that it applies to; None for all.
        system: Text for the model; None adds none.
        place: Where the text goes, in relation to the caller's own system text.
        params: Parameters of the call by name, without the cap on the answer.
        max_tokens: Cap on the answer, in tokens; None sets none.
        force: Whether the parameters override those of the caller and of the model, rather than
            only fill gaps.
        span: Its position in the policy files.
        tokens: Estimate of the input tokens that the text adds. A text that replaces the caller's
            is counted in addition to it, so that the count is never too low.
        most_tokens: An upper bound on the input tokens that the text adds.
    """

    name: str
    models: tuple[str, ...]
    when: Condition | None = None
    system: str | None = None
    place: Placement = Placement.BEFORE
    params: Mapping[str, JsonValue] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    max_tokens: int | None = None
    force: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)
    tokens: int = field(init=False, compare=False, repr=False)
    most_tokens: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Measure the text once."""
        size = None if self.system is None else text_size(self.system, _FRAME, _LARGEST_FRAME)
        object.__setattr__(self, "tokens", 0 if size is None else size.tokens)
        object.__setattr__(self, "most_tokens", 0 if size is None else size.most)

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the parameters that it sets."""
        return (*self.params, *(() if self.max_tokens is None else ("max_tokens",)))

    def as_dict(self) -> dict[str, object]:
        """Return what it adds to a call as plain JSON values, without its text."""
        return {
            "name": self.name,
            "place": None if self.system is None else self.place.value,
            "tokens": self.tokens,
            "params": list(self.sets),
            "force": self.force,
        }
