"""What counters and ledger add up to, on a store whose clock tests set."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.facts import Vocabulary
from policy_router.domain.limits import Charge, Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.windows import HOUR, Rolling, SessionLife
from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore, Retention
from policy_router.ledger.store import Attribution, Hold, Settlement
from policy_router.reports.usage import Tally, UsageReport, usage
from tests.generate import assemble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Reading

NOON = 1_795_003_200.0
"""2026-11-18, 12:00 UTC."""
DECEMBER = 1_796_079_600.0
"""Midnight in Berlin."""
DAY = 86_400.0
FREE = Model("free", "ollama_chat/a", "light", 0, FREE_PRICE, True)
PAID = Model("paid", "openai/b", "light", 0, Price(1_000_000, 2_000_000))
TEAM = Limit("budgets", "team", Metric.USD, Period.MONTH, 1000, 0b11)
EACH = Limit("budgets", "each", Metric.TOKENS, Period.DAY, 100, 0b11, per="user")
BURST = Limit("limits", "burst", Metric.REQUESTS, HOUR, 3, 0b11, per="tenant")
SEATS = Limit("models", "free", Metric.CONCURRENT, None, 2, 0b01)


def policy(*meters: Limit) -> Policy:
    return assemble((FREE, PAID), (), Vocabulary((), ()), bands=(), meters=meters)


BERLIN = policy().timezone


@dataclass
class World:
    """A store, its clock, and short ways to use it."""

    meters: tuple[Limit, ...]
    now: float = NOON
    count: int = 0
    store: MemoryStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(lambda: self.now)

    async def take(self, model: str, **about: str) -> str:
        self.count += 1
        who = Attribution(model, **about)
        charges = []
        for meter in self.meters:
            subject = (getattr(who, meter.per) if meter.per else "") or "-"
            counter = meter.counter(subject, self.now, BERLIN)
            charges.append(Charge(counter, 10 if _sized(meter) else 1, meter.cap, False))
        await self.store.reserve(Hold(f"h{self.count}", tuple(charges), 60.0, who))
        return f"h{self.count}"

    async def answer(self, model: str, actual: Settlement, **about: str) -> None:
        await self.store.settle(await self.take(model, **about), actual)

    async def usage(self) -> UsageReport:
        return await usage(policy(*self.meters), self.store, self.now)


def _sized(meter: Limit) -> bool:
    return meter.metric in (Metric.USD, Metric.TOKENS)


def shown(found: UsageReport) -> list[tuple[str, str, int, int | None]]:
    return [(s.limit.name, s.subject, s.used, s.held) for s in found.counters]


def test_sessions_and_long_windows_are_found_for_as_long_as_they_count() -> None:
    plan = Limit("limits", "plan", Metric.REQUESTS, Rolling(18_000), 9, 0b11, per="session")
    run = Limit("budgets", "run", Metric.USD, SessionLife(), 1000, 0b11, per="session")

    async def main() -> None:
        w = World((plan, run))
        await w.answer("paid", Settlement(40, 1, 2), session="s1")
        w.now += 4 * 3600.0
        await w.answer("paid", Settlement(7, 1, 2), session="s2")
        assert shown(await w.usage()) == [
            ("plan", "s1", 1, None), ("plan", "s2", 1, None),
            ("run", "s1", 40, None), ("run", "s2", 7, None),
        ]  # fmt: skip
        w.now += 4 * 3600.0
        assert [name for name, *_ in shown(await w.usage())] == ["plan", "run", "run"]
        w.now += 30 * DAY - 4 * 3600.0 - 1
        assert shown(await w.usage()) == [("run", "s2", 7, None)]
        w.now += 1
        assert shown(await w.usage()) == []

    asyncio.run(main())


def test_a_subject_is_reported_with_its_own_cap() -> None:
    each = replace(EACH, overrides=(("ada", 1000),))
    burst = replace(BURST, per="user", overrides=(("bob", 8),))

    async def main() -> None:
        w = World((each, burst))
        await w.answer("free", Settlement(0, 30, 20), user="ada")
        await w.answer("free", Settlement(0, 30, 20), user="bob")
        found = await w.usage()
        assert [(c.limit.name, c.subject, c.limit.cap, c.share) for c in found.counters] == [
            ("each", "ada", 1000, 0.05), ("each", "bob", 100, 0.5),
            ("burst", "ada", 3, 1 / 3), ("burst", "bob", 8, 1 / 8),
        ]  # fmt: skip

    asyncio.run(main())


def test_counters_are_in_the_order_of_the_policy_the_largest_first() -> None:
    async def main() -> None:
        w = World((SEATS, BURST, TEAM, EACH))
        await w.answer("paid", Settlement(40, 1, 2), user="ada", tenant="acme")
        await w.answer("paid", Settlement(5, 3, 4), user="bob", tenant="acme")
        await w.take("free", user="bob")
        await w.answer("free", Settlement(), user="cid", tenant="zen")
        found = await w.usage()
        assert shown(found) == [
            ("free", "-", 1, None),
            ("burst", "acme", 2, None),
            ("burst", "zen", 1, None),
            ("team", "-", 55, 10),
            ("each", "bob", 17, 10),
            ("each", "ada", 3, 0),
            ("each", "cid", 0, 0),
        ]
        team = found.counters[3]
        assert (team.share, team.resets, team.opens) == (0.055, DECEMBER, None)

    asyncio.run(main())


def test_a_window_that_is_full_says_when_it_opens() -> None:
    async def main() -> None:
        w = World((BURST,))
        for _ in range(3):
            await w.answer("paid", Settlement(), tenant="acme")
        w.now += 600
        (counter,) = (await w.usage()).counters
        assert (counter.used, counter.share, counter.opens) == (3, 1.0, NOON + 3660)
        w.now += 3061
        assert (await w.usage()).counters == ()

    asyncio.run(main())


def test_another_period_is_another_count() -> None:
    async def main() -> None:
        w = World((TEAM, EACH))
        await w.answer("paid", Settlement(40, 1, 2), user="ada")
        w.now += DAY
        assert shown(await w.usage()) == [("team", "-", 40, 0)]
        w.now += 30 * DAY
        assert shown(await w.usage()) == [("team", "-", 0, 0)]

    asyncio.run(main())


def test_a_limit_that_was_edited_forgets_nothing() -> None:
    async def main() -> None:
        w = World((TEAM,))
        await w.answer("paid", Settlement(40, 1, 2))
        w.meters = (Limit("budgets", "team", Metric.USD, Period.MONTH, None, 0b11),)
        (counter,) = (await w.usage()).counters
        assert (counter.used, counter.share) == (40, None)

    asyncio.run(main())


def test_models_today_and_this_month() -> None:
    async def main() -> None:
        w = World((TEAM,), now=NOON - 19 * DAY)
        await w.answer("paid", Settlement(1000, 1, 1))  # October
        w.now = NOON - DAY
        await w.answer("free", Settlement(0, 7, 8))
        await w.answer("free", Settlement(0, 7, 8))
        w.now = NOON
        await w.answer("paid", Settlement(40, 5, 6))
        await w.answer("free", Settlement())
        found = await w.usage()
        assert found.today.label == "2026-11-18"
        assert found.today.models == (
            ("paid", Tally(1, 1, 5, 6, 40)),
            ("free", Tally(1, 0, 0, 0, 0)),
        )
        assert found.month.label == "2026-11"
        assert found.month.models == (
            ("paid", Tally(1, 1, 5, 6, 40)),
            ("free", Tally(3, 2, 14, 16, 0)),
        )
        assert found.month.total() == Tally(4, 3, 19, 22, 40)
        assert found.month.total(["free", "gone"]) == Tally(3, 2, 14, 16, 0)
        assert found.since is None

    asyncio.run(main())


def test_a_hold_that_ran_out_counts_once() -> None:
    """Charged in full when its process was gone; an answer only when somebody tells of one."""

    async def main() -> None:
        w = World((TEAM,))
        late, lost, never = [await w.take("paid") for _ in range(3)]
        assert (late, lost) == ("h1", "h2")
        w.now += 61
        await w.answer("free", Settlement(0, 1, 1))
        assert dict((await w.usage()).today.models)["paid"] == Tally(3, 0, 0, 0, 30)
        await w.store.settle(late, Settlement(4, 5, 6))
        await w.store.release(never)
        assert dict((await w.usage()).today.models)["paid"] == Tally(2, 1, 5, 6, 14)

    asyncio.run(main())


def test_what_the_store_will_not_say_is_an_error() -> None:
    class Silent(DegradableStore):
        """A guarded store that is out of reach, with books that are not."""

        def __init__(self, inner: MemoryStore) -> None:
            super().__init__(inner)
            self.rows, self.balances, self.audit = inner.rows, inner.balances, inner.audit

        async def read(self, charges: Sequence[Charge]) -> tuple[Reading | None, ...]:
            return (None,) * len(charges)

    async def main() -> None:
        with pytest.raises(StoreError, match="`free` cannot be read"):
            await usage(policy(SEATS), Silent(MemoryStore()), NOON)

    asyncio.run(main())


def test_many_subjects_are_read_in_several_steps() -> None:
    class Counting(MemoryStore):
        asked: tuple[int, ...] = ()

        async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
            self.asked += (len(charges),)
            return await super().read(charges)

    async def main() -> None:
        w = World((BURST,))
        w.store = store = Counting(lambda: NOON)
        for i in range(1100):
            await w.answer("paid", Settlement(), tenant=f"t{i}")
        found = await w.usage()
        assert len(found.counters) == 1100
        assert store.asked == (500, 500, 100)

    asyncio.run(main())


def test_a_ledger_that_was_cut_says_since_when_it_tells() -> None:
    async def main() -> None:
        w = World((TEAM,), now=NOON - 2 * DAY)
        w.store = MemoryStore(lambda: w.now, Retention(rows=3))
        for i in range(4):
            w.now = NOON - 2 * DAY + i
            await w.answer("paid", Settlement(1, 1, 1))
        found = await w.usage()
        assert (found.since, found.month.total().requests) == (NOON - 2 * DAY + 1, 3)
        assert shown(found) == [("team", "-", 4, 0)]

    asyncio.run(main())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["free", "paid"]),
            st.integers(0, 40 * 86_400),
            st.integers(0, 10**6),
            st.sampled_from(["", "ada", "bob"]),
        ),
        max_size=12,
    )
)
def test_models_and_counters_tell_the_same(tries: list[tuple[str, int, int, str]]) -> None:
    """What models cost this month is what the month's budget holds; users add up to the whole."""

    async def main() -> None:
        each = Limit("budgets", "each", Metric.USD, Period.MONTH, None, 0b11, per="user")
        w = World((TEAM, each))
        for model, ago, cost, user in sorted(tries, key=lambda t: -t[1]):
            w.now = NOON - ago
            await w.answer(model, Settlement(cost, 1, 1), user=user)
        w.now = NOON
        found = await w.usage()
        team, *users = found.counters
        assert team.used == sum(counter.used for counter in users) == found.month.total().cost
        assert found.today.total().cost <= found.month.total().cost

    asyncio.run(main())
