"""The health of models and of the store, for programs and operators."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.health_report import health_of, with_degradation
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.ledger.degraded import DegradableStore
from policy_router.observe.degradation_watch import DegradationWatch
from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.execution.health.health_report import ModelHealth
    from policy_router.execution.prober import ProbeOutcome, Prober
    from policy_router.ledger.status import StoreStatus
    from policy_router.ledger.store import Store
    from policy_router.observe.router_events import RouterEvents


class HealthMethods(ABC):
    """The methods of a router for the health of its models and of its store."""

    _cooldowns: Cooldowns
    _prober: Prober
    _store: Store
    _time: Callable[[], float]

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    def _begin_cooldowns(
        self, store: object, clock: Callable[[], float], events: RouterEvents
    ) -> Cooldowns:
        self._time = clock
        self._cooldowns = Cooldowns(
            clock,
            models=lambda: self.policy.models,
            shared=SharedHealth(store, clock),
            on_change=events.breaker_changed,
        )
        events.add(
            DegradationWatch(
                lambda: self.policy.fallback.degraded,
                self._cooldowns.degraded,
                clock,
                events.degradation_changed,
            )
        )
        return self._cooldowns

    def health(self) -> tuple[ModelHealth, ...]:
        """Report the health of every model of the active policy, as this process knows it.

        Processes that share a store learn within a second what others found out.

        Returns:
            One value for each model, in the order of the policy.
        """
        policy, now = self.policy, self._time()
        known = self._cooldowns.board.known()
        models = tuple(health_of(model, known, now) for model in policy.models)
        rule = policy.fallback.degraded
        if rule is None:
            return models
        worse = self._cooldowns.degraded(rule, now)
        return tuple(with_degradation(each, worse.get(each.model)) for each in models)

    def lift(self, model: str) -> bool:
        """End whatever keeps a model from being called, in all processes that share the store.

        It ends for the key, the account and the provider of the model, too. Where the policy has
        `fallback.degraded`, every process observes the model afresh.

        Args:
            model: The name of a model of the active policy.

        Returns:
            Whether anything kept it from being called, or made it come last, as far as this process
            knows.

        Raises:
            UsageError: The policy has no such model.
        """
        found = self.policy.models_by_name.get(model)
        if found is None:
            raise UsageError(unknown("model", model, self.policy.models_by_name))
        return self._cooldowns.lift(found, self.policy.fallback.degraded)

    async def probe(self, models: Sequence[str] = ()) -> AsyncIterator[ProbeOutcome]:
        """Call models, each for a token or a few, and report each result as it arrives.

        The calls are reserved and charged like any other, and count for cooldowns: a model in
        cooldown, or one whose budget has no room, is not called. All are made at the same time.

        Args:
            models: Names of models of the active policy; none means all of them.

        Yields:
            How each model answered, in the order in which they end.

        Raises:
            UsageError: The policy has no such model.
        """
        policy = self.policy
        for name in models:
            if name not in policy.models_by_name:
                raise UsageError(unknown("model", name, policy.models_by_name))
        chosen = [policy.model(name) for name in models] or policy.models
        calls = [asyncio.create_task(self._prober.probe_once(policy, m)) for m in chosen]
        try:
            for call in asyncio.as_completed(calls):
                yield await call
        finally:
            for each in calls:
                each.cancel()

    def store_status(self) -> StoreStatus | None:
        """Report whether the store of counters can be reached and has lost no data.

        Returns:
            The status; None for a store that the program gave to the constructor unguarded.
        """
        return self._store.status if isinstance(self._store, DegradableStore) else None
