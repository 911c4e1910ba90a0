"""Words with similar spelling but opposite meaning, which are never suggested for each other.

Two words may be spelled alike and mean the opposite (`max_tier`, `min_tier`) or a different thing
of the same kind (`gpt-4`, `gpt-5`). Suggesting one for the other would change what a policy does.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

_PAIRS: Final = (
    "min max", "minimum maximum", "least most", "less more", "lower upper", "low high",
    "below above", "under over", "smallest largest", "weakest strongest", "cheapest dearest",
    "fastest slowest", "first last", "before after", "only avoid", "accept except",
    "accept reject", "allow deny", "allowed denied", "include exclude", "free paid",
    "input output", "in out", "start stop", "begin end", "on off", "true false", "yes no",
    "always never", "any all", "some none", "with without", "enable disable", "open closed",
    "public private", "internal external", "local remote", "trusted untrusted", "east west",
    "north south", "up down", "import export", "inbound outbound", "legal illegal", "next retry",
    "then when", "warn block", "expect except",
)  # fmt: skip


_OPPOSITE: Final = frozenset(
    pair for words in _PAIRS for pair in (tuple(words.split()), tuple(words.split()[::-1]))
)


_NEGATIONS: Final = frozenset({"not", "no", "non", "un", "without", "never", "dis", "anti"})


_PREFIXES: Final = ("un", "non", "dis", "in", "im", "ir", "il", "anti", "de")


_PARTS: Final = re.compile(r"[A-Za-z][a-z]*|[0-9]+|[^\x00-\x7f]+")


_DIGITS: Final = re.compile(r"[0-9]+")


_NEAR: Final = 0.55
"""Minimum similarity at which one word may be a typo of the other."""


@lru_cache(maxsize=65_536)
def may_mean(word: str, other: str) -> bool:
    """Whether one word may be a typo of another, and does not mean something else."""
    if word.casefold() == other.casefold():
        return True
    if _DIGITS.findall(word) != _DIGITS.findall(other):
        return False
    ours, theirs = _parts(word), _parts(other)
    if _NEGATIONS & (set(ours) ^ set(theirs)) or _opposed(ours, theirs):
        return False
    joined = "".join(ours), "".join(theirs)
    if any(
        joined in ((prefix + b, b), (a, prefix + a)) for prefix in _PREFIXES for a, b in [joined]
    ):
        return False
    if len(ours) == len(theirs):
        return all(_near(a, b) for a, b in zip(ours, theirs, strict=True))
    return True


def _parts(word: str) -> list[str]:
    """Split a name into words: `max_tier`, `maxTier`, `max-tier`."""
    return [part.casefold() for part in _PARTS.findall(word)]


def _opposed(ours: list[str], theirs: list[str]) -> bool:
    """Whether a word of one name is the opposite of a word of the other, or begins like it."""
    for a in ours:
        for b in theirs:
            if a not in theirs and b not in ours and (a, b) in _OPPOSITE:
                return True
    ours_joined, theirs_joined = "".join(ours), "".join(theirs)
    return any(
        ours_joined.startswith(a) and theirs_joined.startswith(b)
        for a, b in (("min", "max"), ("max", "min"))
    )


def _near(a: str, b: str) -> bool:
    return a == b or sorted(a) == sorted(b) or SequenceMatcher(None, a, b).ratio() >= _NEAR
