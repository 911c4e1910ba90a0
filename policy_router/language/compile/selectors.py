"""Selectors: words for a model, a tier, a tag, `free`, `paid`, a LiteLLM name or a pattern.

A word selects every model that it matches in any of these ways, in the order of the models.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model

PRICES: Final = ("free", "paid")


def is_pattern(word: str) -> bool:
    """Whether a selector is a pattern (`*`, `?`, `[...]`) over names and LiteLLM names."""
    return any(c in word for c in "*?[")


class Selectors:
    """Which of some models each word selects."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._chosen: dict[str, list[str]] = {word: [] for word in PRICES}
        for model in models:
            named = {model.name, model.tier, model.provider_model}.difference(PRICES)
            for word in {PRICES[not model.free], *named, *model.tags}:
                self._chosen.setdefault(word, []).append(model.name)

    def select(self, word: str) -> tuple[str, ...]:
        """Names of the models that a word selects."""
        if is_pattern(word):
            return tuple(
                model.name
                for model in self._models
                if fnmatchcase(model.name, word) or fnmatchcase(model.provider_model, word)
            )
        return tuple(self._chosen.get(word, ()))


def known_words(models: Sequence[Model], tiers: Sequence[str]) -> tuple[str, ...]:
    """Every word that a selector may be, except patterns: names of models first."""
    tags = sorted({tag for m in models for tag in m.tags})
    names = [m.name for m in models]
    return tuple(
        dict.fromkeys([*names, *tiers, *tags, *PRICES, *(m.provider_model for m in models)])
    )
