"""The protocol of stores, which count what requests use, and the values of its verbs.

Glossary

    limit        a line of the policy: at most so much of a metric in a window (`domain.limits`)
    counter      one count behind a limit: of one subject, in a rolling window, in a calendar period
                 or of the attempts under way (concurrency); named by a `CounterKey`
    charge       what one attempt adds to one counter
    hold         a reservation of the most that one attempt may use, on every counter it touches
    lease        how long a hold lives unless it is renewed or ended
    settle       end a hold with what its attempt really used
    release      end a hold of which nothing was sent
    expire       end a hold whose lease ran out: everything it held is charged
    adjust       correct a hold that expired, when it is settled or released late
    spent, held  what ended holds used of a calendar counter; what open holds reserve of it
    crossing     a warning threshold of a counter that was passed
    ledger       the list of all settled attempts, from which every calendar counter can be audited
                 (`ledger.reader`)

A hold is `open` until it is settled, released or expires. These states are final, except that an
expired hold is adjusted once. Every verb is one atomic step, and repeating it changes nothing.

In a rolling window a charge is added to the current slot and corrected there. In a calendar
period `held` and `spent` are kept apart, and a hold settles into the period in which it was taken.
The count of a session is kept like that of a calendar period, but has no fixed end: it is over when
nothing is held, and for its `idle` time no hold was taken, settled or expired. The next hold then
starts it again; what was spent before stays in the ledger, but no longer counts. Concurrency is the
number of open holds itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.limits import Charge, CounterKey, Reading
    from policy_router.ledger.continuity import Loss


# -- requests -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attribution:
    """What and whom a hold is for, as the ledger records it. It never contains the prompt.

    Attributes:
        model: The model's name in the policy.
        task: The name of the request's task; empty when it has none.
        tenant: The tenant that the request belongs to; empty when it names none.
        user: The user who made it; empty as above.
        team: The team that it was made for; empty as above.
        key: The identifier of the API key that it was made with; empty as above.
        revision: The revision of the policy that decided.
        session: The session that the request belongs to; empty as above.
    """

    model: str = ""
    task: str = ""
    tenant: str = ""
    user: str = ""
    team: str = ""
    key: str = ""
    revision: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation.

    Stores count amounts up to 2^53 - 1: a larger amount is refused by any limit, and counts as that
    where there is none.

    Attributes:
        id: Identifies the hold, and is used for one hold only.
        charges: On counters with different keys; those of one metric have the same amount.
        lease: Seconds until it expires, unless it is renewed or ended.
        about: What and whom it is for.
    """

    id: str
    charges: tuple[Charge, ...]
    lease: float
    about: Attribution


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an attempt really used. No number is negative.

    Attributes:
        cost: nano-USD.
        tokens_in: Tokens of the prompt.
        tokens_out: Tokens of the answer.
        estimated: Whether the provider did not report it.
    """

    cost: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of the prompt and of the answer together."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes:
        id: The id of its hold.
        actual: What it used; None when it was not sent.
    """

    id: str
    actual: Settlement | None


# -- answers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crossing:
    """A warning threshold that was passed. It is reported to one caller, once per period.

    Attributes:
        key: The key of the counter.
        share: The threshold as a share of the cap, 0..1.
        spent: What the counter shows now.
        cap: The cap of its limit.
    """

    key: CounterKey
    share: float
    spent: int
    cap: int


