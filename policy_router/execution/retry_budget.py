"""Limits retries, so that they never multiply the load of a failing provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.resilience import forks

if TYPE_CHECKING:
    from policy_router.domain.models import Model

MOST: Final = 10.0
"""Retries that a provider has in reserve, at first and at most."""
EARNED: Final = 0.1
"""Retries that each first call of a model earns."""


class RetryBudget:
    """Retries that are left, by provider and address. Safe to use from several threads.

    A retry is a second call of the same model with the same key. In the long run there is one for
    every ten first calls.
    """

    def __init__(self) -> None:
        self._lock = forks.lock()
        self._left: dict[tuple[str, str | None], float] = {}

    def earn(self, model: Model) -> None:
        """Notes a first call of a model."""
        provider = _provider(model)
        with self._lock:
            left = self._left.get(provider)
            if left is not None:
                self._left[provider] = min(left + EARNED, MOST)

    def allows(self, model: Model) -> bool:
        """Whether a retry of a model is left."""
        return self._left.get(_provider(model), MOST) >= 1

    def spend(self, model: Model) -> None:
        """Notes a retry of a model."""
        provider = _provider(model)
        with self._lock:
            self._left[provider] = max(self._left.get(provider, MOST) - 1, 0.0)


def _provider(model: Model) -> tuple[str, str | None]:
    return model.provider_model.partition("/")[0], model.api_base_env or model.api_base
