"""Values of a caller as they stand in a message: short, on one line, whatever they are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 60
"""Characters of a value that a message repeats."""
_COMPARED: Final = 64
"""A longer word is compared with nothing: it is no slip of the pen."""
_CANDIDATES: Final = 1_000
_SHOWN: Final = 12
"""Known words that a message lists."""


def quoted(value: object) -> str:
    """At most `LONGEST` characters of the value as text, without line breaks and what could drive
    a terminal. Of what is neither a text nor a number, the type alone."""
    try:
        # Cut before it is looked at: it may be of any length.
        text = str.__str__(value)[: LONGEST + 1] if isinstance(value, str) else _written(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = "a number of thousands of digits"
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _written(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return f"a value of type {type(value).__name__}"


def unknown(what: str, word: object, known: Iterable[str]) -> str:
    """The message for a word that is not known: what was meant, or else the words there are."""
    words = list(dict.fromkeys(known))
    said = f"unknown {what} `{quoted(word)}`"
    if not words:
        return f"{said}: the policy has none"
    if isinstance(word, str) and len(word) <= _COMPARED:
        folded = {each.casefold(): each for each in reversed(words[:_CANDIDATES])}
        near = get_close_matches(word.casefold(), folded, 1, 0.7)
        if near:
            return f"{said}; did you mean `{quoted(folded[near[0]])}`?"
    shown = ", ".join(f"`{quoted(each)}`" for each in words[:_SHOWN])
    more = len(words) - _SHOWN
    return f"{said}: known are {shown}" + (f" and {more} more" if more > 0 else "")
