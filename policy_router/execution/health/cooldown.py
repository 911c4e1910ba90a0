"""Which models are in cooldown, and why.

A failure puts in cooldown what is at fault (see `FailureScope`): a model, for everyone or for one
user; a key with every model called with it; an account; or a provider. Where a model has several
keys, a failure of one key affects only that key. A model is identified by how it is called, not by
its name in the policy alone: a cooldown ends when a reload changes the variable of the key, the
address or the model that is called, and when the variable of the key gets another value.
"""

from __future__ import annotations

import os
import random as _random
import secrets
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from policy_router.execution.health import breaker as breakers
from policy_router.execution.health import service_health as healths
from policy_router.execution.health.admission import ADMITTED, Admission
from policy_router.execution.health.blocking import Blocking
from policy_router.execution.health.breaker import BreakerState
from policy_router.execution.health.breaker_changes import change_of
from policy_router.execution.health.breaker_scope import user_at_fault
from policy_router.execution.health.degradation import Degradation
from policy_router.execution.health.domain_keys import (
    COOLING,
    DomainKeys,
    concerns,
    domains_of,
    name_in,
    scope_in,
)
from policy_router.execution.health.failure_cooldown import cooldown_after
from policy_router.execution.health.health_board import HealthBoard
from policy_router.execution.health.health_view import HealthView
from policy_router.execution.health.outcomes import FailedFor, Outcomes
from policy_router.providers.failures.failure import FailureKind, FailureScope
from policy_router.providers.failures.fault_domain import (
    is_of_key,
    with_any_key,
)
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policy_router.domain.fallback import Cooldown, Degraded
    from policy_router.domain.models import Model
    from policy_router.execution.health.breaker import Breaker
    from policy_router.execution.health.breaker_changes import BreakerChange
    from policy_router.execution.health.degradation import Worse
    from policy_router.execution.health.service_health import ServiceHealth
    from policy_router.execution.health.shared_health import SharedHealth
    from policy_router.providers.failures.failure import Failure

_LEASE: Final = 30.0
"""Seconds after which a probe that has not ended is given up."""
_UNREACHABLE: Final = frozenset({FailureKind.CONNECT, FailureKind.CONNECTION_LOST})
_STOPPED: Final = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


