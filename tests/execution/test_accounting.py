"""An account between an executor and a store: moves, retries, outages, renewals."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from policy_router.decision.facts import situation_of
from policy_router.domain.facts import Vocabulary
from policy_router.domain.limits import LEASE, CounterKey, Limit, Metric, Reading, WhenExhausted
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.errors import StoreError
from policy_router.execution.accounting import Accounting
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.store import Crossing, Ended, Refusal, Refused, Stale, Unavailable
from policy_router.providers.answers.chat import Usage
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.generate import assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Charge
    from policy_router.execution.accounts.account import RequestAccount
    from policy_router.ledger.reader import LedgerEntry
    from policy_router.ledger.store import Ending, Hold, Settlement

NOON = 1_795_003_200.0
UTC = ZoneInfo("UTC")
FREE = Model("free", "ollama_chat/a", "light", 0, FREE_PRICE, True)
PAID = Model("paid", "openai/b", "light", 0, Price(1_000_000, 2_000_000), max_output=100)
DEAR = Model("dear", "openai/c", "light", 0, Price(10_000_000, 20_000_000), max_output=100)
REQUEST = Request(tokens=10, user="ada", tenant="acme")
USED = Usage(10, 20)


def policy(*meters: Limit) -> Policy:
    return assemble((FREE, PAID, DEAR), (), Vocabulary((), ()), bands=(), meters=meters)


def budget(limit: int | None, **more: Any) -> Limit:
    return Limit("budgets", "team", Metric.USD, Period.DAY, limit, 0b111, **more)


@dataclass
class Broken(MemoryStore):
    """A scripted store: the next answers, or errors where `down`."""

    down: bool = False
    answers: list[Any] = field(default_factory=list)
    clock: Callable[[], float] = lambda: NOON

    def __post_init__(self) -> None:
        super().__init__(self.clock)

    def _fail(self) -> None:
        if self.down:
            raise StoreError("nobody there")

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        self._fail()
        return await super().read(charges)

    async def reserve(self, hold: Hold, after: Ending | None = None) -> Any:
        self._fail()
        if self.answers:
            return self.answers.pop(0)
        return await super().reserve(hold, after)

    async def settle(self, hold_id: str, actual: Settlement) -> Any:
        self._fail()
        return await super().settle(hold_id, actual)

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        self._fail()
        return await super().renew(hold_id, lease)


def account(store: MemoryStore, found: Policy, **more: Any) -> RequestAccount:
    ledger = Accounting(store, clock=lambda: NOON, **more)
    return ledger.account(found, situation_of(found, REQUEST, NOON))


async def rows(store: MemoryStore) -> list[LedgerEntry]:
    return [row async for row in store.rows()]


def test_a_fallback_moves_the_hold() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        opened = account(store, policy(budget(3000)))
        assert await opened.open(DEAR) is None  # takes 2,100 of 3,000
        opened.ended(Usage(), Failure(FailureKind.SERVER_ERROR, status=500), 0)
        assert await opened.open(DEAR) is None  # there would be no room for both
        opened.ended(USED, None, 50)
        await opened.close()
        assert [(r.kind, r.cost) for r in await rows(store)] == [
            (EntryKind.SETTLE, 0), (EntryKind.SETTLE, 500),
        ]  # fmt: skip
        assert opened.actual is not None
        assert opened.actual.cost == 500
        assert await store.audit() == ()

    asyncio.run(main())


def test_what_was_never_sent_is_given_back() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        opened = account(store, policy(budget(3000)))
        await opened.open(DEAR)
        opened.ended(Usage(), Failure(FailureKind.CONNECT), 0)
        await opened.close()
        assert await rows(store) == []
        assert [b.held for b in await store.balances()] == [0]

    asyncio.run(main())


def test_a_refusal_is_a_reason_for_the_next_candidate() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        opened = account(store, policy(budget(1000)))
        skip = await opened.open(DEAR)
        assert skip is not None
        assert (skip.model, skip.reason, skip.until) == ("dear", "budget", None)
        assert skip.detail == (
            "budget `team`: $0.00 of $0.000001 a day used, this request may use $0.000002"
        )
        assert await opened.open(PAID) is None
        assert opened.output_cap == 100
        opened.ended(USED, None, 50)
        await opened.close()
        await opened.close()
        assert [r.about.model for r in await rows(store)] == ["paid"]

    asyncio.run(main())


def test_an_answer_is_bounded_only_where_something_counts_its_length() -> None:
    async def main() -> None:
        seats = Limit("models", "paid", Metric.CONCURRENT, None, 1, 0b010)
        opened = account(MemoryStore(lambda: NOON), policy(budget(None), seats))
        assert await opened.open(PAID) is None
        assert opened.output_cap is None
        await opened.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("model", "request_", "cap", "held"),
    [
        # Known from the model: sent, and held.
        (PAID, REQUEST, 100, 100),
        (replace(PAID, max_output=30_000), REQUEST, 30_000, 30_000),
        (replace(PAID, max_output=30_000, context=20_010), REQUEST, 20_000, 20_000),
        # Known from its context alone: held, and nothing need be sent.
        (replace(PAID, max_output=None, context=8_000), REQUEST, None, 8_000),
        # Known from nothing.
        (replace(PAID, max_output=None), REQUEST, 4_096, 4_096),
        # Set by the policy, or by the request.
        (replace(PAID, default_output=40), REQUEST, 40, 40),
        (replace(PAID, default_output=40), replace(REQUEST, max_tokens=60), 60, 60),
        (PAID, replace(REQUEST, max_tokens=500), 100, 100),
        # A quarter of the budget at the most.
        (replace(PAID, max_output=200_000), REQUEST, 124_995, 124_995),
    ],
)
def test_the_cap_of_an_answer(model: Model, request_: Request, cap: int | None, held: int) -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        found = assemble((model,), (), Vocabulary((), ()), bands=(), meters=(budget(1_000_000),))
        ledger = Accounting(store, clock=lambda: NOON)
        opened = ledger.account(found, situation_of(found, request_, NOON))
        assert await opened.open(model) is None
        assert opened.output_cap == cap
        assert [bucket.held for bucket in await store.balances()] == [10 + 2 * held]
        opened.ended(USED, None, 50)
        await opened.close()

    asyncio.run(main())


@pytest.mark.parametrize(("can", "cap"), [((), 4_096), (("reasoning",), 16_384)])
def test_where_money_is_short_the_answer_is_too(can: tuple[str, ...], cap: int) -> None:
    async def main() -> None:
        model = replace(PAID, max_output=200_000, abilities=frozenset(can))
        found = assemble((model,), (), Vocabulary((), ()), bands=(), meters=(budget(1_000_000),))
        ledger = Accounting(MemoryStore(lambda: NOON), clock=lambda: NOON)
        requests = [REQUEST, REQUEST, REQUEST, replace(REQUEST, max_tokens=100_000), REQUEST]
        accounts = [ledger.account(found, situation_of(found, each, NOON)) for each in requests]
        for each in accounts:
            assert await each.open(model) is None
        caps = [each.output_cap for each in accounts]
        assert caps == [124_995, 124_995, 124_995, 100_000, cap]
        for each in accounts:
            each.ended(USED, None, 50)
            await each.close()

    asyncio.run(main())


def test_a_default_cap_is_sent_where_nothing_is_counted() -> None:
    async def main() -> None:
        model = replace(PAID, default_output=40)
        found = assemble((model,), (), Vocabulary((), ()), bands=(), meters=())
        opened = Accounting(MemoryStore(lambda: NOON)).account(
            found, situation_of(found, REQUEST, NOON)
        )
        assert await opened.open(model) is None
        assert opened.output_cap == 40

    asyncio.run(main())


def test_a_refusal_for_another_reason_is_not_tried_with_less() -> None:
    async def main() -> None:
        model = replace(PAID, max_output=30_000)
        seats = Limit("models", "paid", Metric.CONCURRENT, None, 1, 0b1)
        meters = (budget(1_000_000), seats)
        found = assemble((model,), (), Vocabulary((), ()), bands=(), meters=meters)
        ledger = Accounting(MemoryStore(lambda: NOON), clock=lambda: NOON)
        first = ledger.account(found, situation_of(found, REQUEST, NOON))
        assert await first.open(model) is None
        second = ledger.account(found, situation_of(found, REQUEST, NOON))
        skip = await second.open(model)
        assert skip is not None
        assert "1 of 1 at once" in skip.detail
        first.ended(USED, None, 50)
        await first.close()

    asyncio.run(main())


def test_an_overrun_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        model = replace(PAID, context=1_000)
        found = assemble((model,), (), Vocabulary((), ()), bands=(), meters=(budget(3000),))
        ledger = Accounting(store, clock=lambda: NOON)
        for used, overrun, cost in (
            (USED, False, 50),
            (Usage(10, 300), True, 610),
            (Usage(900_000_000, 50), True, 1_000 + 100),
        ):
            opened = ledger.account(found, situation_of(found, REQUEST, NOON))
            assert await opened.open(model) is None
            caplog.clear()
            opened.ended(used, None, 50)
            await opened.close()
            assert opened.overrun is overrun
            assert ("more than was reserved" in caplog.text) is overrun
            assert opened.actual is not None
            assert opened.actual.cost == cost

    asyncio.run(main())


def test_midnight_between_the_clock_and_the_store() -> None:
    """The store's clock is what counts: its day, its counters."""

    async def main() -> None:
        now = NOON + 43_200.5
        store = MemoryStore(lambda: now)
        opened = account(store, policy(budget(3000)))
        assert await opened.open(PAID) is None
        assert [str(b.key) for b in await store.balances()] == ["budgets/team|usd|day|2026-11-19|-"]
        opened.ended(USED, None, 5)
        await opened.close()

    asyncio.run(main())


