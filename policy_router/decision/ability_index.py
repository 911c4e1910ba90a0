"""Which models cannot answer a request by what it needs, worked out once for each set of needs.

Callers name needs, so that the sets are as many as the abilities have subsets; only some are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import EMBEDDINGS, NO_CHAT
from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from policy_router.domain.models import Model

KEPT_NEEDS: Final = 256
"""The most sets of needs that are kept; when there are more, all are dropped."""
NO_NEEDS: Final[frozenset[str]] = frozenset()


class AbilityIndex:
    """The abilities of a policy's models. Sets of models are ints: bit i is model i.

    Attributes:
        unable_without_needs: The models that cannot answer even a request without needs.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = models
        self._possible = NO_NEEDS.union(*(m.abilities for m in models))
        self._unable: dict[frozenset[str], int] = {}
        self._skips: dict[frozenset[str], list[Skip]] = {}
        self.unable_without_needs = self.unable(NO_NEEDS)

    def unable(self, needs: frozenset[str]) -> int:
        """The models that cannot answer a request with these needs."""
        unable = self._unable.get(needs)
        if unable is None:
            if len(self._unable) >= KEPT_NEEDS:
                self._unable.clear()
            unable = sum(1 << i for i, m in enumerate(self._models) if _is_unable(m, needs))
            self._unable[needs] = unable
        return unable

    def skips(self, needs: frozenset[str]) -> list[Skip]:
        """For each model the Skip that says why it cannot answer a request with these needs."""
        skips = self._skips.get(needs)
        if skips is None:
            if len(self._skips) >= KEPT_NEEDS:
                self._skips.clear()
            skips = self._skips[needs] = [
                Skip(m.name, Reason.ABILITY, _why(m, needs), span=m.span) for m in self._models
            ]
        return skips

    def unmet(self, needs: AbstractSet[str]) -> tuple[str, ...]:
        """Those of the abilities that no model has."""
        return () if self._possible.issuperset(needs) else tuple(sorted(needs - self._possible))


def _is_unable(model: Model, needs: frozenset[str]) -> bool:
    """Whether a model lacks an ability, or answers no chat."""
    return not needs <= model.abilities or (not needs and _answers_no_chat(model))


def _answers_no_chat(model: Model) -> bool:
    return model.abilities == {EMBEDDINGS} or any(
        each.startswith(NO_CHAT) for each in model.abilities
    )


def _why(model: Model, needs: frozenset[str]) -> str:
    missing = ", ".join(sorted(needs - model.abilities))
    if missing:
        return f"does not support {missing}"
    if model.abilities == {EMBEDDINGS}:
        return "only makes embeddings, as its `can` or LiteLLM's table says"
    listed = "".join(a.removeprefix(NO_CHAT) for a in model.abilities if a.startswith(NO_CHAT))
    return f"answers no chat: LiteLLM's table lists it for {listed}; if it does, say so in `can`"
