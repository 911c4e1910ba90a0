"""Counts of what the text of a request contains, made in one pass.

The words are split once and looked up in tables; signs are counted in C. Of a text longer than
`HEAD + TAIL` characters only the beginning and the end are read, where instructions are, so the
time is bounded. The text is not kept, only counts and entries of the built-in vocabulary.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import compress
from string import ascii_lowercase, digits, punctuation
from typing import TYPE_CHECKING, Final

from policy_router.classification.vocabulary import (
    IN_CODE,
    IN_CONSTRAINTS,
    IN_LONG_OUTPUT,
    IN_TERMS,
    vocabulary,
)
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from policy_router.classification.vocabulary import KeywordPhrase

    _Phrases: TypeAlias = Mapping[str, tuple[KeywordPhrase, ...]]

HEAD: Final = 12_000
"""Characters read at the beginning of a long text."""
TAIL: Final = 4_000
"""Characters read at its end."""
OPENING: Final = 25
"""Words at the beginning among which an instruction is expected."""
CLOSING: Final = 25
"""Words at the end among which an instruction is expected."""
LONG: Final = 300
"""`N words` in a prompt asks for a long answer if N is at least this."""


class Script(StrEnum):
    """The writing system most letters of a text belong to."""

    NONE = "none"
    LATIN = "latin"
    GREEK = "greek"
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    ARABIC = "arabic"
    INDIC = "indic"
    THAI = "thai"
    KANA = "kana"
    HAN = "han"
    HANGUL = "hangul"
    OTHER = "other"


SPACELESS: Final = frozenset({Script.HAN, Script.KANA, Script.THAI})
"""Scripts that put no spaces between words."""

_RANGES: Final = (
    (0x0250, Script.LATIN), (0x0370, Script.OTHER), (0x0400, Script.GREEK),
    (0x0530, Script.CYRILLIC), (0x0590, Script.OTHER), (0x0600, Script.HEBREW),
    (0x0780, Script.ARABIC), (0x0900, Script.OTHER), (0x0E00, Script.INDIC),
    (0x0E80, Script.THAI), (0x1100, Script.OTHER), (0x1200, Script.HANGUL),
    (0x1E00, Script.OTHER), (0x1F00, Script.LATIN), (0x2000, Script.GREEK),
    (0x3040, Script.OTHER), (0x3100, Script.KANA), (0x3400, Script.OTHER),
    (0xA000, Script.HAN), (0xAC00, Script.OTHER), (0xD7B0, Script.HANGUL),
    (0xF900, Script.OTHER), (0xFB00, Script.HAN), (0xFE00, Script.ARABIC),
)  # fmt: skip
"""(End of a range of code points, its script); code points above the last are `OTHER`."""
_RANGE_ENDS: Final = tuple(end for end, _ in _RANGES)
_RANGE_SCRIPTS: Final = (*(script for _, script in _RANGES), Script.OTHER)


@dataclass(frozen=True, slots=True)
class Text:
    """Counts of what a text contains. All but `characters` are of the part that is read.

    Attributes:
        characters: Characters of the whole text.
        words: Groups of letters, or pairs of letters in scripts without spaces.
        numbers: Groups of digits; `1,000.5` is one.
        maths: Signs of formulae.
        formulae: Pairs of `$`, `\\(` or `\\[`, and LaTeX commands.
        code: Signs that are rare in prose.
        fences: Code fences.
        questions: Question marks.
        options: Consecutive lettered choices, `A.`, `B.`, ...
        steps: Consecutive numbered lines.
        bullets: Lines that begin with a bullet, in a text of several lines.
        constraints: Words that constrain the answer.
        terms: Terms of mathematics.
        long: Whether it asks for a long answer.
        script: The script of most letters.
        found: Entries of the built-in vocabulary, each with the number of its occurrences.
        asked: Those of them among the first and last words, where an instruction is expected.
    """

    characters: int = 0
    words: int = 0
    numbers: int = 0
    maths: int = 0
    formulae: int = 0
    code: int = 0
    fences: int = 0
    questions: int = 0
    options: int = 0
    steps: int = 0
    bullets: int = 0
    constraints: int = 0
    terms: int = 0
    long: bool = False
    script: Script = Script.NONE
    found: tuple[tuple[str, int], ...] = ()
    asked: frozenset[str] = frozenset()


_BLANK: Final = bytes.maketrans(punctuation.encode(), b" " * len(punctuation))
"""Replaces signs by spaces; bytes of other scripts are unchanged."""
_QUOTES: Final = "¿¡«»„“”‘’…"  # noqa: RUF001  what stands around words beyond ASCII
"""Signs that are no part of the word next to them."""
_BEGINNING: Final = 400
"""Characters in which these are looked for: those of the words where an instruction is expected."""
_DIGITS: Final = bytes(ord("0") if chr(b) in digits else ord(" ") for b in range(256))
_IN_NUMBERS: Final = b",."
_ASCII: Final = bytes(range(128))
_NO_LETTERS: Final = bytes(b for b in range(256) if chr(b) not in ascii_lowercase)
_NO_SIGNS: Final = bytes(b for b in range(256) if chr(b) not in punctuation)
_MATHS: Final = b"^=+*<>"
_MATHS_BEYOND: Final = "√∑∫≤≥≠π∞×÷±∈∀∃∧∨¬⊃≡∩∪∂°²³∼∘"  # noqa: RUF001  signs of mathematics
_CODE_WORD: Final = 4
"""Signs that one word of code counts as."""
_CODE: Final = b"{};=[]_<>|&#"
_ESCAPES: Final = (b"\\n", b"\\t", b"\\r", b'\\"', b"\\u", b"\\x")
"""Backslashes that are not LaTeX."""
_CLASS: Final = re.compile(r"\\[dsw][{+*\]\-)\\]")
"""What regular expressions contain and LaTeX does not."""
_QUESTIONS: Final = "？؟"  # noqa: RUF001  the full-width and the Arabic one
_BULLETS: Final = ("\n- ", "\n* ", "\n• ", "\n– ")  # noqa: RUF001  a dash as a bullet
_OPTIONS: Final = tuple(
    tuple(style.format(letter) for letter in ascii_lowercase)
    for style in ("\n{}. ", "\n{}) ", "\n({}) ", "\n{}: ")
)
_INLINE: Final = tuple(
    tuple(style.format(letter) for letter in ascii_lowercase) for style in (" ({}) ", " {}) ")
)
_STEPS: Final = tuple(
    tuple(style.format(n) for n in range(1, 31)) for style in ("\n{}. ", "\n{}) ", "\n{}.) ")
)
_SYLLABIC: Final = frozenset({Script.HAN, Script.KANA, Script.HANGUL, Script.THAI})
_SAMPLE: Final = 64
"""Non-ASCII characters by which the script is determined."""
_RANGE_WEIGHTS: Final = tuple(3 if script in _SYLLABIC else 1 for script in _RANGE_SCRIPTS)
"""Letters that one character counts as: more than one in a syllabic script."""
_FEW: Final = 4
"""A text with more than this many ASCII letters per other character is Latin."""
_LATIN: Final = 0
"""Index of the range with the ASCII letters."""
_NO_TEXT: Final = Text()
_new_text: Final = maker(Text)


def read_text(text: str) -> Text:
    """Count what a text contains. Any text is accepted; the time is linear in its length."""
    if not text:
        return _NO_TEXT
    sample = text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
    low = sample.lower()
    beginning = low[:_BEGINNING]
    if not beginning.isascii():
        for sign in _QUOTES:
            beginning = beginning.replace(sign, " ")
        low = beginning + low[_BEGINNING:]
    data = low.encode("utf-8", "surrogatepass")
    all_words = data.translate(_BLANK).decode("utf-8", "surrogatepass").split()
    lines = f"\n{low}" if "\n" in low else ""
    signs = data.translate(None, _NO_SIGNS)
    beyond = "" if low.isascii() else data.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    letters = len(data.translate(None, _NO_LETTERS))
    mixed = len(beyond) * _FEW > letters
    script = _script(letters, beyond) if mixed else Script.LATIN if letters else Script.NONE
    seen = _lookup(all_words)
    if script in _SYLLABIC:
        for sign in vocabulary().unspaced:
            if sign in low:
                seen.found[sign] = 1
                seen.asked.add(sign)
    is_pattern = b"\\" in signs and _CLASS.search(low) is not None
    return _new_text(
        characters=len(text),
        words=max(len(all_words), len(low) // 2 if script in SPACELESS else 0),
        numbers=len(data.translate(_DIGITS, _IN_NUMBERS).split()),
        maths=0
        if is_pattern
        else len(signs)
        - len(signs.translate(None, _MATHS))
        + (sum(map(beyond.count, _MATHS_BEYOND)) if beyond else 0),
        formulae=0 if is_pattern else _formulae(low) if b"\\" in signs or b"$" in signs else 0,
        code=len(signs) - len(signs.translate(None, _CODE)) + _CODE_WORD * seen.tally[IN_CODE],
        fences=signs.count(b"```"),
        questions=signs.count(b"?") + (sum(map(beyond.count, _QUESTIONS)) if beyond else 0),
        options=(_run(lines, _OPTIONS) if lines else 0)
        or (_run(low, _INLINE) if b")" in signs else 0),
        steps=_run(lines, _STEPS) if lines else 0,
        bullets=sum(map(lines.count, _BULLETS)) if lines else 0,
        constraints=seen.tally[IN_CONSTRAINTS],
        terms=seen.tally[IN_TERMS],
        long=seen.tally[IN_LONG_OUTPUT] > 0 or _many_words(low, all_words),
        script=script,
        found=tuple(seen.found.items()),
        asked=frozenset(seen.asked),
    )


class _Seen:
    """The results of a pass over the words. tally: occurrences by list of counted words."""

    __slots__ = ("asked", "found", "tally")

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.asked: set[str] = set()
        self.tally = [0, 0, 0, 0]


@cache
def _entries() -> Mapping[str, tuple[bool, tuple[int, ...], _Phrases | None]]:
    """The words of the vocabulary as plain tuples, which are unpacked in half the time."""
    known = vocabulary().words
    return {word: (row.entry, row.lists, row.phrases) for word, row in known.items()}


def _lookup(all_words: list[str]) -> _Seen:
    """Look up words and phrases of the vocabulary in one pass."""
    entries = _entries()
    seen = _Seen()
    counts, prominent, tally = seen.found, seen.asked, seen.tally
    last = len(all_words) - 1
    end = last - CLOSING
    for i in compress(range(last + 1), map(entries.__contains__, all_words)):
        word = all_words[i]
        entry, lists, phrases = entries[word]
        if entry:
            counts[word] = counts.get(word, 0) + 1
            if i < OPENING or i > end:
                prominent.add(word)
        if lists:
            for which in lists:
                tally[which] += 1
        if phrases is not None:
            near = phrases.get(all_words[i - 1]) if i else None
            if near is None and i < last:
                near = phrases.get(all_words[i + 1])
            if near is not None:
                for phrase in _phrases(all_words, i, near):
                    counts[phrase] = counts.get(phrase, 0) + 1
                    if i < OPENING or i > end:
                        prominent.add(phrase)
    return seen


def _phrases(words: list[str], i: int, near: tuple[KeywordPhrase, ...]) -> list[str]:
    """Return the phrases that occur at the i-th word."""
    return [
        entry
        for entry, parts, place in near
        if i >= place and tuple(words[i - place : i - place + len(parts)]) == parts
    ]


def _run(text: str, rows: tuple[tuple[str, ...], ...]) -> int:
    """Return the length of the longest series of marks, such as `1.`, `2.`, `3.`; 0 below two.

    Args:
        text: The text.
        rows: The series to look for, each with its marks in order.
    """
    best = 0
    for row in rows:
        position = text.find(row[0])
        n = 0
        while position >= 0:
            n += 1
            position = text.find(row[n], position + 1) if n < len(row) else -1
        best = max(best, n)
    return best if best > 1 else 0


def _formulae(low: str) -> int:
    """Count LaTeX commands, and pairs of dollar signs that are neither amounts of money nor shell
    variables. Between backticks there is code."""
    if "`" in low:
        between = low.split("`")
        # The text after a backtick that has no partner is no code.
        low = " ".join([*between[::2], *(between[-1:] if len(between) % 2 == 0 else ())])
    data = low.encode("utf-8", "surrogatepass")
    commands = data.count(b"\\")
    if commands:
        commands = max(0, commands - sum(map(data.count, _ESCAPES)))
    _, *parts = low.split("$")
    # An odd number of them, a brace or an arrow: a shell or PHP, unless there is LaTeX as well.
    if commands < 3 and (len(parts) % 2 or "${" in low or "$_" in low or "->" in low):
        return commands
    return commands + (len([part for part in parts if not part[:1].isdigit()]) + 1) // 2


def _many_words(low: str, words: list[str]) -> bool:
    """Whether a number of at least `LONG` precedes `words`."""
    if " words" not in low or "words" not in words:
        return False
    number = words[words.index("words") - 1]
    return number.isdecimal() and len(number) < 9 and int(number) >= LONG


def _script(letters: int, beyond: str) -> Script:
    """Return the script of most letters.

    Args:
        letters: Number of ASCII letters.
        beyond: The other characters. One that stands for a syllable or a word counts as several.
    """
    counts = [0.0] * len(_RANGE_SCRIPTS)
    counts[_LATIN] = letters
    # The characters outside the sample are assumed to be like those in it.
    scale = max(1.0, len(beyond) / _SAMPLE)
    for letter in beyond[:_SAMPLE]:
        if letter.isalpha():
            index = bisect_right(_RANGE_ENDS, ord(letter))
            counts[index] += scale * _RANGE_WEIGHTS[index]
    most = max(range(len(counts)), key=counts.__getitem__)
    return _RANGE_SCRIPTS[most] if counts[most] else Script.NONE
