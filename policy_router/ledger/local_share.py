"""A process's own share of each limit, while the shared store is unreachable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Charge
from policy_router.ledger.memory import MemoryStore, Retention
from policy_router.ledger.store import Granted, Hold, Refused, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.ledger.store import Ending, Stale, Unavailable

BRIEF: Final = Retention(rows=0, ended=0.0, periods=0.0, tidying=60.0)
"""Local counts are kept for as long as they can refuse anything."""


@dataclass(slots=True)
class _LocalHold:
    """A hold that was granted here, and the Unix time at which it expires."""

    hold: Hold
    expires: float


class LocalShare:
    """What this process counts for itself: limits, but no budgets.

    It counts the holds that the store grants, so that the share of a limit is not granted a second
    time when the store becomes unreachable, and those that are granted here in the meantime.

    Args:
        clock: Unix time in seconds.
        instances: How many processes share the limits.
    """

    def __init__(self, clock: Callable[[], float], instances: int) -> None:
        self._clock = clock
        self._instances = instances
        self._store = MemoryStore(clock, BRIEF)
        self._holds: dict[str, _LocalHold] = {}

    def granted(self, hold_id: str) -> bool:
        """Whether a hold was granted here and has not ended."""
        return hold_id in self._holds

    async def reserve(self, hold: Hold) -> Granted | Refused | Stale | Unavailable:
        """Grant a hold against this process's share of its limits."""
        charges = tuple(self._share(charge) for charge in _limits(hold))
        answer = await self._store.reserve(replace(hold, charges=charges))
        if isinstance(answer, Granted):
            self._holds[hold.id] = _LocalHold(hold, answer.expires)
            return replace(answer, local=True)
        return answer

    async def refused(self, hold: Hold, after: Ending | None) -> Refused | None:
        """Count a hold against the whole limits, before it is requested from the store.

        Returns:
            What the limits refuse by what this process remembers; None when they do not.
        """
        charges = tuple(replace(charge, warn_at=()) for charge in _limits(hold))
        answer = await self._store.reserve(replace(hold, charges=charges), after)
        # Where the clocks show different days, the store decides.
        return answer if isinstance(answer, Refused) else None

    async def count(self, hold: Hold, after: Ending | None) -> None:
        """Count a hold that the store granted, and the end of the attempt before it."""
        charges = tuple([Charge(c.counter, c.amount, None) for c in _limits(hold)])
        if charges:
            await self._store.reserve(Hold(hold.id, charges, hold.lease, hold.about), after)
        elif after is not None:
            await finish(self._store, after)

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """Extend a hold by `lease` seconds from now. See Store."""
        local = self._holds.get(hold_id)
        if local is not None:
            local.expires = max(local.expires, self._clock() + lease)
        return await self._store.renew(hold_id, lease)

    async def end(self, ending: Ending) -> Hold | None:
        """End a hold.

        Returns:
            The hold when it was granted here, so that the store does not know it.
        """
        local = self._holds.pop(ending.id, None)
        await finish(self._store, ending)
        return None if local is None else local.hold

    async def release(self, hold_id: str) -> None:
        """Give back a hold that was counted."""
        await self._store.release(hold_id)

    def pop_expired(self) -> list[Hold]:
        """Take out the holds granted here whose leases have expired."""
        now = self._clock()
        expired = [hold_id for hold_id, local in self._holds.items() if local.expires <= now]
        return [self._holds.pop(hold_id).hold for hold_id in expired]

    def _share(self, charge: Charge) -> Charge:
        """The charge against this process's part of the cap, which is at least one."""
        cap = charge.cap
        if cap:
            cap = max(1, cap // self._instances)
        return replace(charge, cap=cap, warn_at=())


def _limits(hold: Hold) -> list[Charge]:
    """The charges of a hold on limits, without those on budgets."""
    return [charge for charge in hold.charges if not charge.counter.key.is_budget]
