"""What is cooling down after failures, and until when. In memory, one a process.

A failure cools what is at fault (see `failure.Scope`): a model, a key with every model that is
called with it, an account, a provider. It is known by how it is called and not by its name in the
policy alone: when a reload changes the key's variable, the address or the model that is called, or
when the variable gets another value, what cooled before cools no longer.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureScope
from policy_router.providers.place import SHARED, place, variable
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policy_router.domain.fallback import Cooldown
    from policy_router.domain.models import Model
    from policy_router.providers.failure import Failure, FailureKind
    from policy_router.providers.place import Place

_LEAST: Final = 1.0
_MOST: Final = 24 * 3600.0
"""Seconds: bounds of what a provider's hint can do to a model."""
_GROWN: Final = 300.0
"""Seconds: the longest cooldown without a hint that grows."""
_KEPT: Final = 1_000
"""Failures remembered for one model, whatever the policy's threshold."""


class Cooldowns:
    """Cooldowns. Safe to use from several threads.

    A model cools after `Cooldown.failures` failures that count within `Cooldown.within` seconds,
    and at once when the provider names a time or the kind of failure says so (see
    `failure.REACTIONS`). Without a named time the cooldown doubles with each further failure, until
    the model answers. Of two deadlines the later one holds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        models: Callable[[], Iterable[Model]] | None = None,
        environment: Callable[[str], str | None] = os.environ.get,
    ) -> None:
        """clock: Unix time in seconds. models: those that `cooling` speaks of; those that failed
        unless given. environment: the value of a variable."""
        self._clock = clock
        self._environment = environment
        self._salt = secrets.token_bytes(16)
        self._lock = forks.lock()
        self._known: dict[str, Model] = {}
        self._models = models or (lambda: tuple(self._known.values()))
        self._failures: dict[Place, deque[float]] = {}
        self._streaks: dict[tuple[Place, FailureKind], int] = {}
        self._until: dict[Place, float] = {}

    def failed(self, model: Model, failure: Failure, cooldown: Cooldown) -> None:
        """Notes one failed attempt."""
        if failure.scope is FailureScope.REQUEST:
            return
        now = self._clock()
        found = self._place(model, failure.scope)
        with self._lock:
            self._known[model.name] = model
            rest = self._rest(found, failure, now)
            if rest > 0:
                self._until[found] = max(self._until.get(found, 0.0), now + rest)
            own = self._place(model, FailureScope.MODEL)
            if failure.reaction.counts and self._full(own, now, cooldown):
                self._until[own] = max(self._until.get(own, 0.0), now + cooldown.duration)

    def answered(self, model: Model) -> None:
        """Notes an attempt that answered: the next cooldown without a hint is short again."""
        if not self._streaks:
            return
        places = {self._place(model, scope) for scope in _COOLING}
        with self._lock:
            for key in [key for key in self._streaks if key[0] in places]:
                del self._streaks[key]

    def until(self, model: Model, now: float) -> float | None:
        """Unix time until which a model is cooling down; None when it is not."""
        if not self._until:
            return None
        places = [self._place(model, scope) for scope in _COOLING]
        with self._lock:
            latest = max(self._until.get(each, 0.0) for each in places)
        return latest if latest > now else None

    def cooling(self, now: float) -> Mapping[str, float]:
        """Model name -> Unix time until which it is cooling down, for `Snapshot.cooling`."""
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
        if not self._until:
            return {}
        times = ((model.name, self.until(model, now)) for model in self._models())
        return {name: until for name, until in times if until is not None}

    def _place(self, model: Model, scope: FailureScope) -> Place:
        digest = None if scope is FailureScope.PROVIDER else self._digest(variable(model))
        return *place(model, scope), digest

    def _digest(self, name: str) -> str | None:
        """Tells the values of a variable apart without keeping one."""
        value = self._environment(name)
        if value is None:
            return None
        data = value.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=self._salt, digest_size=16).hexdigest()

    def _rest(self, found: Place, failure: Failure, now: float) -> float:
        """Seconds this failure alone takes its place out for."""
        reaction = failure.reaction
        if not failure.certain:
            return 0.0
        if failure.retry_after is not None and reaction.hinted:
            return min(max(failure.retry_after, _LEAST), _MOST)
        if not reaction.grows:
            return reaction.rest
        streak = self._streaks.get((found, failure.kind), 0)
        if self._until.get(found, 0.0) > now:
            # Requests that were under way together are one failure.
            return _grown(reaction.rest, streak - 1)
        self._streaks[found, failure.kind] = streak + 1
        return _grown(reaction.rest, streak)

    def _full(self, own: Place, now: float, cooldown: Cooldown) -> bool:
        times = self._failures.setdefault(own, deque(maxlen=_KEPT))
        times.append(now)
        while times[0] <= now - cooldown.within:
            times.popleft()
        if len(times) < min(cooldown.failures, _KEPT):
            return False
        times.clear()  # after the cooldown it takes as many failures again
        return True


_COOLING: Final = (FailureScope.MODEL, *SHARED)


def _grown(rest: float, times: int) -> float:
    return min(rest * 2.0 ** min(max(times, 0), 30), _GROWN)
