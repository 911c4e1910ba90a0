"""Requests while the store is out of reach: budgets stay closed, limits are kept alone."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from policy_router.domain.limits import Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import Rolling
from policy_router.errors import OperationError, StoreError
from policy_router.ledger.continuity import Loss
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.outbox import SIZE
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.store import (
    Ended,
    Ending,
    Granted,
    Hold,
    Refusal,
    Refused,
    Settlement,
    Stale,
    Unavailable,
)
from policy_router.resilience.breaker import LONGEST, SLOW
from tests.ledger.stores import ABOUT, Clock, World
from tests.ledger.worker import said, start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.store import Settled

T = TypeVar("T")
DAY = 86_400.0


class Shaky:
    """A store in memory that can be out of reach.

    down: why it fails. late: it fails after it did what was asked, as when an answer is lost.
    hangs: it never answers. takes: seconds of each verb. broken: the hold that it cannot settle.
    """

    def __init__(self, clock: Clock) -> None:
        self.books = MemoryStore(clock)
        self.clock = clock
        self.takes = 0.0
        self.down: StoreError | None = None
        self.late = False
        self.hangs = False
        self.broken = ""
        self.asked: list[str] = []
        self.closed = False

    async def _do(self, verb: str, work: Callable[[], Awaitable[T]]) -> T:
        self.asked.append(verb)
        await asyncio.sleep(0)  # the network is another turn of the loop
        if self.hangs:
            await asyncio.Event().wait()
        self.clock.now += self.takes
        if self.down and not self.late:
            raise self.down
        done = await work()
        if self.down:
            raise self.down
        return done

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        return await self._do("read", lambda: self.books.read(charges))

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        return await self._do("reserve", lambda: self.books.reserve(hold, after))

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        return await self._do("renew", lambda: self.books.renew(hold_id, lease))

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        if hold_id == self.broken:
            raise StoreError("broken")
        return await self._do("settle", lambda: self.books.settle(hold_id, actual))

    async def release(self, hold_id: str) -> Settled:
        return await self._do("release", lambda: self.books.release(hold_id))

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Told:
    """An observer that remembers."""

    changes: list[tuple[bool, str]] = field(default_factory=list)

    def __call__(self, up: bool, detail: str) -> None:
        self.changes.append((up, detail))


class Guard(World):
    """A guarded store, its shaky inside, and both clocks moving together."""

    def __init__(
        self, instances: int, runner: asyncio.Runner, inner: type[Shaky] | None = None
    ) -> None:
        clock = Clock()
        self.inner = (inner or Shaky)(clock)
        self.told, self.lost = Told(), Told()
        guarded = DegradableStore(self.inner, instances, clock, clock, self.told, on_loss=self.lost)
        super().__init__(guarded, clock, runner)
        self.books = World(self.inner.books, clock, runner)

    def fail(self, why: str = "gone", *, late: bool = False) -> None:
        self.inner.down, self.inner.late = StoreError(why), late

    def trip(self) -> None:
        """Fail until it is asked no more."""
        self.fail()
        for _ in range(3):
            self.read(self.requests(1))
        assert not self.store.status.up

    def heal(self, after: float = 2.0) -> None:
        """The store works again, and a call comes after this many seconds."""
        self.inner.down = None
        self.clock.now += after
        self.pass_by()

    def pass_by(self) -> None:
        """One verb, and all that it sets going."""

        async def verb() -> None:
            await self.store.read(())
            if self.store._recovery is not None:
                await self.store._recovery

        self.do(verb())

    def read(self, *charges: Charge) -> tuple[Any, ...]:
        return tuple(self.do(self.store.read(charges)))


@contextmanager
def guarding(instances: int = 1) -> Iterator[Guard]:
    with asyncio.Runner() as runner:
        yield Guard(instances, runner)


@pytest.fixture
def w() -> Iterator[Guard]:
    with guarding() as opened:
        yield opened


# -- what stays closed ---------------------------------------------------------------------------


def test_a_budget_that_cannot_be_counted_is_closed(w: Guard) -> None:
    w.fail("no answer")
    answer: object = w.reserve("a", w.money(1), w.requests(5))
    assert answer == Unavailable("no answer", 1.0)
    w.trip()
    w.clock.now += 0.75
    answer = w.reserve("b", w.money(1))
    assert isinstance(answer, Unavailable)
    assert answer.retry_after == 0.25


@pytest.mark.parametrize("more", [{"cap": None}, {"refuses": False}], ids=["no cap", "warns"])
def test_a_budget_that_refuses_nothing_is_not_closed(w: Guard, more: dict[str, Any]) -> None:
    w.fail()
    answer = w.reserve("a", w.money(600, **more))
    assert isinstance(answer, Granted)
    assert answer.local
    w.settle("a", Settlement(cost=500, tokens_in=3))
    w.heal()
    assert w.books.used(w.money(0)) == [500]
    (row,) = w.books.rows()
    assert (row.id, row.kind, row.cost, row.tokens_in) == ("a", EntryKind.SETTLE, 500, 3)
    assert w.books.audit() == ()


def test_a_reading_that_cannot_be_had_is_none(w: Guard) -> None:
    assert w.read(w.requests(1))[0].used == 0
    w.fail()
    assert w.read(w.requests(1), w.money(1)) == (None, None)
    w.trip()
    assert w.read(w.requests(1), w.money(1)) == (None, None)


# -- what goes on alone --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "instances", "share"), [(9, 4, 2), (3, 4, 1), (0, 4, 0), (5, 1, 5)]
)
def test_limits_hold_on_a_share_of_them(limit: int, instances: int, share: int) -> None:
    with guarding(instances) as w:
        w.trip()
        answers = [w.reserve(f"r{i}", w.requests(limit)) for i in range(limit + 1)]
        assert sum(isinstance(a, Granted) for a in answers) == share
        refused = answers[-1]
        assert isinstance(refused, Refused)
        assert refused.refusals[0].cap == share


def test_what_has_no_limit_is_granted(w: Guard) -> None:
    w.trip()
    assert isinstance(w.reserve("a", w.requests(None)), Granted)


def test_seats_taken_locally_are_freed_locally(w: Guard) -> None:
    w.trip()
    assert isinstance(w.reserve("a", w.seat(1)), Granted)
    assert isinstance(w.reserve("b", w.seat(1)), Refused)
    assert w.settle("a", Settlement()).ended is Ended.DEFERRED
    assert isinstance(w.reserve("b", w.seat(1)), Granted)
    assert w.release("b").ended is Ended.DEFERRED
    assert isinstance(w.reserve("c", w.seat(1)), Granted)


def test_a_local_fallback_frees_the_seat_of_the_attempt_before(w: Guard) -> None:
    w.trip()
    w.reserve("a", w.seat(1))
    answer = w.reserve("b", w.seat(1), after=Ending("a", Settlement(cost=7)))
    assert isinstance(answer, Granted)
    w.release("b")
    w.heal()
    assert [(r.id, r.cost) for r in w.books.rows()] == [("a", 7)]


def test_a_local_hold_is_renewed_locally(w: Guard) -> None:
    w.trip()
    w.reserve("a", w.seat(1), lease=10)
    w.clock.now += 0.5
    assert w.renew("a", 10)
    assert w.renew("a", 1)
    w.clock.now += 9.75
    assert isinstance(w.reserve("b", w.seat(1)), Refused)


def test_counters_of_another_period_are_stale_locally_too(w: Guard) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 50)
    w.trip()
    w.clock.now += DAY
    assert w.reserve("a", quota) == Stale(w.clock.now)


def test_local_counts_are_added_to_the_store_later(w: Guard) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 50)
    w.reserve("before", quota)
    w.settle("before", Settlement())
    w.trip()
    w.reserve("a", quota, w.requests(9))
    w.settle("a", Settlement())
    w.heal()
    assert w.books.used(quota, w.requests(9)) == [2, 0]
    assert w.books.audit() == ()


def test_local_counts_of_a_long_window_are_added_to_the_store_later(w: Guard) -> None:
    plan = w.charge("limits", "plan", Metric.REQUESTS, Rolling(18_000), 1, 50)
    w.trip()
    w.reserve("a", plan, w.requests(9))
    w.settle("a", Settlement())
    w.heal()
    assert w.books.used(plan, w.requests(9)) == [1, 0]


def test_local_counts_of_yesterday_count_in_no_other_day(w: Guard) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 50)
    w.trip()
    w.reserve("a", quota)
    w.settle("a", Settlement(cost=4))
    w.heal(after=DAY)
    (row,) = w.books.rows()
    assert (row.id, row.cost, row.keys) == ("a", 4, ())
    assert w.books.used(quota) == [0]


def test_a_local_hold_that_is_never_ended_is_charged_in_full(w: Guard) -> None:
    money = w.money(600, cap=None)
    w.trip()
    w.reserve("a", money, lease=10)
    w.heal(after=11)
    w.pass_by()
    w.reserve("b", w.requests(1))
    assert [(r.id, r.kind, r.cost) for r in w.books.rows()] == [("a", EntryKind.EXPIRE, 600)]


# -- what this process took before -----------------------------------------------------------------


@pytest.mark.parametrize(("instances", "left"), [(1, 2), (2, 0), (8, 0)])
def test_what_the_store_granted_is_not_granted_locally_again(instances: int, left: int) -> None:
    with guarding(instances) as w:
        for i in range(3):
            w.reserve(f"a{i}", w.requests(5))
            w.settle(f"a{i}", Settlement())
        w.trip()
        answers = [w.reserve(f"b{i}", w.requests(5)) for i in range(5)]
        assert sum(isinstance(a, Granted) for a in answers) == left
        w.clock.now += 61
        assert isinstance(w.reserve("c", w.requests(5)), Granted)


@pytest.mark.parametrize(
    ("actual", "asked", "fits"),
    [
        (Settlement(tokens_in=60, tokens_out=40), 900, True),
        (Settlement(tokens_in=60, tokens_out=40), 901, False),
        (None, 1000, True),
        (None, 1001, False),
    ],
)
@pytest.mark.parametrize("when", ["before", "meanwhile", "on the way", "on the way meanwhile"])
def test_what_was_taken_from_the_store_is_corrected_here_too(
    w: Guard, actual: Settlement | None, asked: int, fits: bool, when: str
) -> None:
    w.reserve("a", w.tokens(950, 1000))
    if "meanwhile" in when:
        w.trip()
    if "on the way" in when:
        w.reserve("b", w.requests(None), after=Ending("a", actual))
    elif actual is None:
        w.release("a")
    else:
        w.settle("a", actual)
    if w.store.status.up:
        w.trip()
    assert isinstance(w.reserve("c", w.tokens(asked, 1000)), Granted) == fits


def test_a_seat_that_the_store_granted_counts_locally_too(w: Guard) -> None:
    w.reserve("a", w.seat(1), lease=10)
    w.clock.now += 9
    assert w.renew("a", 10)
    w.trip()
    w.clock.now += 9
    assert isinstance(w.reserve("b", w.seat(1)), Refused)
    w.settle("a", Settlement())
    assert isinstance(w.reserve("b", w.seat(1)), Granted)


def test_what_the_store_refused_is_not_counted_here(w: Guard) -> None:
    w.reserve("a", w.tokens(600, 1000))
    assert isinstance(w.reserve("b", w.tokens(600, 1000), after=Ending("a", None)), Granted)
    assert isinstance(w.reserve("c", w.tokens(600, 1000)), Refused)
    assert isinstance(w.reserve("d", w.tokens(999, 900), after=Ending("b", None)), Refused)
    w.trip()
    assert isinstance(w.reserve("e", w.tokens(1000, 1000)), Granted)


def test_of_what_was_taken_no_more_is_kept_than_can_refuse(w: Guard) -> None:
    for i in range(50):
        quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 50, subject=f"{i}")
        w.reserve(f"a{i}", w.requests(9, subject=f"{i}"), quota, w.seat(9), w.money(1))
        w.settle(f"a{i}", Settlement())
    w.clock.now += DAY
    w.reserve("b", w.requests(9, name="other"))
    tables = w.store._share._store._ledger
    assert (len(tables.holds), len(tables.rows), len(tables.ended)) == (1, 0, 0)
    assert list(tables.rolling) == [w.requests(9, name="other").counter.id]
    assert (tables.counts, tables.concurrent) == ({}, {})


# -- what is recorded later ----------------------------------------------------------------------


def test_what_could_not_be_ended_is_ended_later(w: Guard) -> None:
    w.reserve("a", w.money(600, warn_at=(0.1,)))
    w.reserve("b", w.money(300))
    w.fail()
    assert w.settle("a", Settlement(cost=100)).ended is Ended.DEFERRED
    assert w.release("b").ended is Ended.DEFERRED
    assert w.store.status.owed == 2
    w.heal()
    assert w.store.status.owed == 0
    assert w.books.used(w.money(0)) == [100]
    answer = w.reserve("c", w.money(1))
    assert [c.share for c in answer.crossed] == [0.1]  # type: ignore[union-attr]
    assert w.settle("c", Settlement()).crossed == ()


def test_what_ended_on_the_way_is_ended_later(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.fail()
    w.reserve("b", w.money(1), after=Ending("a", Settlement(cost=100)))
    w.heal(after=0)
    assert w.books.used(w.money(0)) == [100]


def test_a_hold_whose_answer_was_lost_is_given_back(w: Guard) -> None:
    w.fail(late=True)
    assert isinstance(w.reserve("a", w.money(600)), Unavailable)
    assert w.books.used(w.money(0)) == [600]
    w.heal(after=0)
    assert w.books.used(w.money(0)) == [0]


def test_a_hold_that_was_taken_right_after_the_probe_is_given_back(
    w: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(hold: Hold, after: Ending | None = None) -> Granted:
        await w.inner.books.reserve(hold, after)
        raise StoreError("gone again")

    w.trip()
    w.clock.now += 1
    w.inner.down = None
    with monkeypatch.context() as patched:
        patched.setattr(w.inner, "reserve", lost)
        assert isinstance(w.reserve("a", w.money(600)), Unavailable)
    assert w.books.used(w.money(0)) == [600]
    w.heal()
    assert w.books.used(w.money(0)) == [0]


def test_a_hold_whose_answer_was_lost_is_settled_once(w: Guard) -> None:
    w.fail(late=True)
    answer = w.reserve("a", w.requests(5), w.money(600, cap=None))
    assert isinstance(answer, Granted)
    w.settle("a", Settlement(cost=9))
    w.heal()
    assert w.books.used(w.requests(5), w.money(0)) == [1, 9]
    assert len(w.books.rows()) == 1


def test_settling_twice_during_an_outage_settles_once(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.trip()
    w.settle("a", Settlement(cost=100))
    w.settle("a", Settlement(cost=300))
    w.heal()
    assert w.books.used(w.money(0)) == [100]


def test_endings_are_not_remembered_without_end(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.trip()
    for i in range(SIZE):
        w.settle(f"x{i}", Settlement())
    assert (w.store.status.owed, w.store.status.lost) == (SIZE, 0)
    w.settle("a", Settlement(cost=1))
    assert (w.store.status.owed, w.store.status.lost) == (SIZE, 1)
    w.heal()
    assert w.books.used(w.money(0)) == [1]


def test_an_entry_that_fails_does_not_block_the_rest(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.reserve("b", w.money(300))
    w.trip()
    w.settle("a", Settlement(cost=100))
    w.settle("b", Settlement(cost=200))
    w.inner.broken = "a"
    for _ in range(5):
        w.heal(after=LONGEST)
    assert (w.store.status.owed, w.store.status.lost) == (0, 1)
    assert [(r.id, r.cost) for r in w.books.rows() if r.kind is EntryKind.ADJUST] == [("b", -100)]


def test_a_hold_is_not_reported_lost_while_that_is_unknown(w: Guard) -> None:
    w.reserve("a", w.money(600))
    assert w.renew("a", 10)
    w.trip()
    assert w.renew("a", 10)


# -- when to ask ---------------------------------------------------------------------------------


def test_a_dead_store_is_called_three_times_and_then_by_one_probe_at_a_time(w: Guard) -> None:
    w.trip()
    assert w.told.changes == [(False, "gone")]
    assert w.store.status.detail == "gone"
    w.inner.asked.clear()
    for _ in range(50):
        w.read(w.requests(1))
        w.settle("x", Settlement())
    assert w.inner.asked == []
    w.inner.down = StoreError("still gone")
    w.clock.now += 1.0
    w.pass_by()
    w.pass_by()
    assert w.inner.asked == ["release"]
    assert w.store.status.detail == "still gone"
    assert w.told.changes == [(False, "gone")]


def test_failures_and_outages_are_counted(w: Guard) -> None:
    assert (w.store.status.failures, w.store.status.outages) == (0, 0)
    w.trip()
    w.read(w.requests(1))
    assert (w.store.status.failures, w.store.status.outages) == (3, 1)
    w.heal()
    w.trip()
    assert (w.store.status.failures, w.store.status.outages) == (6, 2)


def test_pauses_grow_to_a_bound(w: Guard) -> None:
    w.trip()
    pauses = []
    for _ in range(7):
        pause = w.store._breaker.wait(w.clock.now)
        pauses.append(pause)
        w.clock.now += pause
        w.pass_by()
    assert pauses == [1, 2, 4, 8, 16, LONGEST, LONGEST]
    w.heal(after=LONGEST)
    assert w.told.changes == [(False, "gone"), (True, "")]
    assert w.store.status.up
    assert w.store.status.detail == ""
    w.trip()
    assert w.store._breaker.wait(w.clock.now) == 1.0


def test_failures_far_apart_are_no_reason_to_stop(w: Guard) -> None:
    w.fail()
    for _ in range(6):
        w.read(w.requests(1))
        w.clock.now += 2.6
    assert w.store.status.up


@pytest.mark.parametrize(("seconds", "up"), [(SLOW - 0.01, True), (SLOW, False)])
def test_one_failure_that_took_long_is_enough(w: Guard, seconds: float, up: bool) -> None:
    w.fail()
    w.inner.takes = seconds
    assert w.read(w.requests(1)) == (None,)
    assert w.store.status.up is up


def test_many_failures_at_once_are_one_change(w: Guard) -> None:
    w.fail()

    async def at_once() -> None:
        await asyncio.gather(*(w.store.read(()) for _ in range(10)))

    w.do(at_once())
    assert w.told.changes == [(False, "gone")]
    assert w.store._breaker.wait(w.clock.now) == 1.0


def test_a_store_that_fails_again_during_recovery_keeps_the_rest_owed(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.fail()
    w.settle("a", Settlement(cost=100))
    w.fail("away")
    w.pass_by()
    assert w.store.status.owed == 1
    assert not w.store.status.up
    w.heal()
    assert w.store.status.owed == 0
    assert w.books.used(w.money(0)) == [100]


def test_a_verb_that_cannot_be_run_is_no_failure_of_the_store(w: Guard) -> None:
    w.inner.down = OperationError("too much")
    for i in range(5):
        answer = w.reserve(f"a{i}", w.money(1))
        assert isinstance(answer, Unavailable)
        assert answer.detail == "too much"
    assert w.store.status.up
    assert w.store.status.owed == 0
    w.settle("a", Settlement(cost=10**17))
    w.pass_by()
    assert (w.store.status.owed, w.store.status.lost) == (0, 1)


def test_a_store_that_is_back_is_used_by_requests_that_have_a_loop_of_their_own() -> None:
    clock = Clock()
    inner = Shaky(clock)
    guarded = DegradableStore(inner, 1, clock, clock)
    with asyncio.Runner() as runner:
        money = World(inner, clock, runner).money(1)
    answers = []
    for i, down in enumerate((True, True, True, True, False, False)):
        inner.down = StoreError("gone") if down else None
        clock.now += not down
        answers.append(asyncio.run(guarded.reserve(Hold(f"r{i}", (money,), 60, ABOUT))))
    assert [isinstance(a, Granted) for a in answers] == [False] * 4 + [True] * 2
    assert guarded.status.up


def test_a_recovery_of_a_closed_loop_does_not_prevent_another() -> None:
    clock = Clock()
    inner = Shaky(clock)
    guarded = DegradableStore(inner, 1, clock, clock)
    inner.down = StoreError("gone")
    for _ in range(3):
        asyncio.run(guarded.read(()))
    clock.now += 1
    inner.hangs = True
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # called for the tasks that are dropped here
    asking = loop.create_task(guarded.read(()))
    loop.run_until_complete(asyncio.sleep(0.001))
    assert not asking.done()
    loop.close()  # nothing was cancelled
    inner.hangs, inner.down = False, None
    assert asyncio.run(guarded.read(())) == ()
    assert guarded.status.up


def test_a_probe_outlives_the_request_that_sent_it(w: Guard) -> None:
    w.trip()
    w.clock.now += 1
    w.inner.down = None

    async def hurried() -> None:
        asking = asyncio.ensure_future(w.store.read(()))
        await asyncio.sleep(0)
        asking.cancel()
        assert await w.store.read(()) == ()  # no other call waits for it
        assert not w.store.status.up
        await w.store._recovery

    w.do(hurried())
    assert w.store.status.up


def test_a_forked_child_owes_nothing() -> None:
    with start("guard") as process:
        assert [said(process), said(process)] == ["child: up, 0 owed", "parent: up, 1 owed"]


# -- a store that lost data ----------------------------------------------------------------------


class Forgetful(Shaky):
    """The same, but it can lose all that it counted, and says so from its next answer on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.loss: Loss | None = None
        self._lost: Loss | None = None

    def forget(self) -> None:
        self.books = MemoryStore(self.clock)
        self.books._ledger.closed = Unavailable("lost data", 1.0)
        self._lost = Loss(self.clock.now, 7, None)

    async def accept_loss(self) -> Loss | None:
        lost, self._lost = self._lost, None
        self.books._ledger.closed = None
        return lost

    async def _do(self, verb: str, work: Callable[[], Awaitable[T]]) -> T:
        done = await super()._do(verb, work)
        self.loss = self._lost
        return done


