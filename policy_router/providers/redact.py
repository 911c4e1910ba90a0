"""Makes a provider's message fit to keep: short, without keys, without the caller's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, Final

from policy_router.redaction import strip

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 200
_WINDOW: Final = 12
_STEP: Final = 4
"""Every echo of `_WINDOW + _STEP` letters or more holds one whole window at a multiple of the
step, so few searches find it in a prompt of any length."""
_SHORT: Final = 6
"""Shorter pieces of a prompt ("hi") are in any message by chance and give nothing away."""
_CHAIN: Final = 5
_FRAMES: Final = 6
"""Exceptions of a chain, and places of each, that are told."""
_WITHHELD: Final = "message withheld: it repeats the {}"

_URL: Final = re.compile(r"\b\w+://\S+")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_LETTERS: Final = re.compile(r"[\W_]+")
_NO_LETTERS: Final = bytes(b for b in range(128) if not chr(b).isalnum())


def redact(message: str, prompt: object, what: str = "prompt") -> str:
    """At most 200 characters of the message on one line; a fixed text instead when the message
    repeats a piece of the prompt (any text within that value of JSON). what: the prompt's name."""
    head = message[: LIMIT * 4].partition("Traceback (most recent call last)")[0]
    if echoes(head, prompt):
        return _WITHHELD.format(what)
    head = _SPACE.sub(" ", _URL.sub("***", strip(head))).strip()
    return head if len(head) <= LIMIT else head[: LIMIT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def is_safe(code: str, prompt: object) -> bool:
    """Whether a provider's error code may be kept: no key, and no word of the prompt in its place.
    A code that is cut out of one text of the prompt is left out even if it is one by chance."""
    if strip(code) != code:
        return False
    word = _fold(code)
    return bool(word) and not any(word in _fold(text) for text in _texts(prompt))


def frames(error: BaseException) -> str:
    """An exception and those it came from as class names and places, without any value: messages
    and variables may hold the prompt."""
    parts: list[str] = []
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen and len(parts) < _CHAIN:
        seen.add(id(here))
        places = [
            f"{PurePath(frame.f_code.co_filename).name}:{number} in {frame.f_code.co_name}"
            for frame, number in walk_tb(here.__traceback__)
        ]
        parts.append(" < ".join([type(here).__name__, *reversed(places[-_FRAMES:])]))
        here = here.__cause__ or here.__context__
    return "; from ".join(parts)


def echoes(message: str, prompt: object) -> bool:
    """Whether a message repeats a piece of the prompt."""
    said = _fold(message)
    windows = [said[i : i + _WINDOW] for i in range(0, max(len(said) - _WINDOW, 0) + 1, _STEP)]
    for text in _texts(prompt):
        piece = _fold(text)
        if len(piece) < _SHORT:
            continue
        if len(piece) < _WINDOW + _STEP:
            if piece in said:
                return True
        elif any(len(w) == _WINDOW and w in piece for w in windows):
            return True
    return False


def _fold(text: str) -> str:
    """Letters and digits only: an echo may come escaped, wrapped or in other case."""
    if text.isascii():  # the same, and a hundred times faster: a prompt may be of many megabytes
        return text.encode().translate(None, _NO_LETTERS).lower().decode()
    return _LETTERS.sub("", text).lower()


def _texts(value: object) -> Iterator[str]:
    """Every `content`-like text of a value of JSON: all strings except those under keys whose
    values are words of the API itself."""
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Mapping):
            stack.extend(v for k, v in here.items() if k not in _API_KEYS)
        elif isinstance(here, list | tuple):
            stack.extend(here)


_API_KEYS: Final = frozenset({"role", "type", "detail", "format"})
