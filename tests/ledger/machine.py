"""A store driven at random, together with the model, with every law checked after every step."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policy_router.domain.limits import Charge, CounterKey, Limit, Metric, Reading
from policy_router.domain.periods import Period
from policy_router.domain.windows import HOUR, MINUTE, Rolling, SessionLife
from policy_router.ledger.store import Attribution, Ended, Ending, Granted, Hold, Settlement, Stale
from tests.ledger.laws import LAWS, History, Moment, Seen, Step
from tests.ledger.model import Fate, Model, leaves
from tests.ledger.stores import LASTING, STORES, UTC, world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.limits import Counter
    from policy_router.ledger.reader import LedgerEntry
    from policy_router.ledger.store import Refused, Settled

    Answer: TypeAlias = Granted | Refused | Stale | Settled

DAY: Final = 86_400.0

SUBJECT: Final = "a|ü"
METERS: Final = (
    Limit("budgets", "team", Metric.USD, Period.DAY, 1000, 1, warn_at=(0.5, 0.9)),
    Limit("budgets", "all", Metric.USD, Period.MONTH, 2500, 1, warn_at=(0.8, 1.0)),
    Limit("budgets", "quota", Metric.TOKENS, Period.WEEK, 900, 1, warn_at=(0.25,)),
    Limit("limits", "free", Metric.REQUESTS, Period.DAY, 9, 1),
    Limit("limits", "rate", Metric.REQUESTS, MINUTE, 3, 1, per="user"),
    Limit("limits", "each", Metric.TOKENS, MINUTE, 300, 1),
    Limit("limits", "hourly", Metric.TOKENS, HOUR, 700, 1),
    Limit("limits", "plan", Metric.REQUESTS, Rolling(18_000), 7, 1),
    Limit("budgets", "recent", Metric.USD, Rolling(3 * 86_400), 1500, 1),
    Limit("budgets", "run", Metric.USD, SessionLife(2 * DAY), 1500, 1, "session", warn_at=(0.5,)),
    Limit("limits", "vip", Metric.TOKENS, MINUTE, 1, 1, "user", overrides=((SUBJECT, 300),)),
    Limit("models", "qwen", Metric.CONCURRENT, None, 2, 1),
)
"""Each kind of counter over few keys, with limits that a few attempts fill."""

LIMITS: Final = (None, 0, 1, 2, 3, 5, 300, 500, 1000, 2500)
LEASES: Final = (0.125, 5.0, 60.0, 90.0, 3600.0, 2 * DAY)
STEPS: Final = (
    2**-16, 0.125, 0.875, 1.0, 4.875, 7.5, 30.0, 59.0, 60.0, 61.0, 90.0, 3540.0, 3660.0, 18_000.0,
    DAY / 2,
)  # fmt: skip
"""Seconds to wait: within a slot, past a lease, a minute, an hour, a midnight. Binary fractions, so
that no sum of them is rounded: times are compared exactly."""
COSTS: Final = (0, 0, 1, 100, 499, 500, 501, 999, 1000, 1001)
TOKENS: Final = (0, 0, 1, 99, 100, 101, 299, 300, 301)
ABOUTS: Final = (
    Attribution(),
    Attribution("haiku", "code", "acme", "änna 😀\n", "{team}", "k'1", "abc"),
)

actuals = st.builds(
    Settlement,
    st.sampled_from(COSTS),
    st.sampled_from(TOKENS),
    st.sampled_from(TOKENS),
    st.booleans(),
)
picks = st.integers(0, 7)
"""Which of the latest holds."""


@dataclass(frozen=True)
class Wanted:
    """What a hold is to charge, for how long and for whom."""

    meters: Sequence[Limit]
    cost: int = 1
    tokens: int = 1
    lease: float = 60.0
    about: Attribution = ABOUTS[1]
    refuses: bool = True


wishes = st.builds(
    Wanted,
    st.lists(st.sampled_from(METERS), unique=True, max_size=5),
    st.sampled_from(COSTS),
    st.sampled_from(TOKENS),
    st.sampled_from(LEASES),
    st.sampled_from(ABOUTS),
    st.sampled_from((True, True, True, False)),
)


class Ledger(RuleBasedStateMachine):
    """One store; `store` names it in STORES."""

    store: str

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        place = self._stack.enter_context(tempfile.TemporaryDirectory())
        self.world = self._stack.enter_context(world(self.store, Path(place)))
        self.clock = self.world.clock
        self.model = Model()
        self.history = History()
        self.limits = {meter.key(): meter.of(SUBJECT).cap for meter in METERS}
        self.ids: list[str] = []
        self.made = 0
        self.readings: tuple[tuple[Reading, ...], tuple[Reading, ...]] = ((), ())
        self.moment = Moment(self.history, Seen(), Step("start", self.now), Seen())
        self.moment = self.seen_after(self.moment.step)

    def teardown(self) -> None:
        self._stack.close()

    # -- rules ---------------------------------------------------------------------------------

    @rule(wanted=wishes)
    def reserve(self, wanted: Wanted) -> None:
        self.take(self.new(wanted))

    @rule(wanted=wishes, pick=picks, actual=st.none() | actuals)
    def reserve_after(self, wanted: Wanted, pick: int, actual: Settlement | None) -> None:
        self.take(self.new(wanted), Ending(self.known(pick), actual))

    @rule(pick=picks, actual=st.none() | actuals, moves=st.booleans())
    def reserve_again(self, pick: int, actual: Settlement | None, moves: bool) -> None:
        attempt = self.model.attempts.get(self.known(pick))
        if attempt is not None:
            self.take(attempt.hold, Ending(self.known(pick + 1), actual) if moves else None)

    @rule(wanted=wishes, late=st.sampled_from((-DAY, DAY)), pick=picks)
    def reserve_with_counters_of_another_day(self, wanted: Wanted, late: float, pick: int) -> None:
        self.take(self.new(wanted, self.now + late), Ending(self.known(pick), None))

    @rule(pick=picks, actual=actuals)
    def settle(self, pick: int, actual: Settlement) -> None:
        self.finish(self.known(pick), actual)

    @rule(pick=picks, more=st.sampled_from((-1, 0, 1)))
    def settle_about_what_was_held(self, pick: int, more: int) -> None:
        attempt = self.model.attempts.get(self.known(pick))
        if attempt is not None:
            whole = attempt.whole()
            actual = Settlement(max(whole.cost + more, 0), max(whole.tokens_in + more, 0))
            self.finish(attempt.hold.id, actual)

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        self.finish(self.known(pick), None)

    @rule(pick=picks, lease=st.sampled_from(LEASES))
    def renew(self, pick: int, lease: float) -> None:
        hold_id = self.known(pick)
        answer = self.world.renew(hold_id, lease)
        assert answer == self.model.renew(hold_id, lease, self.clock.now)
        renewed = (hold_id, lease) if answer else None
        self.moment = self.seen_after(Step("renew", self.model.now, answer, renewed=renewed))

    @rule(seconds=st.sampled_from(STEPS))
    def wait(self, seconds: float) -> None:
        self.set_clock(self.clock.now + seconds)

    @rule(
        event=st.sampled_from(("lease", "window", "midnight", "session")),
        pick=picks,
        off=st.sampled_from((0.0, -(2**-16), 61.0, 3660.0)),
    )
    def wait_until(self, event: str, pick: int, off: float) -> None:
        """To the very moment that something ends, just before it, or well after it."""
        moments = {self.now // DAY * DAY + DAY}
        if event == "lease":
            moments = {a.expires for a in self.model.attempts.values() if a.fate is Fate.OPEN}
        elif event == "window":
            moments = {
                leaves(c.counter, a.taken)
                for a in self.model.attempts.values()
                for c in a.hold.charges
                if c.counter.rolling
            }
        elif event == "session":
            moments = {
                self.model.last_use(c.counter.key) + c.counter.idle
                for a in self.model.attempts.values()
                for c in a.hold.charges
                if c.counter.idle
            }
        ahead = sorted(m for m in moments if m > self.now)
        if ahead:
            self.set_clock(ahead[pick % len(ahead)] + off)

    @rule(event=st.sampled_from((-DAY, -3600.0, -61.0, -1.0, -0.125, DAY, 70 * DAY, 70 * DAY)))
    def the_clock_is_set(self, event: float) -> None:
        """Back, or far ahead."""
        self.set_clock(self.clock.now + event)

    @precondition(lambda self: self.store in LASTING)
    @rule(closes=st.booleans())
    def another_process_goes_on(self, closes: bool) -> None:
        """Its clock may be behind, but not behind the last hold that was taken."""
        self.take(self.new(Wanted((), lease=3600.0)))
        self.world.change_hands(closes=closes)
        self.moment = self.seen_after(Step("change hands", self.now))

    @rule(meter=st.sampled_from(METERS), limit=st.sampled_from(LIMITS))
    def edit_a_limit(self, meter: Limit, limit: int | None) -> None:
        self.limits[meter.key()] = limit
        self.moment = self.seen_after(Step("edit", self.now))

    # -- what each step is made of ---------------------------------------------------------------

    @property
    def now(self) -> float:
        """The store's time, as an onlooker knows it."""
        return max(self.model.now, self.clock.now)

    def set_clock(self, now: float) -> None:
        self.clock.now = now
        self.moment = self.seen_after(Step("clock", self.now))

    def charges(self, wanted: Wanted, at: float) -> tuple[Charge, ...]:
        amounts = {Metric.USD: wanted.cost, Metric.TOKENS: wanted.tokens}
        return tuple(
            Charge(
                meter.counter(SUBJECT, at, UTC),
                amounts.get(meter.metric, 1),
                self.limits[meter.key()],
                wanted.refuses,
                meter.warn_at,
            )
            for meter in wanted.meters
        )

    def new(self, wanted: Wanted, at: float | None = None) -> Hold:
        """A hold under an id of its own, with the counters of `at`."""
        self.made += 1
        charges = self.charges(wanted, self.now if at is None else at)
        return Hold(f"r{self.made}#{self.made % 3}", charges, wanted.lease, wanted.about)

    def known(self, pick: int) -> str:
        """One of the latest holds, or one that never was. A store forgets an ended hold after a
        day, so those that may be forgotten are not asked for."""
        fresh = [i for i in self.ids if self.remembered(i)]
        return fresh[-1 - pick % len(fresh)] if fresh else "never"

    def remembered(self, hold_id: str) -> bool:
        attempt = self.model.attempts.get(hold_id)
        return attempt is None or self.now < attempt.ended + DAY

    def effective(self, *endings: Ending | None) -> tuple[Ending, ...]:
        """The endings that will be the first for a hold that was granted."""
        return tuple(
            e
            for e in endings
            if e is not None and e.id in self.history.grants and e.id not in self.history.endings
        )

    def take(self, hold: Hold, after: Ending | None = None) -> None:
        new = hold.id not in self.history.grants
        endings = self.effective(after)
        answer = self.world.reserve(
            hold.id, *hold.charges, lease=hold.lease, about=hold.about, after=after
        )
        self.same(answer, self.model.reserve(hold, after, self.clock.now))
        self.ids.append(hold.id)
        taken = hold if new and isinstance(answer, Granted) else None
        step = Step(
            "reserve",
            self.model.now,
            answer,
            () if isinstance(answer, Stale) else endings,
            taken,
            repeated=not new,
        )
        self.moment = self.seen_after(step)

    def finish(self, hold_id: str, actual: Settlement | None) -> None:
        endings = self.effective(Ending(hold_id, actual))
        if actual is None:
            answer = self.world.release(hold_id)
        else:
            answer = self.world.settle(hold_id, actual)
        self.same(answer, self.model.end(hold_id, actual, self.clock.now))
        repeated = answer.ended in (Ended.AGAIN, Ended.UNKNOWN)
        self.moment = self.seen_after(
            Step("end", self.model.now, answer, endings, repeated=repeated)
        )

    def same(self, answer: Answer, expected: Answer) -> None:
        """Sees that the store answers as the model does; of periods long past it need not tell."""
        if not isinstance(answer, Stale) and not isinstance(expected, Stale):
            answer, expected = (
                replace(a, crossed=tuple(c for c in a.crossed if self.of_late(c.key)))
                for a in (answer, expected)
            )
        assert answer == expected, (answer, expected)

    # -- looking at the store --------------------------------------------------------------------

    def seen_after(self, step: Step) -> Moment:
        charges = (*self.charges(Wanted(METERS), self.now), *self.probes())
        readings, balances, rows, audit = self.world.do(self.look(charges))
        self.readings = readings, self.model.read(charges, self.clock.now)
        self.history.note(step)
        after = Seen(
            {b.key: b for b in balances if self.of_late(b.key)},
            {
                c.counter.key: r
                for c, r in zip(charges[: len(METERS)], readings, strict=False)
                if not c.counter.calendar
            },
            rows,
            audit,
        )
        return Moment(self.history, self.moment.after, step, after)

    def probes(self) -> tuple[Charge, ...]:
        """Charges on the rolling windows whose `opens` tells what each slot holds."""
        return tuple(
            Charge(c.counter, 1, limit)
            for c in self.charges(Wanted(METERS), self.now)
            if c.counter.rolling
            for limit in ((1, 2, 3) if c.counter.metric is Metric.REQUESTS else (1, 101, 301))
        )

    async def look(
        self, charges: Sequence[Charge]
    ) -> tuple[Any, Any, tuple[LedgerEntry, ...], Any]:
        """Everything a store shows: readings, balances, ledger, audit."""
        store = self.world.store
        return (
            await store.read(charges),
            await store.balances(),
            tuple([row async for row in store.rows()]),
            await store.audit(),
        )

    def of_late(self, key: CounterKey) -> bool:
        """Whether a store must still know a counter: this period and the one before."""
        counter: Counter | None = self.history.counters.get(key)
        if counter is not None and counter.idle:
            rested = self.model.last_use(key) + counter.idle + 31 * DAY <= self.now
            return not rested or self.model.held(key) > 0
        return counter is None or counter.end + 31 * DAY > self.now

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def every_law_holds(self) -> None:
        for law in LAWS:
            law(self.moment)

    @invariant()
    def nothing_is_said_to_be_lost(self) -> None:
        assert getattr(self.world.store, "loss", None) is None

    @invariant()
    def readings_are_the_models(self) -> None:
        have, want = self.readings
        assert have == want, (have, want)

    @invariant()
    def counters_are_the_models(self) -> None:
        have = {b.key: (b.spent, b.held) for b in self.moment.after.balances.values()}
        want = {k: v for k, v in self.model.balances().items() if self.of_late(k)}
        assert have == want, (have, want)

    @invariant()
    def the_ledger_is_the_models(self) -> None:
        have = [replace(row, seq=0) for row in self.moment.after.rows]
        assert have == [replace(row, seq=0) for row in self.model.rows]


def machine(store: str) -> type[Ledger]:
    """The machine for one store."""
    assert store in STORES, store
    return type(f"Ledger_{store}", (Ledger,), {"store": store})
