"""What a caller hands over, as plain JSON: one shape for everything that reads, counts or sends it.

Messages come as dicts, as pydantic objects (the message of an earlier answer), with text that no
encoding knows. What is counted must be what is sent, and what cannot be sent must be refused before
anybody is called: a provider's client would fail on it in ways that look like the provider's fault.
The same pass keeps to the bounds of a request, and stops where one is passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.errors import TooLargeError
from policy_router.providers.bounds import BOUNDS
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from policy_router.providers.bounds import Bounds


LARGEST: Final = 1e308
"""Beyond it, or no number at all, a float cannot be written; and Python writes no longer whole
number than one of 4,300 digits."""
_SHOWN: Final = 6
"""Steps of a path that a message shows, the first ones."""
_HALVES: Final = 10_000
"""Halves of surrogate pairs that are replaced in one text; each takes a microsecond."""


class _Strange(Exception):  # noqa: N818  never leaves this module
    """A value that cannot be sent. path: where it is, from the inside out."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []


class Allowance:
    """What is left of the bounds while one body is read."""

    __slots__ = ("bounds", "characters", "values")

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.bounds = bounds
        self.values = bounds.values
        self.characters = bounds.characters

    def take(self, values: int) -> None:
        """Counts so many values."""
        self.values -= values
        if self.values < 0:
            raise TooLargeError(
                f"the request holds more than {self.bounds.values:,} values, the most allowed"
            )

    def take_text(self, text: str) -> None:
        """Counts the characters of a text."""
        self.characters -= len(text)
        if self.characters < 0:
            raise TooLargeError(
                f"the request holds more than {self.bounds.characters:,} characters, the most "
                "allowed"
            )


def to_json_values(value: object, name: str, room: Allowance | None = None) -> Any:
    """The value as dicts, lists, text, numbers, truth values and None. Half of a surrogate pair
    becomes U+FFFD; what is None in an object is left out.

    name: what the value is called. room: what is left for it. Raises UsageError for anything else,
    with its place, and TooLargeError when there is no room.
    """
    room = Allowance() if room is None else room
    try:
        return _plain(value, room.bounds.depth, room)
    except _Strange as found:
        where = name + "".join(reversed(found.path[-_SHOWN:]))
        raise UsageError(f"`{where}` cannot be sent: {found}") from None


def _plain(value: object, left: int, room: Allowance) -> Any:
    if isinstance(value, str):
        room.take_text(value)
        return value if value.isascii() else _encodable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:
            raise _Strange("it is no number that every reader of JSON knows")
        return value
    if left == 0:
        raise _Strange(f"it is nested more than {room.bounds.depth} levels deep")
    if isinstance(value, Mapping):
        return _mapping(value, left, room)
    if isinstance(value, list | tuple):
        room.take(len(value))
        found = []
        for inner in value:
            try:
                found.append(_plain(inner, left - 1, room))
            except _Strange as strange:
                strange.path.append(f"[{len(found)}]")
                raise
        return found
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return _plain(dump(exclude_none=True), left - 1, room)
    raise _Strange(f"{type(value).__name__} is nothing that JSON can say")


def _mapping(value: Mapping[Any, object], left: int, room: Allowance) -> dict[str, Any]:
    room.take(len(value))
    found = {}
    for key, inner in value.items():
        try:
            word = str(key)
            room.take_text(word)
            found[_encodable(word)] = _plain(inner, left - 1, room)
        except _Strange as strange:
            strange.path.append(f".{quoted(key)}")
            raise
    return found


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Each half takes three bytes in the one encoding and none in the other.
        halves = len(text.encode("utf-8", "surrogatepass")) - len(text.encode("utf-8", "ignore"))
        if halves > 3 * _HALVES:
            raise _Strange(f"it holds more than {_HALVES:,} halves of surrogate pairs") from None
        # Two halves beside each other are put together first: they are one sign.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
