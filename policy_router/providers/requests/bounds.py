"""Limits how large a request may be; a larger one is refused before anything else reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Final

from policy_router.base_errors import UsageError
from policy_router.errors import TooLargeError
from policy_router.quoting import quoted

DEEPEST: Final = 200
"""The largest `Bounds.depth`: deeper values cannot be copied and serialised safely."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a request may contain; a larger one raises TooLargeError.

    Attributes:
        messages: Messages of the conversation.
        values: Strings, numbers, lists and mappings in the whole body, nested ones included.
        characters: Characters of all strings together, encoded pictures included.
        depth: Levels of nested lists and mappings, at most 200.
        facts: Tags, needs, attributes or sort keys, each.
        fact_characters: Characters of one name or value of these, and of a task, user, tenant,
            team, key, language or model.

    Raises:
        UsageError: One of them is not an integer of at least 1.
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
                raise UsageError(f"`{field.name}` of `Bounds` must be an integer, at least 1")
        if self.depth > DEEPEST:
            raise UsageError(f"`depth` of `Bounds` must be at most {DEEPEST}")

    def check_facts(self, facts: Mapping[str, object]) -> dict[str, object]:
        """The facts as they were given; an iterator becomes a list.

        Args:
            facts: What a caller states, by name.

        Raises:
            TooLargeError: One of them is beyond the bounds.
        """
        return {
            name: value if value is None else self._checked(name, value)
            for name, value in facts.items()
        }

    def _checked(self, name: str, value: object) -> object:
        if isinstance(value, str):
            self._short(name, value)
        elif isinstance(value, Mapping):
            self._few(name, value)
            for key, inner in value.items():
                self._short(name, key)
                self._short(name, inner)
        elif isinstance(value, Iterable):
            items = list(islice(value, self.facts + 1))
            self._few(name, items)
            for item in items:
                self._short(name, item)
            return items if iter(value) is value else value
        return value

    def _few(self, name: str, value: Mapping[object, object] | list[object]) -> None:
        if len(value) > self.facts:
            raise TooLargeError(f"`{name}` has more than {self.facts:,} entries, the most allowed")

    def _short(self, name: str, value: object) -> None:
        if isinstance(value, str) and len(value) > self.fact_characters:
            raise TooLargeError(
                f"`{name}` contains a string of {len(value):,} characters, more than the "
                f"{self.fact_characters:,} allowed: `{quoted(value)}`"
            )


BOUNDS: Final = Bounds()
"""The default bounds of a router."""

_FEW: Final = 1_000
_SHORT: Final = 200_000
"""Values and ASCII characters that are read within 5 ms; `benchmarks/lag.py` shows it."""
_NESTED: Final = (dict, list, tuple)  # a union would be made anew for each value
_BEYOND_ASCII: Final = 4
"""ASCII characters that take as long to read as another one does."""


def is_small(value: object) -> bool:
    """Whether a body is so small that an event loop can wait while it is read.

    Anything that is not a plain list, tuple, dict or string counts as one value.
    """
    values = characters = 0
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            characters += len(current) * (1 if current.isascii() else _BEYOND_ASCII)
            if characters > _SHORT:
                return False
        elif isinstance(current, _NESTED):
            values += len(current)
            if values > _FEW:
                return False
            stack.extend(current.values() if isinstance(current, dict) else current)
    return True
