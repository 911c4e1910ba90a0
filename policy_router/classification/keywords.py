"""Words that a policy lists, found in a text: whole words, in upper or lower case."""

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
"""Code points of scripts that put no space around a word, or glue particles to it."""
_JOINS: Final = f"[^\\W{''.join(f'{chr(low)}-{chr(high)}' for low, high in _SPACELESS)}]"
"""A character by which a word may go on: a letter, a digit or `_`, of a script that parts words by
spaces."""


SEARCHED: Final = 500_000
"""Characters of a text that are searched: half of them at its beginning, half at its end."""


class Keywords:
    """Words and phrases to look for. Upper and lower case are the same; a run of white space in a
    phrase stands for any other."""

    __slots__ = ("_lists",)

    def __init__(self, words: Iterable[str]) -> None:
        self._lists = KeywordLists([words])

    def found(self, text: str) -> tuple[str, ...]:
        """Those that stand in the text, as the policy writes them; in its order."""
        return self._lists.look(text).found(0)


class KeywordLists:
    """Several lists of words, looked for in one pass over a text: one automaton tells which words
    occur in it anywhere, and only those are looked at one by one."""

    __slots__ = ("_alone", "_lists", "_phrases", "_search", "_words")

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        self._lists = tuple(tuple((word, _folded(word)) for word in words) for words in lists)
        known = {folded: None for words in self._lists for _, folded in words if folded}
        self._words = tuple(known)
        self._phrases = any(" " in word for word in known)
        self._search = literals(self._words)
        # Filled when a word first occurs: most never do.
        self._alone: dict[str, re.Pattern[str]] = {}

    def look(self, text: str) -> KeywordMatches:
        """A text to be asked which words of each list stand in it. Of a very long one the
        beginning and the end are searched."""
        if not self._words:
            return KeywordMatches(self._lists, frozenset())
        if len(text) > SEARCHED:
            # No word goes on from the one part to the other.
            text = text[: SEARCHED // 2] + _CUT + text[-SEARCHED // 2 :]
        low = _folded(text) if self._phrases else text.casefold()
        occur = (self._words[number] for number in self._search(low))
        return KeywordMatches(
            self._lists, frozenset(word for word in occur if self._stands(word, low))
        )

    def _stands(self, word: str, text: str) -> bool:
        pattern = self._alone.get(word)
        if pattern is None:
            pattern = self._alone[word] = _alone(word)
        return pattern.search(text) is not None


_CUT: Final = "\n\x00\n"


class KeywordMatches:
    """A text that was searched."""

    __slots__ = ("_lists", "_standing")

    def __init__(
        self, lists: tuple[tuple[tuple[str, str], ...], ...], standing: frozenset[str]
    ) -> None:
        self._lists = lists
        self._standing = standing

    def found(self, number: int) -> tuple[str, ...]:
        """The words of the list with that number that stand in it, as the policy writes them and
        in its order."""
        if not self._standing:
            return ()
        return tuple(word for word, folded in self._lists[number] if folded in self._standing)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _alone(word: str) -> re.Pattern[str]:
    """The word where it stands by itself, not within another word. It comes first in the pattern,
    so that a text is searched for it as fast as for any text."""
    literal = re.escape(word)
    before = f"(?<!{_JOINS}{literal})" if re.match(_JOINS, word[0]) else ""
    after = f"(?!{_JOINS})" if re.match(_JOINS, word[-1]) else ""
    return re.compile(literal + before + after)
