"""What holds of every store after every step, judged by answers and readings alone.

Each law is a function of the step taken and of what the store showed before and after it. `History`
remembers what callers were answered: it neither counts nor decides.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.domain.limits import CounterKey, Metric
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.store import Refused, Stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from policy_router.domain.limits import Charge, Counter, Reading
    from policy_router.ledger.reader import Balance, LedgerEntry
    from policy_router.ledger.store import Ending, Hold, Settlement


@dataclass(frozen=True)
class Seen:
    """What a store showed. readings: of rolling windows and seats, by key."""

    balances: Mapping[CounterKey, Balance] = field(default_factory=dict)
    readings: Mapping[CounterKey, Reading] = field(default_factory=dict)
    rows: tuple[LedgerEntry, ...] = ()
    audit: tuple[object, ...] = ()

    def total(self, key: CounterKey) -> int:
        """Spent and held together."""
        bucket = self.balances.get(key)
        return bucket.spent + bucket.held if bucket else 0


@dataclass(frozen=True)
class Step:
    """What was asked and answered. at: the store's time. endings: those that took effect.
    fresh: a hold that was taken by this step. renewed: a hold that was given a lease, in seconds.
    repeated: a verb on what had happened already."""

    verb: str
    at: float
    answer: object = None
    endings: tuple[Ending, ...] = ()
    fresh: Hold | None = None
    renewed: tuple[str, float] | None = None
    repeated: bool = False


def worth(charge: Charge, actual: Settlement | None) -> int:
    """The amount of a charge when its hold ends."""
    if actual is None:
        return 0
    real = {Metric.USD: actual.cost, Metric.TOKENS: actual.tokens_in + actual.tokens_out}
    return real.get(charge.counter.metric, charge.amount)


def adds(row: LedgerEntry, metric: Metric) -> int:
    """What a row of the ledger adds to a counter of a metric."""
    return {
        Metric.USD: row.cost,
        Metric.TOKENS: row.tokens_in + row.tokens_out,
        Metric.REQUESTS: row.requests,
    }[metric]


class History:
    """What callers were answered so far."""

    def __init__(self) -> None:
        self.grants: dict[str, tuple[float, Hold]] = {}
        self.leases: dict[str, float] = {}
        self.endings: dict[str, Ending] = {}
        self.counters: dict[CounterKey, Counter] = {}

    def note(self, step: Step) -> None:
        for ending in step.endings:
            self.endings[ending.id] = ending
        if step.fresh is not None:
            self.grants[step.fresh.id] = (step.at, step.fresh)
            self.leases[step.fresh.id] = step.at + step.fresh.lease
            self.counters.update({c.counter.key: c.counter for c in step.fresh.charges})

        if step.renewed is not None:
            hold_id, lease = step.renewed
            self.leases[hold_id] = max(self.leases[hold_id], step.at + lease)

    def charges(self, key: CounterKey) -> Iterator[tuple[str, float, Charge]]:
        """Every charge that was granted on a counter: id, when, which."""
        for hold_id, (at, hold) in self.grants.items():
            for charge in hold.charges:
                if charge.counter.key == key:
                    yield hold_id, at, charge

    def open(self, seen: Seen) -> set[str]:
        """The holds under way: granted, not ended by anybody, not charged as lost."""
        lost = {row.id for row in seen.rows if row.kind is EntryKind.EXPIRE}
        return {i for i in self.grants if i not in self.endings and i not in lost}

    def changes(self, step: Step) -> Tally[CounterKey]:
        """By how much a step's endings correct each counter."""
        by: Tally[CounterKey] = Tally()
        for ending in step.endings:
            for charge in self.grants[ending.id][1].charges:
                by[charge.counter.key] += worth(charge, ending.actual) - charge.amount
        return by


@dataclass(frozen=True)
class Moment:
    """A step with what came before and after it."""

    history: History
    before: Seen
    step: Step
    after: Seen

    @property
    def taken(self) -> tuple[Charge, ...]:
        return self.step.fresh.charges if self.step.fresh else ()

    @property
    def new_rows(self) -> tuple[LedgerEntry, ...]:
        return self.after.rows[len(self.before.rows) :]


def i1_no_cap_is_exceeded(m: Moment) -> None:
    """Nothing is negative; a grant stays below its cap; else only a recorded overrun adds."""
    taken = {c.counter.key: c for c in m.taken}
    overruns = m.history.changes(m.step)
    for key, bucket in m.after.balances.items():
        assert bucket.spent >= 0, bucket
        assert bucket.held >= 0, bucket
        grown = m.after.total(key) - m.before.total(key)
        charge = taken.get(key)
        allowed = max(overruns[key], 0) if charge is None else charge.amount + overruns[key]
        assert grown <= allowed, (key, grown, allowed)
        if charge is not None and charge.refuses and charge.cap is not None:
            assert m.after.total(key) <= charge.cap, bucket


def lasting(key: CounterKey) -> bool:
    """Whether a counter is of a period, rather than of a session, which may begin anew. What the
    entries of a session add up to, the audit tells."""
    return key.window != "session"


def i2_spent_is_the_sum_of_the_ledger(m: Moment) -> None:
    for key, bucket in m.after.balances.items():
        if not lasting(key):
            continue
        metric = m.history.counters[key].metric
        assert bucket.spent == sum(adds(r, metric) for r in m.after.rows if key in r.keys), key