@pytest.fixture
def f() -> Iterator[Guard]:
    """A guard around a store that can forget."""
    with asyncio.Runner() as runner:
        yield Guard(1, runner, Forgetful)


def forget(f: Guard) -> None:
    assert isinstance(f.inner, Forgetful)
    f.inner.forget()
    f.books.store = f.inner.books


def accept(f: Guard) -> None:
    assert isinstance(f.inner, Forgetful)
    f.do(f.inner.accept_loss())


def test_a_loss_is_reported_logged_and_shown_until_it_is_accepted(
    f: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    f.reserve("a", f.money(600))
    assert f.store.status.loss == ""
    forget(f)
    for name in "bc":
        answer = f.reserve(name, f.money(1))
        assert isinstance(answer, Unavailable)
        assert answer.detail == "lost data"
    status = f.store.status
    assert (status.up, status.losses) == (True, 1)
    assert status.loss == "its 7 changes are missing: it was emptied, or another ledger is there"
    assert f.lost.changes == [(True, status.loss)]
    (line,) = caplog.messages
    assert line.startswith(f"the store of counters lost data, budgets stay closed: {status.loss}; ")
    assert line.endswith("run `policy-router doctor --accept-loss`")
    accept(f)
    assert isinstance(f.reserve("d", f.money(1)), Granted)
    assert f.store.status.loss == ""
    assert f.store.status.losses == 1
    assert f.lost.changes[1:] == [(False, "")]
    assert f.told.changes == []
    assert caplog.messages[1:] == ["the store's loss of data is over: budgets are open again"]


def test_a_limit_is_not_granted_beyond_what_this_process_remembers(f: Guard) -> None:
    for i in range(3):
        f.reserve(f"a{i}", f.requests(3))
    forget(f)
    f.read()
    (refusal,) = refusals(f.reserve("b", f.requests(3)))
    assert (refusal.used, refusal.cap) == (3, 3)
    f.clock.now += 61
    for i in range(3):
        assert isinstance(f.reserve(f"c{i}", f.requests(3)), Granted)
    assert f.books.used(f.requests(3)) == [3]
    refusals(f.reserve("d", f.requests(3)))


def test_the_attempt_before_ends_though_a_remembered_limit_refuses(f: Guard) -> None:
    f.reserve("a", f.requests(1), f.money(600, warn_at=(0.05,)))
    forget(f)
    f.read()
    after = Ending("a", Settlement(cost=100))
    answer = f.reserve("b", f.requests(1), after=after)
    assert refusals(answer)
    assert [c.share for c in answer.crossed] == [0.05]  # type: ignore[union-attr]
    assert f.books.used(f.money(0)) == [100]


def test_what_the_store_does_not_take_uses_no_limit_here(f: Guard) -> None:
    forget(f)
    f.read()
    for i in range(5):
        assert isinstance(f.reserve(f"a{i}", f.requests(2), f.money(1)), Unavailable)
    f.fail()
    for i in range(3):
        assert isinstance(f.reserve(f"b{i}", f.requests(2), f.money(1)), Unavailable)
    f.heal()
    for i in range(2):
        assert isinstance(f.reserve(f"c{i}", f.requests(2)), Granted)
    refusals(f.reserve("d", f.requests(2)))


def test_counters_of_another_day_are_left_to_the_store(f: Guard) -> None:
    quota = f.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 5)
    forget(f)
    f.read()
    f.clock.now += DAY
    assert isinstance(f.reserve("a", quota), Stale)


