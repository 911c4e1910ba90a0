"""`did you mean`: the known word that was most likely meant by a mistyped one.

Every suggestion compares all known words, so a file with a thousand typos among a thousand names
could take minutes. `Hints` has a budget: the first problems get suggestions, the others do not.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from policy_router.meaning import may_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLOSE: Final = 0.7
EFFORT: Final = 300_000
"""The budget of one `Hints`, about half a second. Looking at a known word costs 1."""
_COMPARED: Final = 10
"""The cost of aligning a word with a known one."""
_LONGEST: Final = 64
_SHOWN: Final = 12
_RANKED: Final = 100
"""Maximum number of known words that are sorted; of more words, only the most similar ones are."""


class Hints:
    """Suggestions for the problems of one run.

    Attributes:
        left: The budget that remains.
    """

    def __init__(self, effort: int = EFFORT) -> None:
        self.left = effort

    def did_you_mean(self, word: str, known_words: Iterable[str]) -> str | None:
        """The known word closest to a mistyped one.

        Args:
            word: The mistyped word.
            known_words: The known words.

        Returns:
            The closest word; None when none is close, or when the budget is used up.
        """
        if self.left <= 0 or len(word) > _LONGEST:
            return None
        choices = list(dict.fromkeys(known_words))
        self.left -= len(choices)
        folded = {w.casefold(): w for w in reversed(choices)}
        same = folded.get(word.casefold())
        if same is not None:
            return same
        # Swapped letters are the most common typo, but a matcher of runs rates them as dissimilar.
        letters = sorted(word)
        for other in choices:
            if len(other) == len(word) > 2 and sorted(other) == letters and may_mean(word, other):
                return other
        near = self._closest(word.casefold(), folded)
        return None if near is None else folded[near]

    def help_line(
        self, word: str, known_words: Iterable[str], *, what: str = "the known ones"
    ) -> str:
        """The help about an unknown word.

        Args:
            word: The unknown word.
            known_words: The known words.
            what: What the known words are, in a list of them.

        Returns:
            A suggestion or else the known words; "" when the budget is used up.
        """
        if self.left <= 0:
            return ""
        choices = list(dict.fromkeys(known_words))
        close = self.did_you_mean(word, choices)
        if close is not None:
            return f"did you mean `{close}`?"
        if not choices:
            return "there are none"
        shown = choices if len(choices) <= _SHOWN else self._nearest(word[:_LONGEST], choices)
        more = len(choices) - len(shown)
        return (
            f"{what} are "
            + ", ".join(f"`{w}`" for w in shown)
            + (f" and {more} more" if more else "")
        )

    def _closest(self, word: str, known: Iterable[str]) -> str | None:
        """The most similar known word; None when none is similar."""
        best: tuple[float, str] | None = None
        likeness = _likeness(word)
        matcher = SequenceMatcher(None, "", word)
        for other in known:
            least = best[0] if best else CLOSE
            if _most(word, other, len(other)) >= least and likeness(other) >= least:
                self.left -= _COMPARED
                matcher.set_seq1(other)
                candidate = (matcher.ratio(), other)
                closer = candidate[0] >= least and (best is None or candidate > best)
                if closer and may_mean(word, other):
                    best = candidate
        return best and best[1]

    def _nearest(self, word: str, words: list[str]) -> list[str]:
        """The most similar known words, best first."""
        some = words if len(words) <= _RANKED else nlargest(_RANKED, words, key=_likeness(word))
        self.left -= len(words) + _COMPARED * len(some)
        near = sorted(some, key=lambda other: -SequenceMatcher(None, word, other).ratio())
        return near[:_SHOWN]


def did_you_mean(word: str, known_words: Iterable[str]) -> str | None:
    """The known word closest to a mistyped one; None when none is close."""
    return Hints().did_you_mean(word, known_words)


def help_line(word: str, known_words: Iterable[str], *, what: str = "the known ones") -> str:
    """The help about an unknown word: a suggestion or else the known words."""
    return Hints().help_line(word, known_words, what=what)


def _likeness(word: str) -> Callable[[str], float]:
    """For other words, an upper bound of SequenceMatcher's ratio, from their letters alone."""
    ours, ascii_ = word.encode(errors="replace"), word.isascii()

    def bound(other: str) -> float:
        if not (ascii_ and other.isascii()):
            return _most(word, other, len(other))
        theirs = other.encode()
        shared = len(theirs) - len(theirs.translate(None, ours))
        back = len(ours) - len(ours.translate(None, theirs))
        return _most(word, other, min(shared, back))

    return bound


def _most(word: str, other: str, shared: int) -> float:
    """The ratio of two words that have `shared` letters in common, in the same order."""
    both = len(word) + len(other)
    return 2 * min(shared, len(word), len(other)) / both if both else 1.0
