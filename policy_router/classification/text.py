"""What the text of a request shows at a glance: one pass, no pattern that could take long.

The words are split once and looked up in tables; signs are counted in C. A text longer than
`HEAD + TAIL` characters is read at its head and its tail only, where instructions stand, so the
time has a bound whatever comes in. Nothing here keeps the text: what is kept are counts, and
entries of the built-in vocabulary.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
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

if TYPE_CHECKING:
    from policy_router.classification.vocabulary import KeywordPhrase

HEAD: Final = 12_000
"""Characters read at the beginning of a long text."""
TAIL: Final = 4_000
"""Characters read at its end."""
OPENING: Final = 25
"""Words at the beginning among which an instruction is looked for."""
CLOSING: Final = 25
"""Words at the end among which one is looked for."""
LONG: Final = 300
"""From so many words on, `N words` in a prompt asks for a long answer."""


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
"""Where a stretch of code points ends, and whose it is; what lies above is of no one's."""
_RANGE_ENDS: Final = tuple(end for end, _ in _RANGES)
_RANGE_SCRIPTS: Final = (*(script for _, script in _RANGES), Script.OTHER)


@dataclass(frozen=True, slots=True)
class Text:
    """Counts of what stands in a text.

    characters: of the whole text; everything else is of the part that is read. words: groups of
    letters, or two letters where words have no spaces. numbers: digit groups, `1,000.5` is one.
    maths: signs of formulae. formulae: pairs of `$`, `\\(` or `\\[`, and LaTeX commands.
    code: signs that hardly stand in prose. fences: code fences. questions: question marks.
    options: lettered choices in a row, `A.`, `B.`, ... steps: numbered lines in a row. bullets:
    lines that begin with one, in a text of several lines. constraints: words that bind the answer.
    terms: words of mathematics proper. long: it asks for a long answer. found: entries of the
    built-in vocabulary and how often each stands there; asked: those of them among the first and
    last words, where an instruction stands.
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
"""Signs to spaces; bytes of other scripts stay as they are."""
_DIGITS: Final = bytes(ord("0") if chr(b) in digits else ord(" ") for b in range(256))
_IN_NUMBERS: Final = b",."
_ASCII: Final = bytes(range(128))
_NO_LETTERS: Final = bytes(b for b in range(256) if chr(b) not in ascii_lowercase)
_NO_SIGNS: Final = bytes(b for b in range(256) if chr(b) not in punctuation)
_MATHS: Final = (b"^", b"=", b"+", b"*", b"<", b">")
_MATHS_BEYOND: Final = "√∑∫≤≥≠π∞×÷±∈∀∃∧∨¬⊃≡∩∪∂°²³∼∘"  # noqa: RUF001  signs of mathematics
_CODE_WORD: Final = 4
"""Signs that a word of code counts as."""
_CODE: Final = (b"{", b"}", b";", b"=", b"[", b"]", b"_", b"<", b">", b"|", b"&", b"#")
_ESCAPES: Final = (b"\\n", b"\\t", b"\\r", b'\\"', b"\\u", b"\\x")
"""Backslashes that are no LaTeX."""
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
"""Signs beyond ASCII that the script is told from."""
_RANGE_WEIGHTS: Final = tuple(3 if script in _SYLLABIC else 1 for script in _RANGE_SCRIPTS)
"""Letters of an alphabet that one sign counts as: of a syllabic script, more than one."""
_FEW: Final = 4
"""A text with more letters of ASCII than so many times its other signs is not looked at closer."""
_LATIN: Final = 0
"""The stretch that the letters of ASCII are in."""
_NO_TEXT: Final = Text()


def read_text(text: str) -> Text:
    """The counts of a text; any text whatever, in time linear in its length."""
    if not text:
        return _NO_TEXT
    part = text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
    low = part.lower()
    data = low.encode("utf-8", "surrogatepass")
    words = data.translate(_BLANK).decode("utf-8", "surrogatepass").split()
    lines = f"\n{low}" if "\n" in low else ""
    signs = data.translate(None, _NO_SIGNS)
    beyond = "" if low.isascii() else data.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    letters = len(data.translate(None, _NO_LETTERS))
    mixed = len(beyond) * _FEW > letters
    script = _script(letters, beyond) if mixed else Script.LATIN if letters else Script.NONE
    seen = _lookup(words)
    if script in _SYLLABIC:
        for sign in vocabulary().unspaced:
            if sign in low:
                seen.found[sign] = 1
                seen.asked.add(sign)
    return Text(
        characters=len(text),
        words=max(len(words), len(low) // 2 if script in SPACELESS else 0),
        numbers=len(data.translate(_DIGITS, _IN_NUMBERS).split()),
        maths=sum(map(signs.count, _MATHS))
        + (sum(map(beyond.count, _MATHS_BEYOND)) if beyond else 0),
        formulae=_formulae(low, data) if b"\\" in signs or b"$" in signs else 0,
        code=sum(map(signs.count, _CODE)) + _CODE_WORD * seen.tally[IN_CODE],
        fences=signs.count(b"```"),
        questions=signs.count(b"?") + sum(map(beyond.count, _QUESTIONS)),
        options=_run(lines, _OPTIONS) or (_run(low, _INLINE) if b")" in signs else 0),
        steps=_run(lines, _STEPS),
        bullets=sum(map(lines.count, _BULLETS)),
        constraints=seen.tally[IN_CONSTRAINTS],
        terms=seen.tally[IN_TERMS],
        long=seen.tally[IN_LONG_OUTPUT] > 0 or _many_words(low, words),
        script=script,
        found=tuple(seen.found.items()),
        asked=frozenset(seen.asked),
    )


class _Seen:
    """What a pass over the words finds. tally: by list of the vocabulary."""

    __slots__ = ("asked", "found", "tally")

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.asked: set[str] = set()
        self.tally = [0, 0, 0, 0]


def _lookup(words: list[str]) -> _Seen:
    """The known words and phrases among these, in one pass."""
    known = vocabulary().words
    seen = _Seen()
    found, asked, tally = seen.found, seen.asked, seen.tally
    last = len(words) - 1
    end = last - CLOSING
    for i in compress(range(last + 1), map(known.__contains__, words)):
        word = words[i]
        entry, lists, phrases = known[word]
        if entry:
            found[word] = found.get(word, 0) + 1
            if i < OPENING or i > end:
                asked.add(word)
        if lists:
            for which in lists:
                tally[which] += 1
        if phrases is not None:
            near = phrases.get(words[i - 1]) if i else None
            if near is None and i < last:
                near = phrases.get(words[i + 1])
            if near is not None:
                for each in _phrases(words, i, near):
                    found[each] = found.get(each, 0) + 1
                    if i < OPENING or i > end:
                        asked.add(each)
    return seen


def _phrases(words: list[str], i: int, near: tuple[KeywordPhrase, ...]) -> list[str]:
    """Those of these phrases that stand about the i-th word."""
    return [
        entry
        for entry, parts, place in near
        if i >= place and tuple(words[i - place : i - place + len(parts)]) == parts
    ]


def _run(text: str, rows: tuple[tuple[str, ...], ...]) -> int:
    """How many marks of one of the rows follow each other in the text, at least two; the row that
    goes on longest counts."""
    best = 0
    for row in rows if text else ():
        at = text.find(row[0])
        n = 0
        while at >= 0:
            n += 1
            at = text.find(row[n], at + 1) if n < len(row) else -1
        best = max(best, n)
    return best if best > 1 else 0


def _formulae(low: str, data: bytes) -> int:
    """LaTeX commands, and pairs of dollar signs about something that is neither an amount of
    money nor a variable of a shell."""
    commands = data.count(b"\\")
    if commands:
        commands = max(0, commands - sum(map(data.count, _ESCAPES)))
    _, *parts = low.split("$")
    # An odd one, a brace or an arrow after it: a shell or PHP, unless there is LaTeX beside it.
    if commands < 3 and (len(parts) % 2 or "${" in low or "$_" in low or "->" in low):
        return commands
    return commands + (len([part for part in parts if not part[:1].isdigit()]) + 1) // 2


def _many_words(low: str, words: list[str]) -> bool:
    """Whether a number from `LONG` on stands before `words`."""
    if " words" not in low or "words" not in words:
        return False
    number = words[words.index("words") - 1]
    return number.isdecimal() and len(number) < 9 and int(number) >= LONG


def _script(letters: int, beyond: str) -> Script:
    """The script of most letters: so many are of ASCII, the others are among `beyond`. A sign that
    stands for a syllable or a word weighs as much as the letters it would take."""
    counts = [0.0] * len(_RANGE_SCRIPTS)
    counts[_LATIN] = letters
    # What the sample leaves out is taken to be like it.
    scale = max(1.0, len(beyond) / _SAMPLE)
    for letter in beyond[:_SAMPLE]:
        if letter.isalpha():
            at = bisect_right(_RANGE_ENDS, ord(letter))
            counts[at] += scale * _RANGE_WEIGHTS[at]
    at = max(range(len(counts)), key=counts.__getitem__)
    return _RANGE_SCRIPTS[at] if counts[at] else Script.NONE