class Cooldowns:
    """Which models are in cooldown, and until when. Safe to use from several threads.

    A model's breaker opens after failures as `Cooldown` says, for everyone or for one user (see
    `breaker_scope`), and a provider's after as many in a row of at least two models that could not
    be reached. A single failure begins a cooldown at once when the provider names a time or the
    class of failure demands it (see `REACTIONS`); that does not count towards the breaker. Of two
    times, the later one holds.

    Attributes:
        board: The health of what failed lately.
        degradation: Which models answer worse than usual.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        models: Callable[[], Iterable[Model]] | None = None,
        environment: Callable[[str], str | None] = os.environ.get,
        draw: Callable[[], float] = _random.random,
        shared: SharedHealth | None = None,
        on_change: Callable[[BreakerChange], None] | None = None,
    ) -> None:
        """Starts with the shared cooldowns, if any.

        Args:
            clock: Unix time in seconds.
            models: The models that `cooling` reports. Default: those that failed.
            environment: The value of an environment variable.
            draw: Draws a number from 0 to 1, for the times of breakers that open again.
            shared: The health of everything, shared with other processes. Default: the memory of
                this process.
            on_change: Called when this process opens, probes, closes or lifts a breaker.
        """
        self._shared = shared
        self.board = HealthBoard() if shared is None else shared.board
        if on_change is not None:
            self._on_change = on_change
            self.board.observers.append(self._changed)
        self._clock = clock
        self._draw = draw
        self._prober = secrets.token_hex(4)
        self._keys = DomainKeys(environment)
        self._lock = forks.lock()
        self._known: dict[str, Model] = {}
        self._models = models or (lambda: tuple(self._known.values()))
        self._blocking = Blocking(self.board, self._keys, self._models)
        self.degradation = Degradation()
        self._view = HealthView(
            self.board, self._blocking, self.degradation, self._models, self._draw
        )
        self._outcomes: dict[tuple[str, str], Outcomes] = {}
        self._unreachable: dict[str, Outcomes] = {}

    # -- what happened -----------------------------------------------------------------------

    def failed(
        self,
        model: Model,
        failure: Failure,
        cooldown: Cooldown,
        probes: tuple[str, ...] = (),
        user: str | None = None,
    ) -> None:
        """Notes a failed attempt.

        Args:
            model: The model that was called, with the key that it was called with.
            failure: Why it failed.
            cooldown: The thresholds and times of the policy.
            probes: What the attempt probed.
            user: The user of the request, if it names one.
        """
        now = self._clock()
        if failure.scope is FailureScope.REQUEST:
            for key in probes:
                self._change(key, breakers.probe_ended, now)
            return
        whole = with_any_key(model)
        self._known[model.name] = model
        self._begin_cooldown(model if is_of_key(failure) else whole, failure, cooldown, now)
        own = self._key(whole, FailureScope.MODEL)
        provider = self._key(whole, FailureScope.PROVIDER)
        for key in probes:
            self._probed(key, failure, cooldown, now, at_provider=key == provider)
        user = user_at_fault(user, failure)
        if failure.reaction.counts_for_cooldown:
            self._count(own, whole, failure, cooldown, now, user=user, probed=own in probes)
        if failure.kind in _UNREACHABLE and user is None and provider not in probes:
            self._count_unreachable(provider, model, failure, cooldown, now)

    def answered(
        self, model: Model, cooldown: Cooldown | None = None, probes: tuple[str, ...] = ()
    ) -> None:
        """Notes a successful attempt: the next growing cooldown is short again.

        Args:
            model: The model that was called, with the key that it was called with.
            cooldown: The thresholds and times of the policy; None counts nothing for the breaker.
            probes: What the attempt probed.
        """
        if cooldown is not None:
            now = self._clock()
            self._count_answer(model, cooldown, now)
            for key in probes:
                self._change(key, breakers.probe_answered, now, cooldown)
        if self.board.is_empty and not self._unreachable:
            return
        whole = with_any_key(model)
        self._unreachable.pop(self._key(whole, FailureScope.PROVIDER), None)
        called = (model,) if whole is model else (model, whole)
        for key in {self._key(each, scope) for each in called for scope in COOLING}:
            if self.board.get(key).cooldown.level:
                self.board.change(key, healths.answered)

    def trip(self, model: Model, failure: Failure, cooldown: Cooldown) -> None:
        """Opens the breaker of a model, whatever was counted, unless it is open or half open."""
        key = self._key(with_any_key(model), FailureScope.MODEL)
        self._trip(key, failure, cooldown, self._clock())

    def withdrawn(self, probes: tuple[str, ...]) -> None:
        """Notes that an admitted call is not made."""
        for key in probes:
            self._change(key, breakers.probe_ended, self._clock())

    def lift(self, model: Model, degraded: Degraded | None = None) -> bool:
        """Ends everything that keeps a model from being called, or in its place behind others.

        Args:
            model: The model.
            degraded: When the policy counts a model as worse than usual; None never. With it, every
                process observes the model afresh.

        Returns:
            Whether this process knew of a reason not to call it.
        """
        now = self._clock()
        lifted = degraded is not None and model.name in self.degraded(degraded, now)
        self._outcomes.pop(_window(model), None)
        domains, own = domains_of(model), self._key(with_any_key(model), FailureScope.MODEL)
        keys = {key for key in self.board.known() if concerns(key, domains)}
        for key in keys if degraded is None else keys | {own}:
            observed = degraded is not None and key == own
            before, _ = self.board.change(key, partial(healths.lifted, now=now, observed=observed))
            before = before.at(now)
            lifted = lifted or before.breaker != breakers.CLOSED or before.cooldown.until > now
        return lifted

    # -- what may be called ------------------------------------------------------------------

    def admit(self, model: Model, user: str | None = None) -> Admission:
        """Whether a call for a user may be made now, and what it probes.

        A call that is admitted as a probe blocks other calls until it ends. Cooldowns of single
        failures are ignored here: a retry waits until they end.
        """
        if self.board.is_empty:
            return ADMITTED
        now = self._clock()
        probes: tuple[str, ...] = ()
        for key in self._blocking.breaker_keys(model, user):
            breaker = self.board.get(key).breaker
            if breaker.needs_probe(now):
                before, after = self._change(key, breakers.probe_began, now, _LEASE, self._prober)
                if before != after:
                    probes += (key,)
                    continue
                breaker = after.breaker
            if breaker.is_blocked(now):
                self.withdrawn(probes)
                return Admission(blocked_until=breaker.until)
        return Admission(probes=probes) if probes else ADMITTED

    async def admitted(self, model: Model, user: str | None = None) -> Admission:
        """Does what `admit` does, for all processes that share a store."""
        admission = self.admit(model, user)
        if self._shared is None or not admission.probes:
            return admission
        try:
            won = await self._shared.confirm(admission.probes)
        except BaseException:
            self.withdrawn(admission.probes)
            raise
        if won == admission.probes:
            return admission
        self.withdrawn(won)
        now = self._clock()
        blocked = [self.board.get(key).breaker for key in admission.probes]
        return Admission(max((each.until for each in blocked if each.is_blocked(now)), default=now))

    async def look(self) -> None:
        """Adopts the findings of other processes. Only the first call waits for them."""
        if self._shared is not None:
            await self._shared.look()

    async def claim(self, what: str, seconds: float) -> bool:
        """Claims a task that one of all processes does; returns whether this one has it now."""
        return self._shared is None or await self._shared.claim(what, self._prober, seconds)

    def until(self, model: Model, now: float) -> float | None:
        """Unix time until which a model is in cooldown for everyone; None when it is not."""
        return self._blocking.until(model, now)

    def key_until(self, model: Model, now: float) -> float | None:
        """Unix time until which the key of a model is in cooldown; None when it is not."""
        return self._blocking.key_until(model, now)

    def cooling(self, now: float, user: str | None = None) -> Mapping[str, float]:
        """Model name -> Unix time until which it is in cooldown, for everyone or for this user."""
        return self._blocking.all_until(now, user)

    def for_request(
        self, now: float, degraded: Degraded | None = None, user: str | None = None
    ) -> tuple[Mapping[str, float], Mapping[str, str]]:
        """The health of the models for one request: some see a recovering model in its place.

        Args:
            now: Unix time.
            degraded: When the policy counts a model as worse than usual; None never.
            user: The user of the request, if it names one.

        Returns:
            The models that are not called, as `cooling` does, and those that come last, each with
            the reason as text for people.
        """
        return self._view.for_request(now, degraded, user)

    def degraded(self, rule: Degraded, now: float) -> Mapping[str, Worse]:
        """The models that count as worse than usual by the calls of this process, by name."""
        return self._view.degraded(rule, now)

    # -- how it is counted -------------------------------------------------------------------

    async def aclose(self) -> None:
        """Shares what other processes do not know yet, if the store can be reached."""
        if self._shared is not None:
            await self._shared.aclose()

    def _key(self, model: Model, scope: FailureScope) -> str:
        return self._keys.of(model, scope)

    def _begin_cooldown(
        self, model: Model, failure: Failure, cooldown: Cooldown, now: float
    ) -> None:
        """Begins the cooldown that this failure alone causes, if any."""
        change = cooldown_after(failure, cooldown, now)
        if change is not None:
            self.board.change(self._key(model, failure.scope), change)

    def _count(
        self,
        key: str,
        model: Model,
        failure: Failure,
        cooldown: Cooldown,
        now: float,
        *,
        user: str | None,
        probed: bool,
    ) -> None:
        own = None if user is None else self._keys.of_user(model, user)
        if probed:
            # Others get their turn to probe it: this user's requests alone may be what fails.
            if own is not None:
                self._trip(own, failure, cooldown, now)
            return
        if self.board.get(key).breaker.state in _STOPPED:
            return  # calls that began before it opened say nothing new
        with self._lock:
            outcomes = self._outcomes.setdefault(_window(model), Outcomes())
            failed_for = outcomes.failed(now, cooldown, user)
        if failed_for is FailedFor.SEVERAL:
            self._trip(key, failure, cooldown, now)
        elif failed_for is FailedFor.ONE and own is not None:
            self._trip(own, failure, cooldown, now)

    def _count_answer(self, model: Model, cooldown: Cooldown, now: float) -> None:
        name = _window(model)
        with self._lock:
            outcomes = self._outcomes.get(name)
            if outcomes is None:
                outcomes = self._outcomes[name] = Outcomes()
            outcomes.answered(now, cooldown)

    def _count_unreachable(
        self, key: str, model: Model, failure: Failure, cooldown: Cooldown, now: float
    ) -> None:
        if self.board.get(key).breaker.state in _STOPPED:
            return
        with self._lock:
            outcomes = self._unreachable.setdefault(key, Outcomes())
            failed_for = outcomes.failed(now, cooldown, model.name, by_share=False)
        if failed_for is FailedFor.SEVERAL:
            self._trip(key, failure, cooldown, now)

    def _trip(self, key: str, failure: Failure, cooldown: Cooldown, now: float) -> None:
        draw, cause = self._draw(), failure.kind.value
        self._change(key, breakers.tripped, now, cooldown, draw, cause)

    def _probed(
        self, key: str, failure: Failure, cooldown: Cooldown, now: float, *, at_provider: bool
    ) -> None:
        """What a probe that failed shows: a provider that answers at all can be reached."""
        if at_provider and failure.status is not None:
            self._change(key, breakers.probe_answered, now, cooldown)
        elif failure.reaction.counts_for_cooldown:
            draw, cause = self._draw(), failure.kind.value
            self._change(key, breakers.probe_failed, now, cooldown, draw, cause)
        else:
            self._change(key, breakers.probe_ended, now)

    def _changed(self, key: str, before: ServiceHealth, after: ServiceHealth) -> None:
        change = change_of(scope_in(key), name_in(key), before.breaker, after.breaker)
        if change is not None:
            self._on_change(change)

    def _change(
        self, key: str, event: Callable[..., Breaker], now: float, *about: object
    ) -> tuple[ServiceHealth, ServiceHealth]:
        return self.board.change(key, partial(_on_breaker, event, now, about))


def _on_breaker(
    event: Callable[..., Breaker], now: float, about: tuple[object, ...], health: ServiceHealth
) -> ServiceHealth:
    health = health.at(now)
    return replace(health, breaker=event(health.breaker, now, *about))


def _window(model: Model) -> tuple[str, str]:
    """The key by which calls of a model are counted; each call needs it, so it is a fast one."""
    return model.name, model.provider_model
