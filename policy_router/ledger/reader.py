"""What reports and audits read of a store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from policy_router.ledger.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from policy_router.domain.limits import CounterKey
    from policy_router.ledger.store import Attribution


class EntryKind(StrEnum):
    """Why there is an entry in the ledger."""

    SETTLE = "settle"
    """The caller settled a hold."""
    EXPIRE = "expire"
    """A hold expired and was charged in full."""
    ADJUST = "adjust"
    """An expired hold was settled or released late."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An entry of the ledger. Entries are never changed.

    Attributes:
        seq: Its number.
        id: The id of the hold.
        kind: Why it was written.
        ts: Unix time.
        about: What and whom the hold was for.
        cost: nano-USD that it adds to each counter of money; negative to correct an earlier entry.
        tokens_in: Tokens of the prompt, added in the same way.
        tokens_out: Tokens of the answer, as above.
        requests: Requests, as above.
        estimated: Whether the provider did not report them.
        keys: The calendar counters to which it was added.
    """

    seq: int
    id: str
    kind: EntryKind
    ts: float
    about: Attribution
    cost: int
    tokens_in: int
    tokens_out: int
    requests: int
    estimated: bool
    keys: tuple[CounterKey, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a calendar counter shows, or the count of a session.

    Attributes:
        key: The key of the counter.
        spent: What ended holds used; of a session, since it last started again.
        held: What open holds reserve.
    """

    key: CounterKey
    spent: int
    held: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that is not the sum of its ledger entries and open holds.

    Attributes:
        key: The key of the counter.
        field: `spent` or `held`.
        counter: What the counter shows.
        ledger: What it should show.
    """

    key: CounterKey
    field: str
    counter: int
    ledger: int


@runtime_checkable
class LedgerReader(Protocol):
    """What reports and audits read of a store. Each call sees one consistent state, but two calls
    may see different ones. All raise StoreError when the store cannot be reached."""

    def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """The entries of the ledger, oldest first.

        Args:
            since: Unix time; older entries are left out.
        """
        ...

    async def audit(self) -> tuple[Difference, ...]:
        """Compute every calendar counter from the ledger and the open holds, and compare."""
        ...

    async def balances(self) -> tuple[Balance, ...]:
        """Every calendar counter, in the order of the keys' texts."""
        ...


@runtime_checkable
class AuditableStore(Store, LedgerReader, Protocol):
    """A store that can be audited."""
