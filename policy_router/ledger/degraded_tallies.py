"""Tallies in a store that may be unreachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.ledger.degraded_health import DegradableHealth
from policy_router.ledger.reader import AuditableStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.ledger.store import Store
    from policy_router.ledger.tallies import DayTallies, TallyBatch, TallyStore


class DegradableTallies(DegradableHealth):
    """The verbs of a TallyStore. They raise StoreError, at once while the store is given up."""

    _tallies: TallyStore | None
    _store: Store

    @property
    def auditable(self) -> AuditableStore | None:
        """The store itself, for reports, which raise where it is unreachable; None for a store
        that cannot be read in this way."""
        return self._store if isinstance(self._store, AuditableStore) else None

    async def add_tallies(self, batch: TallyBatch) -> None:
        """See TallyStore. A store that keeps no tallies drops them."""
        store = self._tallies
        if store is not None:
            await self._call(lambda: store.add_tallies(batch))

    async def read_tallies(
        self, topic: str, known: Mapping[int, int]
    ) -> Mapping[int, DayTallies] | None:
        """See TallyStore."""
        store = self._tallies
        return None if store is None else await self._call(lambda: store.read_tallies(topic, known))
