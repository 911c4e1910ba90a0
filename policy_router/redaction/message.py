"""Makes a message from outside safe to keep: short, without credentials, without the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from policy_router.redaction.mask import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 200
"""Characters of a message that are kept."""
_WINDOW: Final = 12
_STEP: Final = 4
"""Every echo of `_WINDOW + _STEP` letters or more contains one whole window at a multiple of the
step, so a few searches find it in a prompt of any length."""
_SHORT: Final = 6
"""Shorter pieces of a prompt ("hi") are in any message by chance and reveal nothing."""
_WITHHELD: Final = "message withheld: it repeats the {}"

_URL: Final = re.compile(r"\b\w+://\S+")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_LETTERS: Final = re.compile(r"[\W_]+")
_NO_LETTERS: Final = bytes(b for b in range(128) if not chr(b).isalnum())
_API_KEYS: Final = frozenset({"role", "type", "detail", "format"})
"""Keys of a body whose values are words of the API, not of the caller."""


def redact(message: str, prompt: object, what: str = "prompt") -> str:
    """Return a message that may be kept and logged.

    Args:
        message: Text of a provider or of a user's function.
        prompt: A value of JSON, none of whose texts may be repeated.
        what: What the prompt is called when the message is withheld.

    Returns:
        At most `LIMIT` characters of the message on one line, without credentials and addresses; a
        fixed text when the message repeats a piece of the prompt.
    """
    head = message[: LIMIT * 4].partition("Traceback (most recent call last)")[0]
    if echoes(head, prompt):
        return _WITHHELD.format(what)
    head = _SPACE.sub(" ", _URL.sub("***", remove(head))).strip()
    return head if len(head) <= LIMIT else head[: LIMIT - 1] + "\N{HORIZONTAL ELLIPSIS}"


def is_safe(code: str, prompt: object) -> bool:
    """Whether a provider's error code may be kept: it is neither a credential nor cut out of the
    prompt.

    A code that happens to be part of one text of the prompt is not safe either.
    """
    if remove(code) != code:
        return False
    folded = _fold(code)
    return bool(folded) and not any(folded in _fold(text) for text in _texts(prompt))


def echoes(message: str, prompt: object) -> bool:
    """Whether a message repeats a piece of the prompt."""
    folded = _fold(message)
    starts = range(0, max(len(folded) - _WINDOW, 0) + 1, _STEP)
    windows = [folded[i : i + _WINDOW] for i in starts]
    for text in _texts(prompt):
        piece = _fold(text)
        if len(piece) < _SHORT:
            continue
        if len(piece) < _WINDOW + _STEP:
            if piece in folded:
                return True
        elif any(len(window) == _WINDOW and window in piece for window in windows):
            return True
    return False


def _fold(text: str) -> str:
    """Return letters and digits only: an echo may be escaped, wrapped or in another case."""
    if text.isascii():  # the same, a hundred times faster: a prompt may have many megabytes
        return text.encode().translate(None, _NO_LETTERS).lower().decode()
    return _LETTERS.sub("", text).lower()


def _texts(value: object) -> Iterator[str]:
    """Yield every text of a value of JSON except those that are words of the API."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            stack.extend(inner for key, inner in node.items() if key not in _API_KEYS)
        elif isinstance(node, list | tuple):
            if node and all(type(each) is int for each in node):
                yield " ".join(map(str, node))  # the tokens of a text
            else:
                stack.extend(node)
