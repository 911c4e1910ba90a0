"""The health of everything that failed lately, as one process knows it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from policy_router.execution.health.service_health import HEALTHY, ServiceHealth, remembered
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Change = Callable[[ServiceHealth], ServiceHealth]


_MOST: Final = 50
"""Changes of one thing that are kept for a store which is away; of more, the latest."""


class HealthBoard:
    """The health of things by their keys. What is not on it is healthy. Safe for threads.

    Changes are functions, so that the store which all processes share can be changed by the same
    ones later: `take_unshared` returns those that it does not have yet.

    Attributes:
        observers: Each is called with a key, and its health before and after this process changed
            it.
    """

    def __init__(self, *, keeps_changes: bool = False) -> None:
        """Starts with nothing on it.

        Args:
            keeps_changes: Whether changes are kept for `take_unshared`.
        """
        self.observers: list[Callable[[str, ServiceHealth, ServiceHealth], None]] = []
        self._lock = forks.lock()
        self._known: dict[str, ServiceHealth] = {}
        self._unshared: dict[str, list[Change]] = {}
        self._on_the_way: Counter[str] = Counter()
        self._keeps_changes = keeps_changes

    @property
    def is_empty(self) -> bool:
        """Whether everything is healthy."""
        return not self._known

    @property
    def has_unshared(self) -> bool:
        """Whether `take_unshared` would return anything."""
        return bool(self._unshared)

    def known(self) -> dict[str, ServiceHealth]:
        """Returns the health of all that is not healthy, by its keys."""
        with self._lock:
            return dict(self._known)

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
            if self._keeps_changes:
                self._unshared.setdefault(key, []).append(change)
        for observer in self.observers:
            observer(key, before, after)
        return before, after

    def drop_recovered(self, now: float) -> None:
        """Drops what is healthy again, so that the board is empty while nothing fails."""
        with self._lock:
            for key, health in list(self._known.items()):
                self._set(key, remembered(health, now))

    def unshared_keys(self) -> tuple[str, ...]:
        """Returns the keys for which `take_unshared` has changes."""
        return tuple(self._unshared)

    def take_unshared(self, key: str) -> list[Change]:
        """Returns the changes of one thing since the last call, in order. Until `arrived` is called
        as often, nothing replaces what they made of it here."""
        with self._lock:
            self._on_the_way[key] += 1
            return self._unshared.pop(key, [])

    def arrived(self, key: str) -> None:
        """Notes that changes which were taken are shared, or put back."""
        with self._lock:
            self._on_the_way[key] -= 1
            if self._on_the_way[key] <= 0:
                del self._on_the_way[key]

    def put_back(self, key: str, changes: list[Change]) -> None:
        """Keeps changes that were taken and could not be shared."""
        with self._lock:
            kept = changes + self._unshared.get(key, [])
            self._unshared[key] = kept[-_MOST:]

    def adopt(
        self, shared: Mapping[str, ServiceHealth], is_over: Callable[[ServiceHealth], bool]
    ) -> None:
        """Takes over what all processes share; changes of this one that are not shared stay.

        Args:
            shared: What all processes share.
            is_over: Whether something that is not shared any more is forgotten here, too; else it
                stays, because the store has lost it or is full.
        """
        with self._lock:
            for key, health in [*self._known.items(), *shared.items()]:
                if self._is_ahead(key):
                    continue
                if key in shared:
                    self._set(key, shared[key])
                elif is_over(health):
                    self._set(key, HEALTHY)

    def adopt_one(self, key: str, shared: ServiceHealth) -> None:
        """Takes over what all processes share of one thing, as `adopt` does."""
        with self._lock:
            if not self._is_ahead(key):
                self._set(key, shared)

    def _is_ahead(self, key: str) -> bool:
        """Whether this process knows more of a thing than the store."""
        return key in self._unshared or key in self._on_the_way

    def _set(self, key: str, health: ServiceHealth) -> None:
        if health == HEALTHY:
            self._known.pop(key, None)
        else:
            self._known[key] = health
