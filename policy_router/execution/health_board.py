"""The health of everything that failed lately, as one process knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.execution.service_health import HEALTHY, ServiceHealth
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Change = Callable[[ServiceHealth], ServiceHealth]


class HealthBoard:
    """The health of things by their keys. What is not on it is healthy. Safe for threads.

    Changes are functions, so that the store which all processes share can be changed by the same
    ones later: `take_unshared` returns those that it does not have yet.

    Args:
        on_change: Called with a key, and its health before and after this process changed it.
        keeps_changes: Whether changes are kept for `take_unshared`.
    """

    def __init__(
        self,
        on_change: Callable[[str, ServiceHealth, ServiceHealth], None] = lambda *_: None,
        *,
        keeps_changes: bool = False,
    ) -> None:
        self._on_change = on_change
        self._lock = forks.lock()
        self._known: dict[str, ServiceHealth] = {}
        self._unshared: dict[str, list[Change]] = {}
        self.keeps_changes = keeps_changes

    @property
    def is_empty(self) -> bool:
        """Whether everything is healthy."""
        return not self._known

    @property
    def has_unshared(self) -> bool:
        """Whether `take_unshared` would return anything."""
        return bool(self._unshared)

    def get(self, key: str) -> ServiceHealth:
        """The health of one thing."""
        return self._known.get(key, HEALTHY)

    def change(self, key: str, change: Change) -> tuple[ServiceHealth, ServiceHealth]:
        """Changes the health of one thing.

        Returns:
            The health before, and after.
        """
        with self._lock:
            before = self._known.get(key, HEALTHY)
            after = change(before)
            if after == before:
                return before, after
            self._set(key, after)
            if self.keeps_changes:
                self._unshared.setdefault(key, []).append(change)
        self._on_change(key, before, after)
        return before, after

    def drop_recovered(self, now: float) -> None:
        """Drops what is healthy again, so that the board is empty while nothing fails."""
        with self._lock:
            for key, health in list(self._known.items()):
                self._set(key, _forgotten(health, now))

    def take_unshared(self) -> dict[str, list[Change]]:
        """Returns the changes since the last call, by key, each in order."""
        with self._lock:
            unshared, self._unshared = self._unshared, {}
            return unshared

    def put_back(self, key: str, changes: list[Change]) -> None:
        """Keeps changes that were taken and could not be shared."""
        with self._lock:
            self._unshared[key] = changes + self._unshared.get(key, [])

    def adopt(self, shared: Mapping[str, ServiceHealth]) -> None:
        """Takes over what all processes share; changes of this one that are not shared stay."""
        with self._lock:
            for key in [*self._known, *shared]:
                if key not in self._unshared:
                    self._set(key, shared.get(key, HEALTHY))

    def _set(self, key: str, health: ServiceHealth) -> None:
        if health == HEALTHY:
            self._known.pop(key, None)
        else:
            self._known[key] = health


def _forgotten(health: ServiceHealth, now: float) -> ServiceHealth:
    """The health at a moment, or healthy where nothing of it matters any more."""
    health = health.at(now)
    over = health.rest.until <= now and not health.rest.level
    return ServiceHealth(health.breaker) if over else health