def test_a_store_whose_clock_never_agrees() -> None:
    async def main() -> None:
        store = Broken(answers=[Stale(NOON)] * 3)
        skip = await account(store, policy(budget(3000))).open(PAID)
        assert skip is not None
        assert skip.reason == "state"

    asyncio.run(main())


def test_without_a_store_nothing_that_counts_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Broken()
        found = policy(budget(3000))
        opened = account(store, found)
        assert await opened.open(PAID) is None
        store.down = True
        opened.ended(USED, None, 5)
        skip = await opened.open(DEAR)
        assert skip is not None
        assert (skip.reason, skip.detail) == ("state", "nobody there")
        await opened.close()  # cannot be settled either: the hold expires by itself
        assert "could not be settled" in caplog.text
        ledger = Accounting(store, clock=lambda: NOON)
        with caplog.at_level(logging.WARNING):
            used = await ledger.readings(found, situation_of(found, REQUEST, NOON))
        assert used == {CounterKey.parse("budgets/team|usd|day||-"): None}

    asyncio.run(main())


def test_what_falls_under_no_meter_is_in_the_ledger_too() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        opened = account(store, policy(budget(3000, then=WhenExhausted.FREE_ONLY)))
        assert await opened.open(FREE) is None
        assert opened.output_cap is None
        opened.ended(Usage(), Failure(FailureKind.SERVER_ERROR, status=500), 0)
        assert await opened.open(PAID) is None
        opened.ended(USED, None, 50)
        assert await opened.open(FREE) is None
        opened.ended(USED, None, 50)
        await opened.close()
        day = CounterKey.parse("budgets/team|usd|day|2026-11-18|-")
        assert [(r.about.model, r.cost, r.tokens_in, r.keys) for r in await rows(store)] == [
            ("free", 0, 0, ()), ("paid", 50, 10, (day,)), ("free", 0, 10, ()),
        ]  # fmt: skip
        assert await store.audit() == ()
        silent = account(store, policy())
        assert await silent.open(FREE) is None
        silent.ended(USED, None, 50)
        await silent.close()
        assert len(await rows(store)) == 3

    asyncio.run(main())


