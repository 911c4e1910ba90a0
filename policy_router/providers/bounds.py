"""How large a request may be: refused beyond it, before anything else looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Final

from policy_router.base_errors import UsageError
from policy_router.errors import TooLargeError
from policy_router.quoting import quoted

DEEPEST: Final = 200
"""The largest `Bounds.depth`: what is nested deeper cannot be copied and written safely."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a request may have; TooLargeError beyond it.

    messages: in the conversation. values: texts, numbers, lists and mappings of the whole body,
    each within each counted. characters: of all its texts together, encoded pictures included.
    depth: levels of lists and mappings within each other, at most 200. facts: tags, needs,
    attributes and sort keys, each. fact_characters: of one name or value of them, and of a task,
    user, tenant, team, key, language or model.
    """

    messages: int = 10_000
    values: int = 200_000
    characters: int = 50_000_000
    depth: int = DEEPEST
    facts: int = 1_000
    fact_characters: int = 4_096

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise UsageError(f"`{field.name}` of Bounds is a whole number, at least 1")
        if self.depth > DEEPEST:
            raise UsageError(f"`depth` of Bounds is at most {DEEPEST}")

    def check_facts(self, facts: Mapping[str, object]) -> dict[str, object]:
        """The facts as they were given, none larger than it may be; what can be read only once
        becomes a list."""
        return {name: self._checked(name, value) for name, value in facts.items()}

    def _checked(self, name: str, value: object) -> object:
        if isinstance(value, str):
            self._short(name, value)
        elif isinstance(value, Mapping):
            self._few(name, value)
            for key, inner in value.items():
                self._short(name, key)
                self._short(name, inner)
        elif isinstance(value, Iterable):
            words = list(islice(value, self.facts + 1))
            self._few(name, words)
            for word in words:
                self._short(name, word)
            return words if iter(value) is value else value
        return value

    def _few(self, name: str, value: Mapping[object, object] | list[object]) -> None:
        if len(value) > self.facts:
            raise TooLargeError(f"`{name}` has more than {self.facts:,} entries, the most allowed")

    def _short(self, name: str, value: object) -> None:
        if isinstance(value, str) and len(value) > self.fact_characters:
            raise TooLargeError(
                f"`{name}` has a text of {len(value):,} characters, more than the "
                f"{self.fact_characters:,} allowed: `{quoted(value)}`"
            )


BOUNDS: Final = Bounds()
"""What holds unless the program that opens a router says otherwise."""

_FEW: Final = 2_000
_SHORT: Final = 200_000
"""Values and characters that are read within some milliseconds."""


def is_small(value: object) -> bool:
    """Whether an event loop can wait while a body is read. What is neither a plain list, mapping
    nor text counts as one value."""
    values = characters = 0
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            characters += len(here)
        elif isinstance(here, dict | list | tuple):
            values += len(here)
            if values > _FEW:
                return False
            stack.extend(here.values() if isinstance(here, dict) else here)
        if characters > _SHORT:
            return False
    return True
