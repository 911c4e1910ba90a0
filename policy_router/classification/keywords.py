"""Finds the keywords of a policy in a text: whole words, without regard to case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.patterns import literals

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPACELESS: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Code points of scripts that put no spaces around words, or attach particles to them."""
_JOINS: Final = f"[^\\W{''.join(f'{chr(low)}-{chr(high)}' for low, high in _SPACELESS)}]"
"""A character that continues a word: a letter, a digit or `_`, of a script with spaces between
words."""


SEARCHED: Final = 500_000
"""Characters of a text that are searched: half of them at its beginning, half at its end."""


class Keywords:
    """One list of keywords. Case does not matter, nor does the white space within a phrase."""

    __slots__ = ("_lists",)

    def __init__(self, words: Iterable[str]) -> None:
        self._lists = KeywordLists([words])

    def found(self, text: str) -> tuple[str, ...]:
        """Return the keywords that occur in a text, as the policy writes them and in its order."""
        return self._lists.look(text).found(0)


class KeywordLists:
    """Several lists of keywords, searched for in one pass over a text.

    One automaton finds which words occur anywhere; only those are then checked for being whole
    words.
    """

    __slots__ = ("_lists", "_patterns", "_phrases", "_search", "_words")

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        self._lists = tuple(tuple((word, _folded(word)) for word in words) for words in lists)
        known = {folded: None for words in self._lists for _, folded in words if folded}
        self._words = tuple(known)
        self._phrases = any(" " in word for word in known)
        self._search = literals(self._words)
        # Filled when a word first occurs: most never do.
        self._patterns: dict[str, re.Pattern[str]] = {}

    def look(self, text: str) -> KeywordMatches:
        """Search a text. Of a very long one only the beginning and the end are searched."""
        if not self._words:
            return KeywordMatches(self._lists, frozenset())
        if len(text) > SEARCHED:
            # No word continues from one part into the other.
            text = text[: SEARCHED // 2] + _CUT + text[-SEARCHED // 2 :]
        low = _folded(text) if self._phrases else text.casefold()
        occur = (self._words[number] for number in self._search(low))
        return KeywordMatches(
            self._lists, frozenset(word for word in occur if self._is_whole_word(word, low))
        )

    def _is_whole_word(self, word: str, text: str) -> bool:
        pattern = self._patterns.get(word)
        if pattern is None:
            pattern = self._patterns[word] = _whole_word(word)
        return pattern.search(text) is not None


_CUT: Final = "\n\x00\n"


class KeywordMatches:
    """The keywords that occur in a text."""

    __slots__ = ("_lists", "_present")

    def __init__(
        self, lists: tuple[tuple[tuple[str, str], ...], ...], present: frozenset[str]
    ) -> None:
        self._lists = lists
        self._present = present

    def found(self, number: int) -> tuple[str, ...]:
        """Return those of the list with this index, as the policy writes them and in its order."""
        if not self._present:
            return ()
        return tuple(word for word, folded in self._lists[number] if folded in self._present)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _whole_word(word: str) -> re.Pattern[str]:
    """Return a pattern for a word that is not part of another word.

    The literal is first in the pattern, so that the search is as fast as one for plain text.
    """
    literal = re.escape(word)
    before = f"(?<!{_JOINS}{literal})" if re.match(_JOINS, word[0]) else ""
    after = f"(?!{_JOINS})" if re.match(_JOINS, word[-1]) else ""
    return re.compile(literal + before + after)