@pytest.mark.parametrize(
    "answers", [[], [Unavailable("resting", 1.0)], [Stale(NOON)] * 3], ids=["down", "rests", "odd"]
)
def test_what_falls_under_no_meter_needs_no_store(answers: list[Any]) -> None:
    async def main() -> None:
        store = Broken(down=not answers, answers=answers)
        found = policy(budget(3000, then=WhenExhausted.FREE_ONLY))
        opened = account(store, found)
        assert await opened.open(FREE) is None
        opened.ended(USED, None, 50)
        assert opened.actual is not None
        assert opened.actual.tokens == 30
        await opened.close()
        assert await rows(store) == []

    asyncio.run(main())


def test_what_a_store_missed_is_settled_in_the_end() -> None:
    async def main() -> None:
        store = Broken()
        opened = account(store, policy(budget(3000, then=WhenExhausted.FREE_ONLY)))
        assert await opened.open(PAID) is None
        opened.ended(USED, Failure(FailureKind.STREAM_BROKEN), 5)
        store.down = True
        assert await opened.open(FREE) is None
        opened.ended(USED, None, 50)
        store.down = False
        await opened.close()
        assert [(r.about.model, r.cost) for r in await rows(store)] == [("paid", 50)]

    asyncio.run(main())


def test_a_store_that_says_it_is_out_of_reach() -> None:
    async def main() -> None:
        store = Broken(answers=[Unavailable("resting", 1.0)])
        skip = await account(store, policy(budget(3000))).open(PAID)
        assert skip is not None
        assert (skip.reason, skip.detail) == ("state", "resting")

    asyncio.run(main())


def test_readings_are_of_the_counters_that_matter() -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        each = Limit("limits", "each", Metric.REQUESTS, Period.DAY, 5, 0b111, per="user")
        found = policy(budget(None), each)
        ledger = Accounting(store, clock=lambda: NOON)
        opened = ledger.account(found, situation_of(found, REQUEST, NOON))
        await opened.open(PAID)
        opened.ended(USED, None, 5)
        await opened.close()
        readings = await ledger.readings(found, situation_of(found, REQUEST, NOON))
        assert readings == {CounterKey.parse("limits/each|requests|day||ada"): Reading(1)}
        for other in (policy(budget(None)), policy()):
            assert await ledger.readings(other, situation_of(other, REQUEST, NOON)) == {}
        assert await ledger.readings(found, situation_of(found, Request(task="?"), NOON)) == {}

    asyncio.run(main())


