"""The features that the learned model reads from a text: small integers and its distinct words.

The features are of what a text says, not of how it is set: the same question in LaTeX or plain, in
Markdown or not, with options as `A.`, `B)` or `(C)`, has the same words and nearly the same
numbers. Everything is counted in C over the bytes, so a page takes some ten microseconds and the
time is linear in the text. Counts are on a logarithmic scale of half octaves: the step from 1 to 2
is as large as that from 100 to 200.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

SIGNS: Final = "=(,.?%'\"-/:;|\n"
"""Characters whose number is a feature: none that Markdown or LaTeX adds."""
CODE: Final = ("for ", "if ", "while ", "return")
"""Words of source code whose number is a feature; in prose they are rare or evenly spread."""

NAMES: Final = (
    "bytes", "words", "letters_per_word", "repetition", "capitals", "numbers",
    "digits_per_number", "options", "stem", "bytes_per_option", *SIGNS, *CODE,
)  # fmt: skip
"""Names of the numbers, in order."""

_DIGITS: Final = b"0123456789"
_CAPITALS: Final = bytes(range(ord("A"), ord("Z") + 1))
_WORDS: Final = bytes(
    byte + 32 if byte in _CAPITALS else byte if byte >= 128 or byte in range(97, 123) else 32
    for byte in range(256)
)
"""Makes letters lower case, keeps bytes of other scripts, and replaces the rest by spaces."""
_NUMBERS: Final = bytes(byte if byte in _DIGITS else 32 for byte in range(256))
_SIGNS: Final = tuple(sign.encode() for sign in SIGNS)
_CODE: Final = tuple(word.encode() for word in CODE)
_PLAIN: Final = bytes(byte for byte in range(256) if chr(byte) not in SIGNS)

_UNSEEN: Final = b" \t\r\n$\\`*#{}^_~&"
"""Bytes that are not counted: spaces and marks of LaTeX and Markdown."""
_FENCES: Final = re.compile(rb"^[ \t]*(?:```|~~~)[^\n`]*(?:\n|\Z)", re.MULTILINE)
_COMMANDS: Final = re.compile(rb"\\(?:[a-zA-Z]+|[()\[\],;:! ])")
"""Commands of LaTeX, and its parentheses and spaces."""
_COMMAND_WORDS: Final = frozenset(
    b"frac dfrac tfrac sqrt cdot cdots ldots mathbb mathrm mathbf mathcal leq geq neq infty binom "
    b"displaystyle textbf".split()
)
"""Names of commands that are no words of English: where only the signs of LaTeX were removed, they
are left."""
_OPTIONS: Final = re.compile(
    rb"^[ \t]*(?:[-+*][ \t]+)?\*{0,2}[(\[]?\*{0,2}([A-J])\*{0,2}[.):\]]\*{0,2}[ \t]+", re.MULTILINE
)
"""The beginning of a line that may be an option: `A. `, `B) `, `(C) `, `- **D.** `."""
_INLINE: Final = re.compile(rb"(?<=[ \t])\(?([A-J])\)[ \t]+")
"""The beginning of what may be an option within a line."""
_MOST: Final = 10
"""Options that are counted."""


class LearnedFeatures(NamedTuple):
    """The features of a text.

    Attributes:
        numbers: In the order of `NAMES`; none is negative.
        words: The distinct words, in lower case, as UTF-8.
    """

    numbers: tuple[int, ...]
    words: frozenset[bytes]


def features_of(text: str) -> LearnedFeatures:
    """Read the features of any text, lone surrogates included, in time linear in its length."""
    data, options, stem = _options(_unset(text.encode("utf-8", "surrogatepass")))
    size = len(data.translate(None, _UNSEEN))
    spaced = data.translate(_WORDS)
    all_words = spaced.split()
    distinct = frozenset(all_words) - _COMMAND_WORDS
    total = len(all_words)
    letters = len(data) - spaced.count(b" ")
    numbers = len(data.translate(_NUMBERS).split())
    digits = len(data) - len(data.translate(None, _DIGITS))
    capitals = len(data) - len(data.translate(None, _CAPITALS))
    # Few bytes are signs, so counting each in the remaining bytes is cheaper than in the text.
    signs = data.translate(None, _PLAIN)
    return LearnedFeatures(
        (
            _half_octaves(size),
            _half_octaves(total),
            min(40, 4 * letters // (total + 1)),
            20 * (total - len(distinct)) // (total + 1),
            min(32, 128 * capitals // (size + 1)),
            _half_octaves(numbers),
            min(24, 2 * digits // (numbers + 1)),
            options,
            _half_octaves(stem),
            _half_octaves((size - stem) // options) if options else 0,
            *[(count * count).bit_length() for count in map(signs.count, _SIGNS)],
            *[(count * count).bit_length() for count in map(data.count, _CODE)],
        ),
        distinct,
    )


def _half_octaves(count: int) -> int:
    return (count * count).bit_length()


def _unset(data: bytes) -> bytes:
    """Return a text without fences and commands of LaTeX."""
    if b"```" in data or b"~~~" in data:
        data = _FENCES.sub(b"", data)
    return _COMMANDS.sub(b" ", data) if b"\\" in data else data


def _options(data: bytes) -> tuple[bytes, int, int]:
    """Find lettered options, in order from A, on lines of their own or within a line.

    Returns:
        The text with each option on a line that begins as `A. ` does; how many there are; and
        how many counted bytes come before the first.
    """
    best: list[re.Match[bytes]] = []
    styles = [(_OPTIONS, 1)]
    if b"A)" in data:
        styles.append((_INLINE, 2))
    for style, fewest in styles:
        found: list[re.Match[bytes]] = []
        for mark in style.finditer(data):
            if len(found) < _MOST and mark[1][0] == _CAPITALS[len(found)]:
                found.append(mark)
        if len(found) >= fewest and len(found) > len(best):
            best = found
    if not best:
        return data, 0, len(data.translate(None, _UNSEEN))
    parts = [data[: best[0].start()].rstrip()]
    for n, mark in enumerate(best):
        end = best[n + 1].start() if n + 1 < len(best) else len(data)
        parts.append(mark[1] + b". " + data[mark.end() : end].strip(b" \t\n"))
    return b"\n".join(parts), len(best), len(parts[0].translate(None, _UNSEEN))
