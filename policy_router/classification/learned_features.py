"""The features that the learned model reads from a text: small integers and its distinct words.

Everything is counted in C over the bytes, so a page takes about ten microseconds and the time is
linear in the text. Counts are on a logarithmic scale of half octaves: the step from 1 to 2 is as
large as that from 100 to 200.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SIGNS: Final = "$\\^=(,.?%{'\"-/:;|_\n"
"""Characters whose number is a feature."""
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
_OPTIONS: Final = tuple((b"%c. " % c, b"%c) " % c, b"(%c) " % c) for c in b"ABCDEFGHIJ")
"""Beginnings of the options of a multiple-choice question, letter by letter."""


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
    data = text.encode("utf-8", "surrogatepass")
    size = len(data)
    spaced = data.translate(_WORDS)
    all_words = spaced.split()
    distinct = frozenset(all_words)
    total = len(all_words)
    letters = size - spaced.count(b" ")
    numbers = len(data.translate(_NUMBERS).split())
    digits = size - len(data.translate(None, _DIGITS))
    capitals = size - len(data.translate(None, _CAPITALS))
    # Few bytes are signs, so counting each in the remaining bytes is cheaper than in the text.
    signs = data.translate(None, _PLAIN)
    options, stem = _options(data)
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


def _options(data: bytes) -> tuple[int, int]:
    """Return how many lines are lettered options, in order from A, and where the first begins."""
    number = 0
    start = len(data)
    position = 0
    for line in data.split(b"\n"):
        if line.startswith(_OPTIONS[number]):
            if number == 0:
                start = position
            number += 1
            if number == len(_OPTIONS):
                break
        position += len(line) + 1
    return number, start