@dataclass(frozen=True, slots=True)
class Granted:
    """A hold was taken, now or before.

    Attributes:
        id: The id of the hold.
        expires: Unix time of the store's clock.
        crossed: Thresholds that were passed.
        local: Whether this process took it on its own share of the limits, because the store is out
            of reach.
        missed: Whether the store does not know the attempt that was to end with it.
    """

    id: str
    expires: float
    crossed: tuple[Crossing, ...] = ()
    local: bool = False
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A counter on which a charge did not fit.

    Attributes:
        key: The key of the counter.
        cap: The cap of its limit.
        used: Spent and held.
        requested: The amount that did not fit.
        opens: Unix time from which the charge would fit if nothing else were charged; None when it
            exceeds the cap by itself, or when only the end of other requests, or of a session,
            makes room.
    """

    key: CounterKey
    cap: int
    used: int
    requested: int
    opens: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A hold was not taken.

    Attributes:
        refusals: Every counter that refused it, in the order of its charges.
        crossed: Thresholds that were passed.
        missed: Whether the store does not know the attempt that was to end with it.
    """

    refusals: tuple[Refusal, ...]
    crossed: tuple[Crossing, ...] = ()
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """A calendar counter of the hold is of another period than the store's clock shows. Nothing was
    changed; repeat the request with the counters of `now`.

    Attributes:
        now: Unix time of the store's clock.
    """

    now: float


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The store is unreachable or lost data: what cannot be counted is not sent.

    Attributes:
        detail: Why, as text for people.
        retry_after: Seconds after which to try again.
        crossed: Thresholds that were passed.
        missed: Whether the store was reached and does not know the attempt that was to end with the
            hold.
    """

    detail: str
    retry_after: float
    crossed: tuple[Crossing, ...] = ()
    missed: bool = False


class Ended(StrEnum):
    """The result of ending a hold."""

    DONE = "done"
    """It ended now."""
    ADJUSTED = "adjusted"
    """It had expired, and was corrected."""
    AGAIN = "again"
    """It had ended before; nothing changed."""
    UNKNOWN = "unknown"
    """There never was such a hold, or it was forgotten."""
    DEFERRED = "deferred"
    """A degradable store ends it as soon as the store can be reached."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer to `settle` and `release`.

    Attributes:
        ended: The result.
        crossed: Thresholds that were passed.
    """

    ended: Ended
    crossed: tuple[Crossing, ...] = ()


# -- the protocol ----------------------------------------------------------------------------------


class Store(Protocol):
    """Counters and holds. Every verb is one atomic step for all processes that share the store.

    Every verb raises StoreError when the store cannot be reached or is broken, and nothing else.
    """

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
        """Read counters. This is advisory: it reserves and writes nothing.

        Holds that expired are counted until another verb charges them, except for concurrency,
        which they leave at once. A calendar counter is read under its key, whatever the clock
        shows.

        Args:
            charges: The counters, each with the amount for which `Reading.opens` is wanted.

        Returns:
            The readings in the same order; None where a counter cannot be read.
        """
        ...

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """Take a hold: every charge, or none.

        Expired holds are charged first. A store that lost data takes no hold on a budget that
        refuses. After a StoreError or Unavailable the id of the hold must not be used again: the
        hold may have been taken, and is released once that is possible.

        Args:
            hold: What to reserve. A hold whose id is known is Granted as it was, in whatever state
                it is.
            after: How an earlier attempt ended. It is ended in the same step, before the hold is
                checked and whether or not the hold is taken, but not when the answer is Stale.
        """
        ...

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """Let an open hold expire later.

        Args:
            hold_id: The id of the hold.
            lease: Seconds from now; what is left of the lease is never shortened.

        Returns:
            Whether the hold is open; None when it is unknown.
        """
        ...

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """End a hold with what its attempt used.

        In calendar periods what was held becomes spent; in rolling windows tokens are corrected.
        The request stays counted, concurrency is freed, and the ledger gets one entry.

        Args:
            hold_id: The id of the hold.
            actual: What its attempt used.
        """
        ...

    async def release(self, hold_id: str) -> Settled:
        """End a hold of which nothing was sent.

        Everything is given back, and the ledger gets no entry. A hold that expired is adjusted to
        nothing.
        """
        ...

    async def aclose(self) -> None:
        """Close files, threads and connections. Holds stay as they are."""
        ...


async def finish(store: Store, ending: Ending) -> Settled:
    """End a hold of a store: settle it, or release it when it was not sent.

    Raises:
        StoreError: The store cannot be reached.
    """
    if ending.actual is None:
        return await store.release(ending.id)
    return await store.settle(ending.id, ending.actual)


@runtime_checkable
class Continuous(Protocol):
    """A store whose data outlives its processes, and which notices when some of it is lost.

    Every verb compares the store's data with what this process saw before, in the same step. Once
    one process noticed a loss, the store reports it to all, until the loss is accepted or the data
    is back.
    """

    @property
    def loss(self) -> Loss | None:
        """What was lost, according to the last verb."""
        ...

    async def accept_loss(self) -> Loss | None:
        """Go on with what is left, in all processes.

        Returns:
            What had been lost; None when nothing was.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...
