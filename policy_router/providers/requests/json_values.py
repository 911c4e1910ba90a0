"""Turns the values of a request into plain JSON, the one form that is read, counted and sent.

Messages may be dicts or objects (such as the message of an earlier answer), and text may contain
characters that cannot be encoded. What is counted must be what is sent, and what cannot be sent
must be refused before any model is called: a provider's client would fail on it in ways that look
like the provider's fault. The same pass enforces the bounds of a request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from policy_router.base_errors import UsageError
from policy_router.errors import TooLargeError
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from policy_router.providers.requests.bounds import Bounds


LARGEST: Final = 1e308
"""The largest number that is sent. Infinity and NaN are not JSON, and Python does not write
integers of more than 4,300 digits."""
_SHOWN: Final = 6
"""Steps of a path that a message shows, counted from the outside."""
_HALVES: Final = 10_000
"""The most halves of surrogate pairs that are replaced in one text; each takes a microsecond."""


def json_text(value: object) -> bytes:
    """The JSON text of a body that is sent, in UTF-8.

    Args:
        value: Dicts, lists, strings, numbers, booleans and None.
    """
    try:
        return to_json(value)
    except ValueError:  # `json` takes halves of surrogate pairs and deeper values, and is slower
        return json.dumps(value).encode()


class _Unsendable(Exception):  # noqa: N818  never leaves this module
    """A value that cannot be sent.

    Attributes:
        path: Where it is, from the inside out.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []


class Allowance:
    """How much of the bounds is left while one body is read."""

    __slots__ = ("bounds", "characters", "values")

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.bounds = bounds
        self.values = bounds.values
        self.characters = bounds.characters

    def take(self, values: int) -> None:
        """Counts values."""
        self.values -= values
        if self.values < 0:
            raise TooLargeError(
                f"the request contains more than {self.bounds.values:,} values, the most allowed"
            )

    def take_text(self, text: str) -> None:
        """Counts the characters of a text."""
        self.characters -= len(text)
        if self.characters < 0:
            raise TooLargeError(
                f"the request contains more than {self.bounds.characters:,} characters, the most "
                "allowed"
            )


def to_json_values(value: object, name: str, room: Allowance | None = None) -> Any:
    """The value as dicts, lists, strings, numbers, booleans and None.

    Half of a surrogate pair becomes U+FFFD; fields of objects that are None are left out.

    Args:
        value: What a caller passed.
        name: What the value is called in messages.
        room: How much of the bounds is left for it; all of them by default.

    Raises:
        UsageError: A part of it cannot be sent; the message says where it is.
        TooLargeError: It is beyond the bounds.
    """
    room = Allowance() if room is None else room
    try:
        return _plain(value, room.bounds.depth, room)
    except _Unsendable as problem:
        path = name + "".join(reversed(problem.path[-_SHOWN:]))
        raise UsageError(f"`{path}` cannot be sent: {problem}") from None


def _plain(value: object, levels: int, room: Allowance) -> Any:
    if isinstance(value, str):
        room.take_text(value)
        return value if value.isascii() else _encodable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:
            raise _Unsendable("JSON has no such number")
        return value
    if levels == 0:
        raise _Unsendable(f"it is nested more than {room.bounds.depth} levels deep")
    if isinstance(value, Mapping):
        return _mapping(value, levels, room)
    if isinstance(value, list | tuple):
        room.take(len(value))
        items = []
        for inner in value:
            try:
                items.append(_plain(inner, levels - 1, room))
            except _Unsendable as problem:
                problem.path.append(f"[{len(items)}]")
                raise
        return items
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return _plain(dump(exclude_none=True), levels - 1, room)
    raise _Unsendable(f"a value of type `{type(value).__name__}` is not JSON")


def _mapping(value: Mapping[Any, object], levels: int, room: Allowance) -> dict[str, Any]:
    room.take(len(value))
    fields = {}
    for key, inner in value.items():
        try:
            name = str(key)
            room.take_text(name)
            fields[_encodable(name)] = _plain(inner, levels - 1, room)
        except _Unsendable as problem:
            problem.path.append(f".{quoted(key)}")
            raise
    return fields


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Each half takes three bytes in one encoding and none in the other.
        halves = len(text.encode("utf-8", "surrogatepass")) - len(text.encode("utf-8", "ignore"))
        if halves > 3 * _HALVES:
            raise _Unsendable(
                f"it contains more than {_HALVES:,} halves of surrogate pairs"
            ) from None
        # Two adjacent halves are joined first: they are one character.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
