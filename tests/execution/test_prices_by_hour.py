"""Attempts around the edge of a price by the hour: what is held, and what is charged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router import Router
from policy_router.decision.facts import situation_of
from policy_router.domain.facts import Vocabulary
from policy_router.domain.hours import EVERY_DAY, Hours
from policy_router.domain.limits import LEASE, Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import Price
from policy_router.domain.request import Request
from policy_router.execution.accounting import Accounting
from policy_router.ledger.memory import MemoryStore
from policy_router.live.policy_compiler import compile_policy
from policy_router.live.reload import Live
from policy_router.providers.answers.chat import Usage
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.simulated import Say, Simulated
from tests.generate import assemble

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.ledger.store import Settlement

NOON = 1_795_003_200.0  # 2026-11-18, 12:00 UTC
DAY = 86_400
UTC = ZoneInfo("UTC")
LOW = Price(1_000_000, 2_000_000, image=5)
HIGH = Price(3_000_000, 6_000_000, image=7)
PEAK = Price(
    LOW.input, LOW.output, image=5, by_hour=((Hours(12 * 60, 13 * 60, EVERY_DAY, UTC), HIGH),)
)
MODEL = Model("peaks", "openai/a", "light", 0, PEAK, max_output=100)
REQUEST = Request(tokens=10, pictures=1, thumbnails=2, max_tokens=100)
USED = Usage(10, 20)
LONGEST = 90.0
"""The deadline of the policy, 60 s, and a lease."""


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


def policy(price: Price = PEAK, cap: int | None = None) -> Policy:
    model = Model("peaks", "openai/a", "light", 0, price, max_output=100)
    budget = Limit("budgets", "all", Metric.USD, Period.DAY, cap, 1)
    return assemble((model,), (), Vocabulary((), ()), bands=(), meters=(budget,))


async def attempt(
    found: Policy, reserved: float, sent: float, usage: Usage, failure: Failure | None = None
) -> tuple[int, Settlement, bool]:
    """What an attempt holds, what it is charged, and whether that is more than was held."""
    clock = Clock(reserved)
    store = MemoryStore(clock)
    accounting = Accounting(store, clock=clock)
    account = accounting.account(found, situation_of(found, REQUEST, reserved))
    assert await account.open(found.models[0]) is None
    (balance,) = await store.balances()
    clock.now = sent + 2
    account.ended(usage, failure, 50, sent)
    await account.close()
    assert account.actual is not None
    (after,) = await store.balances()
    assert (after.held, after.spent) == (0, account.actual.cost)
    return balance.held, account.actual, account.overrun


def fees(price: Price) -> int:
    return 3 * price.image


def cost(price: Price, tokens_out: int) -> int:
    return price.cost(10, tokens_out) + fees(price)


@pytest.mark.parametrize(
    ("reserved", "sent", "held", "charged"),
    [
        (NOON - 3600, NOON - 3600, LOW, LOW),
        (NOON - LONGEST - 1, NOON - LONGEST, LOW, LOW),
        (NOON - LONGEST, NOON - 1, HIGH, LOW),  # it might have been sent at noon
        (NOON - 5, NOON - 0.5, HIGH, LOW),  # answered after noon, sent before
        (NOON - 5, NOON, HIGH, HIGH),
        (NOON, NOON, HIGH, HIGH),
        (NOON + 3599, NOON + 3599, HIGH, HIGH),
        (NOON + 3599, NOON + 3601, HIGH, LOW),
        (NOON + 3600, NOON + 3600, LOW, LOW),
    ],
)
def test_the_highest_price_is_held_and_that_of_sending_is_charged(
    reserved: float, sent: float, held: Price, charged: Price
) -> None:
    was_held, actual, overrun = asyncio.run(attempt(policy(), reserved, sent, USED))
    assert was_held == cost(held, 100)
    assert actual.cost == cost(charged, 20)
    assert not overrun


def test_what_is_not_counted_is_charged_at_the_price_of_sending() -> None:
    lost = Failure(FailureKind.CONNECTION_LOST)
    _, actual, _ = asyncio.run(attempt(policy(), NOON - 5, NOON - 1, Usage(), lost))
    assert (actual.cost, actual.estimated) == (cost(LOW, 100), True)


def test_an_attempt_sent_long_after_its_reservation_is_an_overrun() -> None:
    ((hours, high),) = PEAK.by_hour
    found = policy(replace(PEAK, by_hour=((hours, high.times(10_000)),)))
    held, actual, overrun = asyncio.run(attempt(found, NOON - 3600, NOON, Usage(10, 100)))
    assert actual.cost == cost(high.times(10_000), 100) > held
    assert overrun


def test_a_hold_that_fits_only_at_the_low_price_is_refused_before_the_edge() -> None:
    async def refused(now: float) -> bool:
        found = policy(cap=cost(LOW, 100))
        accounting = Accounting(MemoryStore(lambda: now), clock=lambda: now)
        account = accounting.account(found, situation_of(found, REQUEST, now))
        return await account.open(found.models[0]) is not None

    assert not asyncio.run(refused(NOON - LONGEST - 1))
    assert asyncio.run(refused(NOON - LONGEST))
    assert asyncio.run(refused(NOON))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_moment_of_sending_within_the_lease_costs_more_than_was_held(
    data: st.DataObject,
) -> None:
    rates = st.integers(1, 9).map(lambda n: n * 1_000_000)
    starts = data.draw(st.lists(st.integers(0, 1438), min_size=1, max_size=3))
    by_hour = tuple(
        (
            Hours(start, start + data.draw(st.integers(1, 2)), EVERY_DAY, UTC),
            Price(data.draw(rates), data.draw(rates), fee=data.draw(rates), image=data.draw(rates)),
        )
        for start in starts
    )
    found = policy(Price(data.draw(rates), data.draw(rates), by_hour=by_hour))
    edge = NOON - DAY / 2 + data.draw(st.sampled_from(starts)) * 60
    reserved = edge + data.draw(st.floats(-200, 200))
    sent = reserved + data.draw(st.floats(0, LEASE))
    held, actual, overrun = asyncio.run(attempt(found, reserved, sent, Usage(10, 100)))
    assert actual.cost <= held
    assert not overrun


@pytest.mark.parametrize(("began", "ended"), [(-1.0, 20.0), (3595.0, 3605.0)])
def test_a_stream_across_an_edge_costs_what_it_cost_when_it_began(
    tmp_path: Path, began: float, ended: float
) -> None:
    text = """\
version: 1
models:
  peaks:
    model: openai/peaks
    api_base: "{url}"
    tier: standard
    context: 8k
    price:
      input: $1/M
      output: $2/M
      at: [{{ hours: 12:00-13:00, zone: UTC, input: $3/M, output: $6/M }}]
budgets: {{ all: {{ cap: $1/day }} }}
fallback: {{ first_token_within: 60s, stall: 60s, deadline: 120s }}
"""

    async def main(url: str) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(text.format(url=url))
        clock = Clock(NOON + began)
        store = MemoryStore(clock)
        live = Live(path, compile_policy, watch="off").start()
        async with Router(live, LiteLLMCaller(), store=store, clock=clock) as router:
            stream = await router.acompletion(
                [{"role": "user", "content": "Hello!"}], stream=True, max_tokens=50
            )
            async for _ in stream:
                clock.now = NOON + ended
        (row,) = [row async for row in store.rows()]
        factor = 1 if began < 0 else 3
        tokens_in, tokens_out = row.tokens_in, row.tokens_out
        assert tokens_in
        assert row.cost == factor * 1000 * (tokens_in + 2 * tokens_out)

    with Simulated({"peaks": Say("one two three four")}) as running:
        asyncio.run(main(running.url))
