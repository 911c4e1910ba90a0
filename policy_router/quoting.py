"""Quotes callers' values in messages: short, and on one line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 60
"""Maximum number of characters of a value that a message quotes."""
_COMPARED: Final = 64
"""A longer word is not compared with the known ones: it is not a typo."""
_CANDIDATES: Final = 1_000
_SHOWN: Final = 12
"""Maximum number of known words that a message lists."""


def quoted(value: object) -> str:
    """A value as text: at most `LONGEST` characters, without line breaks and control characters.

    For a value that is neither a string nor a number, only the type is shown.
    """
    try:
        # Truncate first: it may have any length.
        text = str.__str__(value)[: LONGEST + 1] if isinstance(value, str) else _written(value)
    except ValueError:  # Python does not print whole numbers of more than 4,300 digits
        text = "a number of thousands of digits"
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _written(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return f"a value of type {type(value).__name__}"


def unknown(what: str, word: object, known_words: Iterable[str]) -> str:
    """The message about an unknown word, with a suggestion or else a list of the known words.

    Args:
        what: What the word is.
        word: The unknown word, of any type.
        known_words: The known words.
    """
    choices = list(dict.fromkeys(known_words))
    message = f"unknown {what} `{quoted(word)}`"
    if not choices:
        return f"{message}: the policy has none"
    if isinstance(word, str) and len(word) <= _COMPARED:
        folded = {other.casefold(): other for other in reversed(choices[:_CANDIDATES])}
        near = get_close_matches(word.casefold(), folded, 1, 0.7)
        if near:
            return f"{message}; did you mean `{quoted(folded[near[0]])}`?"
    shown = ", ".join(f"`{quoted(other)}`" for other in choices[:_SHOWN])
    more = len(choices) - _SHOWN
    return f"{message}: the known ones are {shown}" + (f" and {more} more" if more > 0 else "")