def i3_held_is_the_sum_of_open_holds(m: Moment) -> None:
    under_way = m.history.open(m.after)
    for key, bucket in m.after.balances.items():
        charges = m.history.charges(key)
        assert bucket.held == sum(c.amount for i, _, c in charges if i in under_way), key


def i4_no_rolling_window_sees_more_than_its_limit(m: Moment) -> None:
    """However it is aligned: the window that ends with the grant is the fullest there is."""
    for charge in m.taken:
        counter = charge.counter
        if counter.rolling and charge.refuses and charge.cap is not None:
            since = m.step.at - counter.width * counter.slots
            admitted = [
                worth(c, m.history.endings[i].actual) if i in m.history.endings else c.amount
                for i, at, c in m.history.charges(counter.key)
                if at > since
            ]
            assert sum(admitted) <= charge.cap, (counter.key, admitted)


def i5_only_live_holds_have_seats(m: Moment) -> None:
    """Nobody has to sweep a hold before its seat is free."""
    live = {i for i in m.history.open(m.after) if m.step.at < m.history.leases[i]}
    for key, reading in m.after.readings.items():
        counter = m.history.counters.get(key)
        if counter is not None and counter.metric is Metric.CONCURRENT:
            seated = [i for i, _, _ in m.history.charges(key) if i in live]
            assert reading.used == len(seated), (key, reading, seated)
    for charge in m.taken:
        if charge.counter.metric is Metric.CONCURRENT and charge.refuses and charge.cap is not None:
            assert m.after.readings[charge.counter.key].used <= charge.cap


def i6_every_hold_is_charged_at_most_once(m: Moment) -> None:
    """One row when it ends; one more, which makes good, when it had expired before. What is
    repeated changes nothing that the sweep does not."""
    kinds: dict[str, list[EntryKind]] = {}
    costs: Tally[str] = Tally()
    for row in m.after.rows:
        kinds.setdefault(row.id, []).append(row.kind)
        costs[row.id] += row.cost
    for hold_id, found in kinds.items():
        assert found in (
            [EntryKind.SETTLE],
            [EntryKind.EXPIRE],
            [EntryKind.EXPIRE, EntryKind.ADJUST],
        ), hold_id
        ending = m.history.endings.get(hold_id)
        if ending is not None:
            assert costs[hold_id] == (ending.actual.cost if ending.actual else 0), hold_id
    for hold_id, ending in m.history.endings.items():
        assert (hold_id in kinds) or ending.actual is None, hold_id
    if m.step.repeated and not m.step.endings:
        _nothing_but_the_sweep(m)


def i7_a_refusal_changes_nothing(m: Moment) -> None:
    if isinstance(m.step.answer, Stale):
        assert m.after == m.before
    elif isinstance(m.step.answer, Refused):
        assert m.step.answer.refusals
        if not m.step.endings:
            _nothing_but_the_sweep(m)


def i8_replaying_the_ledger_gives_the_counters(m: Moment) -> None:
    """Rows are only added, in order, and no counter is ever below nothing on the way."""
    assert m.after.rows[: len(m.before.rows)] == m.before.rows
    spent: Tally[CounterKey] = Tally()
    seq, ts = 0, 0.0
    for row in m.after.rows:
        assert row.seq > seq, row
        assert row.ts >= ts, row
        seq, ts = row.seq, row.ts
        for key in row.keys:
            spent[key] += adds(row, m.history.counters[key].metric)
            assert spent[key] >= 0, row
    assert {k: b.spent for k, b in m.after.balances.items() if b.spent and lasting(k)} == {
        k: n for k, n in spent.items() if n and k in m.after.balances and lasting(k)
    }


def i9_room_is_made_only_by_endings(m: Moment) -> None:
    """What is used falls only by a hold that came to less than it held, and by time."""
    made = m.history.changes(m.step)
    for key in filter(lasting, m.before.balances.keys() & m.after.balances.keys()):
        assert m.after.total(key) - m.before.total(key) >= min(made[key], 0), key
    if m.step.verb != "clock":
        for key, reading in m.before.readings.items():
            counter = m.history.counters.get(key)
            if counter is not None and counter.rolling:
                fell = reading.used - m.after.readings[key].used
                assert fell <= -min(made[key], 0), key


def the_books_agree(m: Moment) -> None:
    assert m.after.audit == ()


def _nothing_but_the_sweep(m: Moment) -> None:
    assert all(row.kind is EntryKind.EXPIRE for row in m.new_rows), m.new_rows
    for key in m.before.balances.keys() | m.after.balances.keys():
        assert m.after.total(key) == m.before.total(key), key
    for key, reading in m.before.readings.items():
        counter = m.history.counters.get(key)
        if counter is not None and counter.rolling:
            assert m.after.readings[key].used == reading.used, key


Law: TypeAlias = "Callable[[Moment], None]"

LAWS: Final[tuple[Law, ...]] = (
    i1_no_cap_is_exceeded,
    i2_spent_is_the_sum_of_the_ledger,
    i3_held_is_the_sum_of_open_holds,
    i4_no_rolling_window_sees_more_than_its_limit,
    i5_only_live_holds_have_seats,
    i6_every_hold_is_charged_at_most_once,
    i7_a_refusal_changes_nothing,
    i8_replaying_the_ledger_gives_the_counters,
    i9_room_is_made_only_by_endings,
    the_books_agree,
)
