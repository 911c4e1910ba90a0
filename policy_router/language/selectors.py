"""Words that stand for models: a name, a tier, a tag, `free`, `paid`, a LiteLLM name, a pattern.

A word selects every model it fits in any of these ways, in the order the models are written.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.model import Model

PRICES: Final = ("free", "paid")


def is_pattern(word: str) -> bool:
    """Whether a selector is a glob over names and LiteLLM names."""
    return any(c in word for c in "*?[")


def select(word: str, models: Sequence[Model]) -> tuple[str, ...]:
    """Names of the models that a word stands for."""
    if word in PRICES:
        free = word == "free"
        return tuple(m.name for m in models if m.free == free or word in m.tags)
    if is_pattern(word):
        return tuple(
            m.name for m in models if fnmatchcase(m.name, word) or fnmatchcase(m.calls, word)
        )
    return tuple(m.name for m in models if word in (m.name, m.tier, m.calls) or word in m.tags)


def known_words(models: Sequence[Model], tiers: Sequence[str]) -> tuple[str, ...]:
    """Every word a selector may be, for `did you mean`."""
    tags = sorted({tag for m in models for tag in m.tags})
    names = [m.name for m in models]
    return tuple(dict.fromkeys([*names, *tiers, *tags, *PRICES, *(m.calls for m in models)]))