def test_a_running_attempt_keeps_its_hold() -> None:
    async def main() -> None:
        now = NOON
        store = Broken(clock=lambda: now)
        beats: asyncio.Queue[float] = asyncio.Queue()

        def later(seconds: float, call: Callable[[], None]) -> asyncio.Handle:
            nonlocal now
            now += seconds
            beats.put_nowait(seconds)
            return asyncio.get_running_loop().call_soon(call)

        crossed: list[tuple[float, str | None, str]] = []

        def on_crossing(crossing: Crossing, request_id: str | None, revision: str) -> None:
            crossed.append((crossing.share, request_id, revision))

        ledger = Accounting(store, clock=lambda: now, later=later, on_crossing=on_crossing)
        own = policy(budget(3000, warn_at=(0.1,)))
        opened = ledger.account(own, situation_of(own, REQUEST, NOON), request_id="id")
        await opened.open(DEAR)
        for beat in range(12):
            store.down = beat == 3  # the next beat makes up for it
            assert await beats.get() == LEASE / 3
        store.down = False
        opened.ended(USED, None, 5)
        await opened.close()
        assert now > NOON + LEASE
        assert [(r.kind, r.cost) for r in await rows(store)] == [(EntryKind.SETTLE, 500)]
        assert crossed == [(0.1, "id", own.revision)]

    asyncio.run(main())


def test_a_hold_that_the_store_does_not_know_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        opened = account(store, policy(budget(3000)))
        await opened.open(PAID)
        (held,) = store._ledger.holds
        del store._ledger.holds[held]
        assert (await store.release(held)).ended is Ended.UNKNOWN
        opened.ended(USED, None, 5)
        await opened.close()
        assert "does not know the hold" in caplog.text

    asyncio.run(main())


def test_settling_outlives_a_cancelled_request() -> None:
    async def main() -> None:
        class Slow(Broken):
            async def settle(self, hold_id: str, actual: Settlement) -> Any:
                await asyncio.sleep(0.05)
                return await super().settle(hold_id, actual)

        store = Slow()
        ledger = Accounting(store, clock=lambda: NOON)
        found = policy(budget(3000))
        opened = ledger.account(found, situation_of(found, REQUEST, NOON))
        await opened.open(PAID)
        opened.ended(USED, None, 5)
        closing = asyncio.ensure_future(opened.close())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await ledger.aclose()
        assert [r.kind for r in await rows(store)] == [EntryKind.SETTLE]

    asyncio.run(main())


@pytest.mark.parametrize("fact", ["tenant", "user", "team", "key"])
def test_what_the_ledger_keeps_of_a_name_is_bounded_and_no_key(fact: str) -> None:
    async def main() -> None:
        store = MemoryStore(lambda: NOON)
        each = Limit("limits", "each", Metric.REQUESTS, Period.DAY, 5, 0b111, per=fact)
        found = policy(budget(None), each)
        names = ("sk-short", "sk-" + "x" * 100_000, "sk-" + "x" * 100_001)
        for name in names:
            who: dict[str, Any] = {fact: name}
            asked = replace(REQUEST, **who)
            opened = Accounting(store, clock=lambda: NOON).account(
                found, situation_of(found, asked, NOON)
            )
            await opened.open(PAID)
            opened.ended(USED, None, 5)
            await opened.close()
        kept = [getattr(row.about, fact) for row in await rows(store)]
        assert len(set(kept)) == 3
        assert max(map(len, kept)) <= 128
        assert ("sk-short" in kept) is (fact != "key")
        assert "sk-" not in "".join(kept) or fact != "key"
        assert {str(b.key) for b in await store.balances()} >= {
            f"limits/each|requests|day|2026-11-18|{each}" for each in kept
        }

    asyncio.run(main())


def test_a_threshold_that_is_passed_is_reported_whatever_follows() -> None:
    """The reservation of a full answer settles the attempt before it and has no room; that of a
    shorter answer has."""

    async def main() -> None:
        store = Broken()
        crossed: list[float] = []
        ledger = Accounting(
            store, clock=lambda: NOON, on_crossing=lambda c, *_: crossed.append(c.share)
        )
        long = replace(PAID, max_output=10_000)
        limit = replace(budget(10_000_000), models=1)
        own = assemble((long,), (), Vocabulary((), ()), bands=(), meters=(limit,))
        refusal = Refusal(limit.key(), 100, 90, 20, None)
        crossing = Crossing(limit.key(), 0.8, 90, 100)
        store.answers = [Refused((refusal,), (crossing,))]
        opened = ledger.account(own, situation_of(own, REQUEST, NOON))
        assert await opened.open(long) is None
        assert opened.output_cap == long.output_cap(None)  # the shorter answer
        assert crossed == [0.8]

    asyncio.run(main())
