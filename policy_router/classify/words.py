"""Words that a policy lists, found in a text: whole words, in upper or lower case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPACELESS: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Code points of scripts that put no space around a word, or glue particles to it."""


class Keywords:
    """Words and phrases to look for. Upper and lower case are the same; a run of white space in a
    phrase stands for any other."""

    __slots__ = ("_phrases", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple((word, _folded(word)) for word in words)
        self._phrases = any(" " in folded for _, folded in self._words)

    def found(self, text: str) -> tuple[str, ...]:
        """Those that stand in the text, as the policy writes them; in its order."""
        if not self._words:
            return ()
        low = _folded(text) if self._phrases else text.casefold()
        return tuple(word for word, folded in self._words if _stands(folded, low))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _stands(word: str, text: str) -> bool:
    """Whether the word stands in the text by itself, not within another word."""
    at = text.find(word) if word else -1
    while at >= 0:
        end = at + len(word)
        if not (_glued(text[at - 1 : at], word[0]) or _glued(word[-1], text[end : end + 1])):
            return True
        at = text.find(word, at + 1)
    return False


def _glued(left: str, right: str) -> bool:
    """Whether no word ends between these two characters; one of them may be missing."""
    return _joins(left) and _joins(right)


def _joins(character: str) -> bool:
    """Whether a word may go on with this character where its script parts words by spaces."""
    if not (character.isalnum() or character == "_"):
        return False
    point = ord(character)
    return point < _SPACELESS[0][0] or not any(low <= point <= high for low, high in _SPACELESS)
