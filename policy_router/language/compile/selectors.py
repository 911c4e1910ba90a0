"""Words that stand for models: a name, a tier, a tag, `free`, `paid`, a LiteLLM name, a pattern.

A word selects every model it fits in any of these ways, in the order the models are written.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model

PRICES: Final = ("free", "paid")


def is_pattern(word: str) -> bool:
    """Whether a selector is a glob over names and LiteLLM names."""
    return any(c in word for c in "*?[")


class Selectors:
    """What every word stands for among some models."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._chosen: dict[str, list[str]] = {word: [] for word in PRICES}
        for model in models:
            named = {model.name, model.tier, model.provider_model}.difference(PRICES)
            for word in {PRICES[not model.free], *named, *model.tags}:
                self._chosen.setdefault(word, []).append(model.name)

    def select(self, word: str) -> tuple[str, ...]:
        """Names of the models that a word stands for."""
        if is_pattern(word):
            return tuple(
                model.name
                for model in self._models
                if fnmatchcase(model.name, word) or fnmatchcase(model.provider_model, word)
            )
        return tuple(self._chosen.get(word, ()))


def known_words(models: Sequence[Model], tiers: Sequence[str]) -> tuple[str, ...]:
    """Every word a selector may be, for `did you mean`."""
    tags = sorted({tag for m in models for tag in m.tags})
    names = [m.name for m in models]
    return tuple(
        dict.fromkeys([*names, *tiers, *tags, *PRICES, *(m.provider_model for m in models)])
    )
