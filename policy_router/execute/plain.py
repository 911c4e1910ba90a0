"""What a caller hands over, as plain JSON: one shape for everything that reads, counts or sends it.

Messages come as dicts, as pydantic objects (the message of an earlier answer), with text that no
encoding knows. What is counted must be what is sent, and what cannot be sent must be refused before
anybody is called: a provider's client would fail on it in ways that look like the provider's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policy_router.errors import UsageError

DEEPEST: Final = 200
"""Levels of lists and mappings within each other."""
LARGEST: Final = 1e308
"""Beyond it, or no number at all, a float cannot be written; and Python writes no longer whole
number than one of 4,300 digits."""
_SHOWN: Final = 6
"""Steps of a path that a message shows, the first ones."""


class _Strange(Exception):  # noqa: N818  never leaves this module
    """A value that cannot be sent. path: where it is, from the inside out."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []


def plain(value: object, name: str) -> Any:
    """The value as dicts, lists, text, numbers, truth values and None. Half of a surrogate pair
    becomes U+FFFD; what is None in an object is left out.

    name: what the value is called. Raises UsageError for anything else, with its place.
    """
    try:
        return _plain(value, DEEPEST)
    except _Strange as found:
        where = name + "".join(reversed(found.path[-_SHOWN:]))
        raise UsageError(f"`{where}` cannot be sent: {found}") from None


def _plain(value: object, left: int) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else _encodable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:
            raise _Strange("it is no number that every reader of JSON knows")
        return value
    if left == 0:
        raise _Strange(f"it is nested more than {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return _mapping(value, left)
    if isinstance(value, list | tuple):
        found = []
        for inner in value:
            try:
                found.append(_plain(inner, left - 1))
            except _Strange as strange:
                strange.path.append(f"[{len(found)}]")
                raise
        return found
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return _plain(dump(exclude_none=True), left - 1)
    raise _Strange(f"{type(value).__name__} is nothing that JSON can say")


def _mapping(value: Mapping[Any, object], left: int) -> dict[str, Any]:
    found = {}
    for key, inner in value.items():
        try:
            found[_encodable(str(key))] = _plain(inner, left - 1)
        except _Strange as strange:
            strange.path.append(f".{key}")
            raise
    return found


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves beside each other are put together first: they are one sign.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
