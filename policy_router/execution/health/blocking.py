"""Which models may not be called, from the health of everything that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.execution.health.domain_keys import COOLING, is_of_user, name_in
from policy_router.execution.health.model_index import ModelIndex
from policy_router.providers.failures.failure import FailureScope
from policy_router.providers.failures.fault_domain import with_any_key, with_each_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policy_router.domain.models import Model
    from policy_router.execution.health.domain_keys import DomainKeys
    from policy_router.execution.health.health_board import HealthBoard


class Blocking:
    """Looks up what keeps models from being called. The cost grows with what failed, not with the
    number of models.

    Args:
        board: The health of what failed lately.
        keys: The keys on the board.
        models: All models; the same tuple each time while the policy is the same.
    """

    def __init__(
        self, board: HealthBoard, keys: DomainKeys, models: Callable[[], Iterable[Model]]
    ) -> None:
        self._board = board
        self._keys = keys
        self._models = models
        self._index = ModelIndex()

    def until(self, model: Model, now: float) -> float | None:
        """Unix time until which a model is in cooldown for everyone; None when it is not.

        With several keys it is while all of them rest.
        """
        if self._board.is_empty:
            return None
        latest = min(self._latest(each, now) for each in with_each_key(model))
        if len(model.api_key_envs) > 1:
            latest = max(latest, self._latest(with_any_key(model), now))
        return latest if latest > now else None

    def key_until(self, model: Model, now: float) -> float | None:
        """Unix time until which the key that a model is called with rests; None when it does not.

        Args:
            model: The model, with that key.
            now: Unix time.
        """
        latest = 0.0 if self._board.is_empty else self._latest(model, now)
        return latest if latest > now else None

    def all_until(self, now: float, user: str | None = None) -> Mapping[str, float]:
        """Model name -> Unix time until which it is in cooldown, for everyone or for this user."""
        if self._board.is_empty:
            return {}
        self._board.drop_recovered(now)
        known = self._board.known()
        failed = self._index.concerned(self._models(), known)
        blocked = {m.name: until for m in failed if (until := self.until(m, now)) is not None}
        own = {} if user is None else self._of_user(user, known, now)
        return {**own, **blocked}

    def concerned(self, keys: Iterable[str]) -> list[Model]:
        """The models that any of these keys may keep from being called, in order."""
        return self._index.concerned(self._models(), keys)

    def breaker_keys(self, model: Model, user: str | None = None) -> tuple[str, ...]:
        """The keys of the breakers that a call of the model for a user passes."""
        whole = with_any_key(model)
        keys = self._keys.of(whole, FailureScope.PROVIDER), self._keys.of(whole, FailureScope.MODEL)
        return keys if user is None else (*keys, self._keys.of_user(whole, user))

    def _of_user(self, user: str, known: Iterable[str], now: float) -> dict[str, float]:
        """The models whose breaker is open for a user alone."""
        names = {name_in(key) for key in known if is_of_user(key)}
        blocked = {}
        for model in self._models() if names else ():
            if model.name in names:
                key = self._keys.of_user(with_any_key(model), user)
                until = self._board.get(key).blocked_until(now)
                if until > now:
                    blocked[model.name] = until
        return blocked

    def _latest(self, model: Model, now: float) -> float:
        """The latest end of what keeps a model with one key from being called, or 0."""
        keys = (self._keys.of(model, scope) for scope in COOLING)
        return max(self._board.get(key).blocked_until(now) for key in keys)
