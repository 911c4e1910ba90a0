"""The shared health of models, for a store that may be unreachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.ledger.degraded_sessions import DegradableSessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.ledger.health import HealthStore


class DegradableHealth(DegradableSessions):
    """The verbs of a HealthStore. They raise StoreError, at once while the store is given up."""

    _healths: HealthStore | None

    async def read_health(self) -> Mapping[str, str] | None:
        """See HealthStore."""
        store = self._healths
        return None if store is None else await self._call(store.read_health)

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        """See HealthStore."""
        store = self._healths
        if store is None:
            return None
        return await self._call(lambda: store.swap_health(key, before, after, lasts))
