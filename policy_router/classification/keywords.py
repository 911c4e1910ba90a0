"""Finds the keywords of a policy in a text: whole words, without regard to case."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from policy_router.classification.whole_words import in_bytes, whole_word
from policy_router.patterns import TooManyPatterns, which_match

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Sequence

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

    One automaton finds which keywords occur. In ASCII text that is exact; in other text, where it
    does not know every letter that continues a word, those that it finds are searched for again.
    """

    __slots__ = ("_lists", "_patterns", "_search", "_words")

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        self._lists = tuple(tuple((word, _folded(word)) for word in words) for words in lists)
        known = {folded: None for words in self._lists for _, folded in words if folded}
        self._words = tuple(known)
        self._search: Callable[[bytes], Sequence[int] | None] | None = None
        if known:
            example = "\n".join(known).encode("utf-8", "surrogatepass")
            with suppress(TooManyPatterns):
                self._search = which_match([in_bytes(word) for word in known], example)
        # Filled when a word is first searched for by itself: most never are.
        self._patterns: dict[str, re.Pattern[str]] = {}

    def look(self, text: str) -> KeywordMatches:
        """Search a text. Of a very long one only the beginning and the end are searched."""
        if not self._words:
            return KeywordMatches(self._lists, frozenset())
        if len(text) > SEARCHED:
            # No word continues from one part into the other.
            text = text[: SEARCHED // 2] + _CUT + text[-SEARCHED // 2 :]
        low = text.casefold()
        if self._search is None:
            return KeywordMatches(self._lists, frozenset(self._whole_words(self._words, low)))
        found = self._search(low.encode("utf-8", "surrogatepass"))
        occur = self._words if found is None else [self._words[at] for at in found]
        if found is None or not low.isascii():
            occur = self._whole_words(occur, low)
        return KeywordMatches(self._lists, frozenset(occur))

    def _whole_words(self, candidates: Sequence[str], text: str) -> list[str]:
        """Those of the words that occur in a text and are not part of other words."""
        doubtful = [word for word in candidates if not self._is_near_start(word, text)]
        parts = text
        if len(doubtful) > _SEVERAL:
            parts = "\n".join(set(text.split()))  # most of a long text is repeated
        absent = {
            word
            for word in doubtful
            if not self._pattern(word).search(text if " " in word else parts)
        }
        return [word for word in candidates if word not in absent]

    def _is_near_start(self, word: str, text: str) -> bool:
        """Whether a word certainly occurs near the beginning of a text."""
        match = self._pattern(word).search(text, 0, _START)
        # What ends where the search does may continue.
        return match is not None and match.end() < min(_START, len(text))

    def _pattern(self, word: str) -> re.Pattern[str]:
        pattern = self._patterns.get(word)
        if pattern is None:
            pattern = self._patterns[word] = whole_word(word)
        return pattern


_START: Final = 20_000
"""Characters at the beginning of a text in which most words that it contains are found."""
_SEVERAL: Final = 8
"""With more words than this, a text is searched faster without its repetitions."""
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