def test_what_ended_in_an_outage_in_which_the_data_was_lost_counts(f: Guard) -> None:
    f.reserve("a", f.money(600))
    f.reserve("b", f.money(300))
    f.fail()
    f.settle("a", Settlement(cost=100))
    f.release("b")
    forget(f)
    f.heal()
    assert [(r.id, r.kind, r.cost) for r in f.books.rows()] == [("a", EntryKind.SETTLE, 100)]
    assert f.books.used(f.money(0)) == [100]
    assert f.store.status.restored == 1


def test_a_hold_that_the_store_had_time_to_forget_is_not_charged_again(f: Guard) -> None:
    f.reserve("a", f.money(600), lease=60)
    f.clock.now += 60
    forget(f)
    f.clock.now += DAY
    assert f.renew("a", 60) is False
    assert f.settle("a", Settlement(cost=600)).ended is Ended.UNKNOWN
    assert f.books.rows() == []


def test_a_hold_in_a_period_that_is_over_is_written_down_without_it(f: Guard) -> None:
    f.reserve("a", f.money(600), f.requests(5), lease=DAY)
    old = f.money(0)
    forget(f)
    f.clock.now += DAY / 2
    f.settle("a", Settlement(cost=100))
    (row,) = f.books.rows()
    assert (row.id, row.cost, row.keys) == ("a", 100, ())
    assert f.books.used(old, f.requests(5)) == [0, 1]


