"""Patterns for words and phrases that are not part of other words."""

from __future__ import annotations

import re
from typing import Final

_SPACELESS: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Code points of scripts that put no spaces around words, or attach particles to them."""
_JOINS: Final = f"[^\\W{''.join(f'{chr(low)}-{chr(high)}' for low, high in _SPACELESS)}]"
"""A character that continues a word: a letter, a digit or `_`, of a script with spaces between
words."""


def whole_word(word: str) -> re.Pattern[str]:
    """Return a pattern for a word or phrase that is not part of other words.

    A literal is first in the pattern, so that the search is as fast as one for plain text.
    """
    first, *others = map(re.escape, word.split(" "))
    before = f"(?<!{_JOINS}{first})" if re.match(_JOINS, word[0]) else ""
    after = f"(?!{_JOINS})" if re.match(_JOINS, word[-1]) else ""
    return re.compile(r"\s+".join([first + before, *others]) + after)


_RUN: Final = re.compile(f"{_JOINS}+")
_BETWEEN: Final = re.compile(f"(?!{_JOINS}).", re.DOTALL)
_AT_ONCE: Final = 50_000
"""Characters after which other threads may go on: one search holds them up as long as it takes."""


def words_in(text: str) -> frozenset[str]:
    """The words of a text: each sequence of characters that continue a word."""
    collected: set[str] = set()
    start = 0
    while start < len(text):
        between = _BETWEEN.search(text, start + _AT_ONCE)
        end = len(text) if between is None else between.start()
        collected.update(_RUN.findall(text, start, end))
        start = end
    return frozenset(collected)


def is_one_word(word: str) -> bool:
    """Whether a text contains a word by itself exactly if it is among `words_in` the text."""
    return _RUN.fullmatch(word) is not None


_ASCII_JOINS: Final = re.compile(r"[0-9A-Za-z_]")
_SPACES: Final = (
    rb"(?:[\t-\r\x1c- ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f"
    rb"|\xe3\x80\x80)+"
)
"""White space as Python defines it, in UTF-8."""


def in_bytes(word: str) -> bytes:
    """Return an RE2 pattern that finds a word or phrase in UTF-8 wherever `whole_word` does, and
    next to letters beyond ASCII also where it is part of another word.
    """
    parts = [_quoted(part.encode("utf-8", "surrogatepass")) for part in word.split(" ")]
    before = rb"\b" if _ASCII_JOINS.match(word[0]) else b""
    after = rb"\b" if _ASCII_JOINS.match(word[-1]) else b""
    return before + _SPACES.join(parts) + after


def _quoted(literal: bytes) -> bytes:
    """Return an RE2 pattern for these bytes."""
    return b"".join(b"\\x%02x" % byte for byte in literal)
