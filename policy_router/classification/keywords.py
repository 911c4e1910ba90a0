"""Finds the keywords of a policy in a text: whole words, without regard to case."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from policy_router.classification.whole_words import in_bytes, is_one_word, whole_word, words_in
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
    does not know every letter that continues a word, those that it finds are searched for again,
    when somebody asks for their list: most lists are never asked for.
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
        positions = None
        if self._search is not None:
            positions = self._search(low.encode("utf-8", "surrogatepass"))
        if positions is None:
            return KeywordMatches(
                self._lists, frozenset(self._words), WholeWords(low, self._pattern)
            )
        occur = frozenset(self._words[i] for i in positions)
        exact = low.isascii() or not occur
        return KeywordMatches(self._lists, occur, None if exact else WholeWords(low, self._pattern))

    def _pattern(self, word: str) -> re.Pattern[str]:
        pattern = self._patterns.get(word)
        if pattern is None:
            pattern = self._patterns[word] = whole_word(word)
        return pattern


_START: Final = 20_000
"""Characters at the beginning of a text in which most words that it contains are found."""
_SEVERAL: Final = 4
"""After more words than this, it is faster to take a text apart into its words."""
_CUT: Final = "\n\x00\n"


class WholeWords:
    """Tells of one word after another whether a text contains it, not as a part of other words."""

    __slots__ = ("_missed", "_pattern", "_text", "_words")

    def __init__(self, text: str, pattern: Callable[[str], re.Pattern[str]]) -> None:
        """Take a text.

        Args:
            text: The text.
            pattern: Gives the pattern of a word, as `whole_word` does.
        """
        self._text = text
        self._pattern = pattern
        self._missed = 0
        self._words: frozenset[str] | None = None

    def contains(self, word: str) -> bool:
        """Whether the text contains a word or phrase by itself."""
        if self._missed > _SEVERAL:
            if self._words is None:
                self._words = words_in(self._text)
            parts = [part for part in word.split(" ") if is_one_word(part)]
            if not self._words.issuperset(parts):
                return False
            if parts == [word]:
                return True
        pattern, text = self._pattern(word), self._text
        match = pattern.search(text, 0, _START)
        # What ends where the search does may continue.
        if match is not None and match.end() < min(_START, len(text)):
            return True
        self._missed += 1
        return pattern.search(text) is not None


class KeywordMatches:
    """The keywords that occur in a text."""

    __slots__ = ("_lists", "_present", "_whole")

    def __init__(
        self,
        lists: tuple[tuple[tuple[str, str], ...], ...],
        present: frozenset[str],
        whole: WholeWords | None = None,
    ) -> None:
        """Take what was found.

        Args:
            lists: Each keyword as the policy writes it, and as it is searched for.
            present: Those that occur, as they are searched for.
            whole: Tells which of them are not only parts of other words; None when all are.
        """
        self._lists = lists
        self._present = present
        self._whole = whole

    def found(self, number: int) -> tuple[str, ...]:
        """Return those of the list with this index, as the policy writes them and in its order."""
        if not self._present:
            return ()
        present, whole = self._present, self._whole
        return tuple(
            word
            for word, folded in self._lists[number]
            if folded in present and (whole is None or whole.contains(folded))
        )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