def test_a_hold_that_ends_while_it_is_renewed_is_not_remembered(f: Guard) -> None:
    f.reserve("a", f.money(600))
    forget(f)

    async def both() -> None:
        await asyncio.gather(f.store.renew("a", 60), f.store.settle("a", Settlement(cost=100)))

    f.do(both())
    assert [(r.id, r.cost) for r in f.books.rows()] == [("a", 100)]
    assert f.books.used(f.money(0)) == [100]
    assert not list(f.store._granted)


def test_a_renewed_hold_is_remembered_for_longer(f: Guard) -> None:
    f.reserve("a", f.money(600), lease=60)
    for _ in range(40):
        f.clock.now += 3600
        f.renew("a", 7200)
    assert f.store._granted.get("a") is None  # it ran out after a minute
    f.reserve("b", f.money(600), lease=3600)
    for _ in range(40):
        f.clock.now += 3000
        assert f.renew("b", 3600)
    assert f.store._granted.get("b") is not None


def test_holds_are_not_remembered_without_end(f: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_router.ledger.granted_holds.SIZE", 2)
    for i in range(3):
        f.reserve(f"a{i}", f.money(1))
    assert list(f.store._granted) == ["a1", "a2"]
    f.settle("a1", Settlement())
    assert isinstance(f.reserve("b", f.money(1), after=Ending("a2", None)), Granted)
    assert list(f.store._granted) == ["b"]


def refusals(answer: object) -> tuple[Refusal, ...]:
    assert isinstance(answer, Refused), answer
    return answer.refusals


# -- the end -------------------------------------------------------------------------------------


def test_closing_records_what_is_owed(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.fail()
    w.settle("a", Settlement(cost=100))
    w.inner.down = None
    w.do(w.store.aclose())
    assert w.inner.closed
    assert w.books.used(w.money(0)) == [100]


def test_closing_waits_for_what_is_being_written(w: Guard) -> None:
    w.reserve("a", w.money(600))
    w.fail()
    w.settle("a", Settlement(cost=100))
    w.inner.down = None

    async def read_and_close() -> None:
        await w.store.read(())
        assert w.store._recovery is not None
        await w.store.aclose()

    w.do(read_and_close())
    assert w.books.used(w.money(0)) == [100]


def test_closing_during_an_outage_does_not_call_the_store(w: Guard) -> None:
    w.trip()
    w.settle("a", Settlement())
    w.inner.asked.clear()
    w.do(w.store.aclose())
    assert w.inner.asked == []
    assert w.inner.closed


def test_a_recovery_cut_off_with_its_loop_is_run_by_the_next() -> None:
    clock = Clock()
    inner = Shaky(clock)
    guarded = DegradableStore(inner, 1, clock, clock)
    with asyncio.Runner() as runner:
        money = World(inner, clock, runner).money(600)

    async def first() -> None:
        await guarded.reserve(Hold("a", (money,), 60, ABOUT))
        inner.down = StoreError("gone")
        await guarded.settle("a", Settlement(cost=100))
        inner.down = None
        await guarded.read(())
        inner.hangs = True
        assert guarded.status.owed == 0  # it is being delivered

    async def second() -> None:
        inner.hangs = False
        assert guarded.status.owed == 1
        await guarded.read(())
        await guarded.aclose()
        assert guarded.status.owed == 0
        assert [row.cost async for row in inner.books.rows()] == [100]

    asyncio.run(first())
    asyncio.run(second())
