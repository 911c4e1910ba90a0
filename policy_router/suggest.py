"""`did you mean`: the known word that a mistyped one was most likely meant to be.

Each suggestion looks at every known word, so a file with a thousand slips among a thousand names
could take minutes. `Hints` has an effort to spend: the first problems get suggestions, the rest
go without.
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
"""What `Hints` may spend: about half a second. Looking at a known word takes 1 of it."""
_COMPARED: Final = 10
"""Aligning a word with a known one takes so much."""
_LONGEST: Final = 64
_SHOWN: Final = 12
_RANKED: Final = 100
"""Of more words than this only the likeliest are put in order."""


class Hints:
    """Suggestions for the problems of one run. left: the effort that remains."""

    def __init__(self, effort: int = EFFORT) -> None:
        self.left = effort

    def did_you_mean(self, word: str, known: Iterable[str]) -> str | None:
        """The known word closest to a mistyped one, or None when none is close or the effort is
        used up."""
        if self.left <= 0 or len(word) > _LONGEST:
            return None
        words = list(dict.fromkeys(known))
        self.left -= len(words)
        folded = {w.casefold(): w for w in reversed(words)}
        found = folded.get(word.casefold())
        if found is not None:
            return found
        # Letters swapped are the commonest slip and look far apart to a matcher of runs.
        letters = sorted(word)
        for each in words:
            if len(each) == len(word) > 2 and sorted(each) == letters and may_mean(word, each):
                return each
        near = self._closest(word.casefold(), folded)
        return None if near is None else folded[near]

    def help_line(self, word: str, known: Iterable[str], *, what: str = "known") -> str:
        """What to say after an unknown word: the one that was meant, or those there are; nothing
        when the effort is used up."""
        if self.left <= 0:
            return ""
        words = list(dict.fromkeys(known))
        close = self.did_you_mean(word, words)
        if close is not None:
            return f"did you mean `{close}`?"
        if not words:
            return "there are none"
        shown = words if len(words) <= _SHOWN else self._nearest(word[:_LONGEST], words)
        more = len(words) - len(shown)
        return (
            f"{what} are "
            + ", ".join(f"`{w}`" for w in shown)
            + (f" and {more} more" if more else "")
        )

    def _closest(self, word: str, known: Iterable[str]) -> str | None:
        """The known word that is most alike, if it is alike at all."""
        best: tuple[float, str] | None = None
        likeness = _likeness(word)
        matcher = SequenceMatcher(None, "", word)
        for each in known:
            least = best[0] if best else CLOSE
            if _most(word, each, len(each)) >= least and likeness(each) >= least:
                self.left -= _COMPARED
                matcher.set_seq1(each)
                found = (matcher.ratio(), each)
                closer = found[0] >= least and (best is None or found > best)
                if closer and may_mean(word, each):
                    best = found
        return best and best[1]

    def _nearest(self, word: str, words: list[str]) -> list[str]:
        """The known words that are most alike, best first."""
        some = words if len(words) <= _RANKED else nlargest(_RANKED, words, key=_likeness(word))
        self.left -= len(words) + _COMPARED * len(some)
        near = sorted(some, key=lambda each: -SequenceMatcher(None, word, each).ratio())
        return near[:_SHOWN]


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a mistyped one, or None when none is close."""
    return Hints().did_you_mean(word, known)


def help_line(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """What to say after an unknown word: the one that was meant, or those there are."""
    return Hints().help_line(word, known, what=what)


def _likeness(word: str) -> Callable[[str], float]:
    """For other words the most that SequenceMatcher's ratio can be, by their letters alone."""
    ours, ascii_ = word.encode(errors="replace"), word.isascii()

    def bound(each: str) -> float:
        if not (ascii_ and each.isascii()):
            return _most(word, each, len(each))
        theirs = each.encode()
        shared = len(theirs) - len(theirs.translate(None, ours))
        back = len(ours) - len(ours.translate(None, theirs))
        return _most(word, each, min(shared, back))

    return bound


def _most(word: str, other: str, shared: int) -> float:
    """The ratio of two words that have so many letters in common, in the same order."""
    both = len(word) + len(other)
    return 2 * min(shared, len(word), len(other)) / both if both else 1.0
