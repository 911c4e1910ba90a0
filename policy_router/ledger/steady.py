"""A wrapper for stores that are always reachable, such as one in memory.

Nothing is remembered for a time without it, and its verbs answer at once: they need no deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Hold,
        Refused,
        Settled,
        Settlement,
        Stale,
        Store,
        Unavailable,
    )


class SteadyStore(DegradableStore):
    """A DegradableStore around a store that is always reachable."""

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
        """See Store."""
        return await self._store.read(charges)

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        return await self._store.reserve(hold, after)

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store."""
        return await self._store.renew(hold_id, lease)

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        return await self._store.settle(hold_id, actual)

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._store.release(hold_id)


def answers_at_once(store: Store) -> bool:
    """Whether the verbs of a store never wait for anything, and so cannot be cancelled."""
    return type(store) is MemoryStore or isinstance(store, SteadyStore)
