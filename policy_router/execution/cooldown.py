"""Cooldowns after failures, in the memory of one process.

A failure takes out what is at fault (see `FailureScope`): a model, a key with every model that is
called with it, an account or a provider. Of a model with several keys, a failure that is about the
key takes out that key. It is identified by how it is called, not by its name in
the policy alone: a cooldown ends when a reload changes the variable of the key, the address or the
model that is called, and when the variable gets another value.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureScope
from policy_router.providers.fault_domain import (
    SHARED_SCOPES,
    fault_domain,
    is_of_key,
    key_variable,
    with_any_key,
    with_each_key,
)
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policy_router.domain.fallback import Cooldown
    from policy_router.domain.models import Model
    from policy_router.providers.failure import Failure, FailureKind
    from policy_router.providers.fault_domain import FaultDomain

_SHORTEST: Final = 1.0
_LONGEST: Final = 24 * 3600.0
"""Seconds that a provider can take its model out for, at least and at most."""
_LONGEST_GROWN: Final = 300.0
"""Seconds of a growing cooldown, at most."""
_KEPT: Final = 1_000
"""Failures of one model that are remembered, whatever the threshold of the policy."""


class Cooldowns:
    """Which models are in cooldown, and until when. Safe to use from several threads.

    A model is in cooldown after `Cooldown.failures` counted failures within `Cooldown.within`
    seconds, and at once when the provider names a time or the class of failure demands it (see
    `REACTIONS`). Without a named time, the cooldown doubles with each further failure until the
    model answers. Of two times, the later one holds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        models: Callable[[], Iterable[Model]] | None = None,
        environment: Callable[[str], str | None] = os.environ.get,
    ) -> None:
        """Starts without any cooldown.

        Args:
            clock: Unix time in seconds.
            models: The models that `cooling` reports. Default: those that failed.
            environment: The value of an environment variable.
        """
        self._clock = clock
        self._environment = environment
        self._salt = secrets.token_bytes(16)
        self._lock = forks.lock()
        self._known: dict[str, Model] = {}
        self._models = models or (lambda: tuple(self._known.values()))
        self._failures: dict[FaultDomain, deque[float]] = {}
        self._streaks: dict[tuple[FaultDomain, FailureKind], int] = {}
        self._until: dict[FaultDomain, float] = {}

    def failed(self, model: Model, failure: Failure, cooldown: Cooldown) -> None:
        """Notes a failed attempt.

        Args:
            model: The model that was called, with the key that it was called with.
            failure: Why it failed.
            cooldown: The policy's threshold.
        """
        if failure.scope is FailureScope.REQUEST:
            return
        now = self._clock()
        whole = with_any_key(model)
        at_fault = self._domain(model if is_of_key(failure) else whole, failure.scope)
        with self._lock:
            self._known[model.name] = model
            rest = self._rest(at_fault, failure, now)
            if rest > 0:
                self._until[at_fault] = max(self._until.get(at_fault, 0.0), now + rest)
            own = self._domain(whole, FailureScope.MODEL)
            if failure.reaction.counts_for_cooldown and self._reaches_threshold(own, now, cooldown):
                self._until[own] = max(self._until.get(own, 0.0), now + cooldown.duration)

    def answered(self, model: Model) -> None:
        """Notes an attempt that answered: its next growing cooldown is short again."""
        if not self._streaks:
            return
        called = (model, with_any_key(model))
        domains = {self._domain(each, scope) for each in called for scope in _COOLING}
        with self._lock:
            for key in [key for key in self._streaks if key[0] in domains]:
                del self._streaks[key]

    def until(self, model: Model, now: float) -> float | None:
        """Unix time until which a model is in cooldown; None when it is not.

        With several keys it is while all of them rest.
        """
        if not self._until:
            return None
        latest = min(self._latest(each) for each in with_each_key(model))
        if len(model.api_key_envs) > 1:
            latest = max(latest, self._latest(with_any_key(model)))
        return latest if latest > now else None

    def key_until(self, model: Model, now: float) -> float | None:
        """Unix time until which the key that a model is called with rests; None when it does not.

        Args:
            model: The model, with that key.
            now: Unix time.
        """
        latest = self._latest(model)
        return latest if latest > now else None

    def _latest(self, model: Model) -> float:
        """The latest time that is kept for a model called with one key, or 0."""
        domains = [self._domain(model, scope) for scope in _COOLING]
        with self._lock:
            return max(self._until.get(key, 0.0) for key in domains)

    def cooling(self, now: float) -> Mapping[str, float]:
        """Model name -> Unix time until which it is in cooldown, for `Snapshot.cooling`."""
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if until > now}
        if not self._until:
            return {}
        times = ((model.name, self.until(model, now)) for model in self._models())
        return {name: until for name, until in times if until is not None}

    def _domain(self, model: Model, scope: FailureScope) -> FaultDomain:
        digest = None if scope is FailureScope.PROVIDER else self._digest(key_variable(model))
        address = None if model.api_base_env is None else self._digest(model.api_base_env)
        return *fault_domain(model, scope), digest, address

    def _digest(self, name: str) -> str | None:
        """Distinguishes values of a variable without keeping them."""
        value = self._environment(name)
        if value is None:
            return None
        data = value.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=self._salt, digest_size=16).hexdigest()

    def _rest(self, at_fault: FaultDomain, failure: Failure, now: float) -> float:
        """Seconds that this failure alone takes out what is at fault."""
        reaction = failure.reaction
        if not failure.certain:
            return 0.0
        if failure.retry_after is not None and reaction.honors_retry_after:
            return min(max(failure.retry_after, _SHORTEST), _LONGEST)
        if not reaction.doubles:
            return reaction.cooldown
        streak = self._streaks.get((at_fault, failure.kind), 0)
        if self._until.get(at_fault, 0.0) > now:
            # Requests that ran at the same time are one failure.
            return _grown(reaction.cooldown, streak - 1)
        self._streaks[at_fault, failure.kind] = streak + 1
        return _grown(reaction.cooldown, streak)

    def _reaches_threshold(self, own: FaultDomain, now: float, cooldown: Cooldown) -> bool:
        times = self._failures.setdefault(own, deque(maxlen=_KEPT))
        times.append(now)
        while times[0] <= now - cooldown.within:
            times.popleft()
        if len(times) < min(cooldown.failures, _KEPT):
            return False
        times.clear()  # after the cooldown it takes as many failures again
        return True


_COOLING: Final = (FailureScope.MODEL, *SHARED_SCOPES)


def _grown(rest: float, times: int) -> float:
    """A cooldown that was doubled this many times."""
    return min(rest * 2.0 ** min(max(times, 0), 30), _LONGEST_GROWN)
