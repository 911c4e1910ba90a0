"""What must be written to a store once it can be reached again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.errors import OperationError, StoreError
from policy_router.ledger.store import Stale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.domain.limits import Charge
    from policy_router.ledger.store import Ending, Hold, Store

SIZE: Final = 10_000
"""Entries that are kept. The holds of older ones expire, and are charged in full."""
TRIES: Final = 10
"""How often an entry is tried: it may be the reason for the failure, and others wait behind it."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A hold to record, an ending, or both.

    Attributes:
        hold: A hold that the store may not know yet; None when it knows it.
        ending: How the hold ended; None when it expired.
        tries: How often writing it failed so far.
    """

    hold: Hold | None
    ending: Ending | None
    tries: int = 0


class Outbox:
    """Entries that are to be written to a store, the oldest first.

    Attributes:
        lost: How many entries were given up and will never be written.
    """

    def __init__(self) -> None:
        self._entries: deque[OutboxEntry] = deque()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, hold: Hold | None, ending: Ending | None) -> None:
        """Add an entry; when there are too many, the oldest is given up."""
        self._entries.append(OutboxEntry(hold, ending))
        if len(self._entries) > SIZE:
            self._entries.popleft()
            self.lost += 1

    async def deliver(self, write: Callable[[OutboxEntry], Awaitable[None]]) -> None:
        """Write the oldest entry.

        An entry that the store cannot process, or that failed too often, is given up; one that
        failed otherwise, or was interrupted, is kept: writing it twice has the same
        effect as writing it once.

        Raises:
            StoreError: The store could not be reached.
        """
        entry = self._entries.popleft()
        try:
            await write(entry)
        except OperationError:
            self.lost += 1
        except StoreError:
            if entry.tries + 1 < TRIES:
                self._entries.appendleft(replace(entry, tries=entry.tries + 1))
            else:
                self.lost += 1
            raise
        except BaseException:
            self._entries.appendleft(entry)
            raise


async def record(store: Store, hold: Hold, charges: tuple[Charge, ...], lease: float) -> None:
    """Record a hold that was granted before in a store; no limit refuses it.

    Counters of periods that have ended stay as they are.

    Args:
        store: Where the hold is recorded.
        hold: The hold.
        charges: Which of its charges are recorded.
        lease: Seconds until it expires.

    Raises:
        StoreError: The store cannot be reached.
    """
    charges = tuple(replace(charge, refuses=False) for charge in charges)
    while True:
        answer = await store.reserve(replace(hold, charges=charges, lease=lease))
        if not isinstance(answer, Stale):
            return
        now = answer.now
        charges = tuple(
            charge
            for charge in charges
            if not charge.counter.calendar or charge.counter.start <= now < charge.counter.end
        )
