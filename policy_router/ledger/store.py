"""What a store of counters does, and the values it speaks in.

A *hold* reserves the worst case of one attempt on every counter it touches, all or nothing. It is
`open` until it is settled (to what was really used), released (nothing was sent) or expires (its
process is gone; everything held is charged). Terminal states never change, but that a late settle
of an expired hold corrects it. Every verb is one atomic step, and doing it twice is doing it once.

Counters are of three kinds. Over a rolling window a charge is added to the slot of the moment and
corrected there. Over a calendar period `held` and `spent` are kept apart, and a hold settles into
the period it was taken in. Seats are the open holds themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from policy_router.domain.limits import Charge, CounterKey, Reading
    from policy_router.ledger.continuity import Loss


class EntryKind(StrEnum):
    """The kinds of rows in the ledger: settled by its caller, charged in full when it expired,
    corrected by a late settle."""

    SETTLE = "settle"
    EXPIRE = "expire"
    ADJUST = "adjust"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who and what a hold is for, as the ledger keeps it. Never the prompt."""

    model: str = ""
    task: str = ""
    tenant: str = ""
    user: str = ""
    team: str = ""
    key: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation asked for. lease: seconds until it expires, unless renewed or ended.

    Its charges have counters of different keys, those of one metric hold the same amount, and an
    id is used for one hold only. A store counts no more than 2^53 - 1 at once: a larger amount is
    refused by any limit, and counts as that where there is none.
    """

    id: str
    charges: tuple[Charge, ...]
    lease: float
    about: Attribution


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an attempt really came to: nano-USD and tokens, none of them negative.

    estimated: nobody reported it.
    """

    cost: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Both directions together."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Ending:
    """How an earlier attempt ended. actual: None when nothing of it was ever sent."""

    id: str
    actual: Settlement | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that was passed, told to one caller once per period.

    share: of the limit, 0..1. spent: what the counter holds now.
    """

    key: CounterKey
    share: float
    spent: int
    cap: int


@dataclass(frozen=True, slots=True)
class Granted:
    """A hold that was taken, or had been before. expires: Unix time of the store's clock.

    alone: taken by this process on its own share of the limits, while the store is out of reach.
    missed: the store does not know the attempt that was to end with it.
    """

    id: str
    expires: float
    crossed: tuple[Crossing, ...] = ()
    alone: bool = False
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A counter that had no room. used: what was spent and held. opens: Unix time from which the
    charge would fit if nothing else came; None when it exceeds the limit by itself, or when only
    the end of other requests makes room."""

    key: CounterKey
    cap: int
    used: int
    requested: int
    opens: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A hold that was not taken, and every counter that refused it, in the order of its charges.
    missed: the store does not know the attempt that was to end with it."""

    refusals: tuple[Refusal, ...]
    crossed: tuple[Crossing, ...] = ()
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """A calendar counter of the hold is of another period than the store's clock shows: ask again
    with the counters of `now`. Nothing was changed."""

    now: float


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The store cannot be reached, or it lost data: what cannot be counted is not sent. detail: for
    people. retry_after: seconds after which to ask again. missed: the store was asked, and does not
    know the attempt that was to end with the hold."""

    detail: str
    retry_after: float
    crossed: tuple[Crossing, ...] = ()
    missed: bool = False


class Ended(StrEnum):
    """What ending a hold came to: DONE now; ADJUSTED a hold that had expired; AGAIN: it had been
    ended before, nothing changed; UNKNOWN: there never was one, or it is long forgotten; DEFERRED:
    a guarded store will end it as soon as the store can be asked."""

    DONE = "done"
    ADJUSTED = "adjusted"
    AGAIN = "again"
    UNKNOWN = "unknown"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer to `settle` and `release`."""

    ended: Ended
    crossed: tuple[Crossing, ...] = ()


class Store(Protocol):
    """Counters and holds. Every verb is one atomic step over all processes that share the store.

    Raises StoreError when the store cannot be reached or is broken; nothing else.
    """

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
        """What the counters show, in the order of the charges; None for what cannot be read.

        Advice: it holds nothing, writes nothing, and counts expired holds until they are swept, but
        for their seats, which are free. A calendar counter is read under its key, whatever the
        clock shows.
        """
        ...

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """Take every charge or none. `after`: an attempt that ended, ended in the same step and
        before the check, whether the new hold is then taken or not (not when Stale). A hold id that
        is known already gets Granted as it was, in whatever state it is. Sweeps expired holds.
        A ledger that lost data takes no hold on a budget that refuses: Unavailable.
        After a StoreError or Unavailable the id is used up: the hold may have been taken, and is
        given back when that can be done."""
        ...

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """Let an open hold expire `lease` seconds from now, if that is later; False when it is
        not open, None when it is not known."""
        ...

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """End a hold with what it came to: held becomes spent; tokens in rolling windows become
        the real number; the request stays counted; the seat is free; one row in the ledger."""
        ...

    async def release(self, hold_id: str) -> Settled:
        """End a hold of which nothing was sent: everything is given back, no row is written. A
        hold that had expired is adjusted to nothing."""
        ...

    async def aclose(self) -> None:
        """Let go of files, threads and connections. Holds stay as they are."""
        ...


async def finish(store: Store, ending: Ending) -> Settled:
    """End a hold of a store: settle it, or release it when nothing of it was sent."""
    if ending.actual is None:
        return await store.release(ending.id)
    return await store.settle(ending.id, ending.actual)


@runtime_checkable
class Continuous(Protocol):
    """A store whose data outlives its processes, and which notices when some of it is gone.

    Every verb compares what the store has with what this process saw before, in the same step. Once
    one process has noticed a loss, the store itself says so to all, until it is accepted or the
    data is back.
    """

    @property
    def loss(self) -> Loss | None:
        """What was lost, as far as the last verb showed."""
        ...

    async def accept_loss(self) -> Loss | None:
        """Go on with what is left, in all processes; what had been lost, None when nothing was."""
        ...


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A row of the ledger; rows are only ever added.

    cost, tokens_in, tokens_out, requests: what it adds to each of `keys` (an ADJUST row may take
    away). keys: the calendar counters that it is part of. ts: Unix time.
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
class Bucket:
    """A calendar counter as it stands."""

    key: CounterKey
    spent: int
    held: int


class LedgerReader(Protocol):
    """What reports and audits read of a store. A consistent view is not promised between calls,
    but is within one."""

    def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """The ledger from a time on, oldest first."""
        ...

    async def audit(self) -> tuple[Difference, ...]:
        """Recompute every calendar counter from ledger and open holds, in one consistent view."""
        ...

    async def buckets(self) -> tuple[Bucket, ...]:
        """Every calendar counter, by key."""
        ...


class AuditableStore(Store, LedgerReader, Protocol):
    """A store that can be audited."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that is not what its ledger and its open holds add up to."""

    key: CounterKey
    field: str
    counter: int
    ledger: int
