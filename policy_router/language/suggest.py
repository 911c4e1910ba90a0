"""`did you mean`: the known word that a mistyped one was most likely meant to be."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CLOSE: Final = 0.7
_LONGEST: Final = 64
_SHOWN: Final = 12


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a mistyped one, or None when none is close."""
    if len(word) > _LONGEST:
        return None
    words = list(dict.fromkeys(known))
    folded = {w.casefold(): w for w in reversed(words)}
    found = folded.get(word.casefold())
    if found is not None:
        return found
    # Letters swapped are the commonest slip and look far apart to a matcher of runs.
    for each in words:
        if len(each) == len(word) > 2 and sorted(each) == sorted(word):
            return each
    near = get_close_matches(word.casefold(), folded, 1, CLOSE)
    return folded[near[0]] if near else None


def help_line(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """What to say after an unknown word: the one that was meant, or those there are."""
    words = list(dict.fromkeys(known))
    close = did_you_mean(word, words)
    if close is not None:
        return f"did you mean `{close}`?"
    if not words:
        return "there are none"
    near = sorted(words, key=lambda w: -SequenceMatcher(None, word[:_LONGEST], w).ratio())
    shown = words if len(words) <= _SHOWN else near[:_SHOWN]
    more = len(words) - len(shown)
    return (
        f"{what} are " + ", ".join(f"`{w}`" for w in shown) + (f" and {more} more" if more else "")
    )
