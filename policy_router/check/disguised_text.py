"""Text that is not what it looks like: mixed alphabets and invisible characters.

The tables follow Unicode's list of confusable characters (UTS 39), reduced to letters that look
almost like Latin ones in the fonts of editors.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LATIN: Final = {
    "a": "\u0430\u0251\u03b1", "b": "\u0184\u044c", "c": "\u0441\u03f2\u1d04",
    "d": "\u0501", "e": "\u0435\u04bd", "g": "\u0261\u0581", "h": "\u04bb\u0570",
    "i": "\u0456\u0131\u03b9\u0269", "j": "\u0458\u03f3", "k": "\u043a\u03ba",
    "l": "\u04cf\u01c0", "n": "\u0578\u057c", "o": "\u043e\u03bf\u0585\u03c3\u0d20",
    "p": "\u0440\u03c1", "q": "\u051b\u0566", "r": "\u0433\u1d26", "s": "\u0455\u01bd",
    "u": "\u057d\u03c5\u028b", "v": "\u03bd\u0475\u1d20", "w": "\u051d\u0461\u1d21",
    "x": "\u0445\u03c7", "y": "\u0443\u04af\u03b3", "z": "\u1d22",
    "A": "\u0410\u0391", "B": "\u0412\u0392", "C": "\u0421\u03f9", "E": "\u0415\u0395",
    "H": "\u041d\u0397", "I": "\u0406\u0399\u04c0", "J": "\u0408", "K": "\u041a\u039a",
    "M": "\u041c\u039c", "N": "\u039d", "O": "\u041e\u039f\u0555", "P": "\u0420\u03a1",
    "S": "\u0405\u054f", "T": "\u0422\u03a4", "X": "\u0425\u03a7", "Y": "\u04ae\u03a5",
    "Z": "\u0396",
}  # fmt: skip
_ALIKE: Final = {ord(odd): plain for plain, odds in _LATIN.items() for odd in odds}
_DIGITS: Final = str.maketrans({"1": "l", "I": "l", "|": "l", "0": "o", "O": "o"})
_WORD: Final = re.compile(r"[^\W_]+")
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
_BIDI: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARKS: Final = "\u200e\u200f\u061c"
_ZERO: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS: Final = "\u200c\u200d"
HIDDEN: Final = re.compile(f"[{_BIDI}{_MARKS}{_ZERO}{_JOINERS}]")


def hidden(text: str) -> Iterator[tuple[int, str]]:
    """Yield the position and the effect of each invisible character.

    The effect is `turns` (it changes the direction of the text), `marks` (it marks a direction) or
    `hides` (it has no width).
    """
    for match in HIDDEN.finditer(text):
        position, char = match.start(), match[0]
        if char in _BIDI:
            yield position, "turns"
        elif char in _MARKS:
            yield position, "marks"
        elif char not in _JOINERS or not _joins(text, position):
            yield position, "hides"


def _joins(text: str, position: int) -> bool:
    """Whether a joiner is used properly: in an emoji, or in a word of a script that needs it."""
    before, after = text[position - 1 : position], text[position + 1 : position + 2]
    if unicodedata.category(before or " ") in ("So", "Sk", "Mn", "Cf") and ord(before) > 0x2000:
        return True
    return all(
        char.isalpha() and not char.isascii() and not script(char)
        for char in (before, after)
        if char and not char.isspace()
    ) and bool(before.strip())


def script(char: str) -> str:
    """Return the alphabet of a letter if it is one whose letters are easily confused, else ""."""
    head = unicodedata.name(char, "").partition(" ")[0]
    return head if head in _SCRIPTS else ""


def look_alike(text: str) -> bool:
    """Whether a word of the text mixes Latin letters with others that look like them."""
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        scripts = {script(char) for char in word} - {""}
        if len(scripts) > 1 and any(ord(char) in _ALIKE for char in word):
            return True
    return False


def skeletons(text: str) -> tuple[str, str]:
    """Return two forms of a name. Names that share one of them are easily confused.

    In both, invisible characters are removed and letters that look the same are replaced by one;
    the first also ignores case, the second also the difference between `1`, `l` and `I`.
    """
    seen = HIDDEN.sub("", unicodedata.normalize("NFKC", text)).translate(_ALIKE)
    seen = " ".join(seen.split())
    return f"case {seen.casefold()}", f"alike {seen.translate(_DIGITS)}"
