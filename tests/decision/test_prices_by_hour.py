"""The order by cost, the estimates and the constraint `max_cost` follow the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.order.price_periods import PricePeriods
from policy_router.decision.order.ranking import Rankings
from policy_router.domain.facts import Vocabulary
from policy_router.domain.hours import EVERY_DAY, Hours
from policy_router.domain.limits import Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests.generate import assemble

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

MILLION = 10**6
FLAT = Price(2 * MILLION, 4 * MILLION)
HIGH = Price(3 * MILLION, 6 * MILLION, image=9 * MILLION)
PEAK = Price(
    MILLION, 2 * MILLION, by_hour=((Hours(60, 240, EVERY_DAY, ZoneInfo("Asia/Tokyo")), HIGH),)
)
BUDGET = Limit("budgets", "all", Metric.USD, Period.DAY, None, 0b1111)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NIGHT, NOON = at("2026-11-29T17:00"), at("2026-11-29T12:00")  # 2:00 and 21:00 in Tokyo
EDGE = at("2026-11-29T16:00")


def policy(*prices: Price, prefer: tuple[SortKey, ...] = (SortKey.CHEAPEST,)) -> Policy:
    models = tuple(
        Model(f"m{i}", f"openai/m{i}", "light", 0, price) for i, price in enumerate(prices)
    )
    return assemble(models, (), Vocabulary((), ()), bands=(), prefer=prefer, meters=(BUDGET,))


def order(found: Policy, now: float | None, **request: object) -> list[str]:
    asked = Request(tokens=100, max_tokens=100, **request)  # type: ignore[arg-type]  # typed by it
    return [c.name for c in decide(found, asked, Snapshot(now)).candidates]


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (NOON, ["m1", "m0"]),
        (EDGE - 1, ["m1", "m0"]),
        (EDGE, ["m0", "m1"]),
        (NIGHT, ["m0", "m1"]),
        (None, ["m1", "m0"]),
    ],
)
@pytest.mark.parametrize("prefer", [None, ("cheapest", "same_model"), ("spread", "cheapest")])
def test_the_cheapest_of_now_comes_first(
    now: float | None, names: list[str], prefer: tuple[str, ...] | None
) -> None:
    assert order(policy(FLAT, PEAK), now, prefer=prefer) == names


def test_keys_of_the_moment_go_with_prices_of_the_moment() -> None:
    found = policy(FLAT, PEAK, prefer=(SortKey.CHEAPEST, SortKey.SPREAD))
    for session in "abc":
        assert order(found, NOON, session=session) == ["m1", "m0"]
        assert order(found, NIGHT, session=session) == ["m0", "m1"]


def test_fees_count_in_the_order() -> None:
    dear, plain = Price(MILLION, MILLION, fee=10**6), Price(10 * MILLION, 10 * MILLION)
    assert order(policy(dear, plain), None) == ["m1", "m0"]
    pictured = Price(MILLION, MILLION, image=10**6)
    assert order(policy(pictured, plain), None) == ["m0", "m1"]
    assert order(policy(pictured, plain), None, pictures=1) == ["m1", "m0"]
    assert order(policy(pictured, plain), None, thumbnails=1) == ["m1", "m0"]


def test_with_fees_free_models_are_first_and_unknown_prices_last() -> None:
    models = (
        Model("unknown", "openai/a", "light", 0),
        Model("paid", "openai/b", "light", 0, Price(MILLION, MILLION, fee=1)),
        Model("heavy", "ollama_chat/a", "light", 0, FREE_PRICE, True, weight=2.0),
        Model("light", "ollama_chat/b", "light", 0, FREE_PRICE, True),
    )
    found = assemble(
        models, (), Vocabulary((), ()), bands=(), prefer=(SortKey.CHEAPEST,), meters=(BUDGET,)
    )
    assert order(found, None) == ["light", "heavy", "paid", "unknown"]


def test_among_free_models_the_lowest_weight_comes_first() -> None:
    models = (
        Model("paid", "openai/a", "light", 0, Price(0, 0)),
        Model("heavy", "ollama_chat/a", "light", 0, FREE_PRICE, True, weight=2.5),
        Model("usual", "ollama_chat/b", "light", 0, FREE_PRICE, True),
        Model("light", "ollama_chat/c", "light", 0, FREE_PRICE, True, weight=0.5),
        Model("same", "ollama_chat/d", "light", 0, FREE_PRICE, True, weight=0.5),
    )
    rankings = Rankings(models, ("light",), (SortKey.CHEAPEST,))
    found = rankings.candidates(0b11111, 0, (), (SortKey.CHEAPEST,), 10, 10)
    assert [(c.name, c.placed_by) for c in found] == [
        ("light", "written order"), ("same", "written order"), ("usual", "cheapest"),
        ("heavy", "cheapest"), ("paid", "cheapest"),
    ]  # fmt: skip


def test_estimates_and_their_constraint_are_those_of_now() -> None:
    found = policy(PEAK)
    request = Request(tokens=10_000, max_tokens=10_000, max_cost=0.00005)
    low, high = (decide(found, request, Snapshot(now)) for now in (NOON, NIGHT))
    model = found.models[0]
    assert [f"{each.cost_usd(model):f}" for each in (low, high)] == ["0.00003", "0.00009"]
    assert [c.name for c in low.candidates] == ["m0"]
    assert [s.detail for s in high.skipped] == [
        "estimated at $0.00009, above the `max_cost` of $0.00005"
    ]
    assert low.as_dict()["candidates"] == [
        {**low.candidates[0].as_dict(request, NOON), "price_until": "2026-11-29T16:00:00+00:00"}
    ]
    assert high.now == NIGHT
    assert decide(policy(FLAT), request, Snapshot(NIGHT)).now is None


def test_a_time_outside_the_calendar_makes_the_request_invalid() -> None:
    assert decide(policy(PEAK), Request(), Snapshot(1e300)).invalid
    assert not decide(policy(FLAT), Request(), Snapshot(1e300)).invalid


def test_a_period_is_worked_out_once() -> None:
    models = policy(PEAK).models
    periods = PricePeriods(models)
    noon, night = periods.at(NOON), periods.at(NIGHT)
    assert night is not noon
    assert periods.at(NIGHT + 60) is night
    assert periods.at(NOON + 86_400) is noon
    assert [m.price for m in night.models] == [HIGH]
    assert periods.at(None).models == models


def test_periods_that_are_kept_start_over_when_they_are_too_many() -> None:
    hours = [Hours(i, i + 1, EVERY_DAY, ZoneInfo("UTC")) for i in range(300)]
    price = Price(1, 1, by_hour=tuple((each, Price(i, i)) for i, each in enumerate(hours)))
    models = policy(price).models
    periods, rankings = PricePeriods(models), Rankings(models, ("light",), (SortKey.CHEAPEST,))
    midnight = at("2026-11-30T00:00")
    for i in range(300):
        (model,) = periods.at(midnight + 60 * i).models
        assert model.price == Price(i, i)
        now = midnight + 60 * i
        assert rankings.candidates(1, 0, (), (SortKey.CHEAPEST,), 1, 1, None, now)
    assert len(periods._periods) <= periods.KEPT
    assert len(rankings._by_period) <= rankings.PERIODS


@given(st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=5))
def test_the_period_does_not_depend_on_what_was_asked_before(offsets: list[int]) -> None:
    models = policy(PEAK, FLAT).models
    asked = PricePeriods(models)
    for offset in offsets:
        now = EDGE + offset
        assert asked.at(now).models == PricePeriods(models).at(now).models
        assert asked.at(now).models[0].price == PEAK.at(now)
