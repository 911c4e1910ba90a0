"""The health of the models as the snapshot of one request shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.execution.health.breaker import BreakerState
from policy_router.execution.health.domain_keys import is_of_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policy_router.domain.fallback import Degraded
    from policy_router.domain.models import Model
    from policy_router.execution.health.blocking import Blocking
    from policy_router.execution.health.degradation import Degradation, Worse
    from policy_router.execution.health.health_board import HealthBoard


class HealthView:
    """Which models one request may not call, and which it calls only after all others.

    Args:
        board: The health of what failed lately.
        blocking: What keeps models from being called.
        degradation: The latest calls of each model.
        models: All models; the same tuple each time while the policy is the same.
        draw: Draws a number from 0 to 1, for the share of the requests that find a recovering model
            in its place.
    """

    def __init__(
        self,
        board: HealthBoard,
        blocking: Blocking,
        degradation: Degradation,
        models: Callable[[], Iterable[Model]],
        draw: Callable[[], float],
    ) -> None:
        self._board = board
        self._blocking = blocking
        self._degradation = degradation
        self._models = models
        self._draw = draw

    def for_request(
        self, now: float, degraded: Degraded | None, user: str | None
    ) -> tuple[Mapping[str, float], Mapping[str, str]]:
        """The models in cooldown, and those that come last.

        Args:
            now: Unix time.
            degraded: When the policy counts a model as worse than usual; None never.
            user: The user of the request, if it names one.

        Returns:
            The models that are not called, each with the Unix time at which that ends, and those
            that come last, each with the reason as text for people.
        """
        cooling = self._blocking.all_until(now, user)
        last = {} if self._board.is_empty else self._recovering(now)
        if degraded is None:
            return cooling, last
        since = self._observed_anew()
        worse = self._degradation.look(self._models(), degraded, now, user, since)
        return {**worse.skipped, **cooling}, {**worse.last, **last}

    def degraded(self, rule: Degraded, now: float) -> Mapping[str, Worse]:
        """The models that count as worse than usual, by name."""
        return self._degradation.worse(self._models(), rule, now, self._observed_anew())

    def _observed_anew(self) -> dict[str, float]:
        """The models that an operator had observed afresh, each with the Unix time of that."""
        if self._board.is_empty:
            return {}
        lifted = {key: h.lifted_at for key, h in self._board.known().items() if h.lifted_at}
        return {
            model.name: at
            for key, at in lifted.items()
            for model in self._blocking.concerned((key,))
        }

    def _recovering(self, now: float) -> dict[str, str]:
        known, draw = self._board.known(), self._draw()
        ramps = [
            key
            for key, each in known.items()
            if each.breaker.state is BreakerState.RAMP and not is_of_user(key)
        ]
        last = {}
        for model in self._blocking.concerned(ramps):
            keys = self._blocking.breaker_keys(model)
            share = min(self._board.get(key).breaker.share(now) for key in keys)
            if draw >= share:
                last[model.name] = f"recovering: {share:.0%} of the requests call it in its place"
        return last
