"""Prices by the hour in LiteLLM's table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.catalog.off_peak import off_peak_hours
from policy_router.catalog.table import Catalog, catalog
from policy_router.domain.money import NANO_PER_USD

if TYPE_CHECKING:
    from policy_router.domain.prices import Price

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
ROW: dict[str, Any] = {
    "mode": "chat",
    "litellm_provider": "acme",
    "input_cost_per_token": 3e-07,
    "output_cost_per_token": 1.2e-06,
    "cache_read_input_token_cost": 6e-09,
    "input_cost_per_token_cache_hit": 6e-09,
}
RATES = {
    "input_cost_per_token": 1.5e-07,
    "output_cost_per_token": 6e-07,
    "cache_read_input_token_cost": 3e-09,
}
WEEK = {
    "windows": [
        {
            "hours_utc": ["00:00-01:00", "04:00-06:00", "10:00-00:00"],
            "weekdays": [1, 2, 3, 4, 5],
        },
        {"hours_utc": "00:00-00:00", "weekdays": [6, 7]},
    ]
}


def known(more: dict[str, Any]) -> Price:
    entry = Catalog({"acme/a": {**ROW, **more}}, frozenset(), "made up").find("acme/a")
    assert entry is not None
    assert entry.price is not None
    return entry.price


def is_low(entry: dict[str, Any], hours: float) -> bool:
    """Whether the off-peak rates apply so many hours after the beginning of a Monday."""
    price = known({"off_peak_pricing": {**RATES, **entry}})
    return price.at((MONDAY + timedelta(hours=hours)).timestamp()).input == 150_000_000


@pytest.mark.parametrize(
    ("hours", "low"),
    [(0.5, True), (1, False), (3.9, False), (4, True), (6, False), (10, True), (23.9, True)],
)
def test_windows_on_weekdays(hours: float, low: bool) -> None:
    assert is_low(WEEK, hours) is low
    assert is_low(WEEK, hours + 5 * 24) is True


def test_a_window_past_midnight_is_cut_there() -> None:
    tuesday_only = {"windows": [{"hours_utc": "16:30-00:30", "weekdays": ["tuesday"]}]}
    assert is_low(tuesday_only, 24 + 0.25)
    assert is_low(tuesday_only, 24 + 16.5)
    assert not is_low(tuesday_only, 48 + 0.25)
    assert is_low({"hours_utc": "16:30-00:30"}, 48 + 0.25)


def test_weekdays_of_another_calendar() -> None:
    entry = {
        "windows": [{"hours_utc": "00:00-00:00", "weekdays": [6, 7]}],
        "weekday_timezone": "Asia/Shanghai",
    }
    assert is_low(entry, 4 * 24 + 16)  # Friday in UTC, Saturday in Shanghai
    assert not is_low(entry, 6 * 24 + 16)


def test_all_rates_of_the_window_take_the_place_of_the_usual_ones() -> None:
    price = known({"off_peak_pricing": {**RATES, "hours_utc": "00:00-01:00"}})
    ((_, low),) = price.by_hour
    assert (low.input, low.output, low.cached) == (150_000_000, 600_000_000, 3_000_000)
    assert (price.input, price.output, price.cached) == (300_000_000, 1_200_000_000, 6_000_000)


def test_a_rate_that_is_left_out_is_the_usual_one() -> None:
    some = {"hours_utc": "00:00-01:00", "output_cost_per_token": 6e-07}
    ((_, low),) = known({"off_peak_pricing": some}).by_hour
    assert (low.input, low.output, low.cached) == (300_000_000, 600_000_000, 6_000_000)


def test_uplifts_apply_at_every_hour() -> None:
    more = {"off_peak_pricing": {**RATES, **WEEK}, "regional_endpoint_uplift_multiplier": 1.1}
    price = known(more)
    assert price.input == 330_000_000
    assert {low.input for _, low in price.by_hour} == {165_000_000}


@pytest.mark.parametrize("entry", [None, {}, {**RATES}, {**RATES, "windows": []}])
def test_without_hours_the_usual_rates_apply(entry: dict[str, Any] | None) -> None:
    price = known({"off_peak_pricing": entry})
    assert (price.input, price.by_hour) == (300_000_000, ())


@pytest.mark.parametrize(
    "hours",
    [
        {"hours_utc": "night"},
        {"hours_utc": "25:00-26:00"},
        {"hours_utc": 3},
        {"hours_utc": [3]},
        {"windows": [{"weekdays": [1]}]},
        {"windows": [{"hours_utc": "00:00-01:00", "weekdays": [8]}]},
        {"windows": [{"hours_utc": "00:00-01:00", "weekdays": [True]}]},
        {"windows": [{"hours_utc": "00:00-01:00", "weekdays": ["moonday", "someday"]}]},
        {"windows": ["00:00-01:00"]},
        {"windows": [], "weekday_timezone": "Mars/Olympus"},
    ],
)
def test_of_hours_that_cannot_be_read_the_highest_rates_count(hours: dict[str, Any]) -> None:
    assert off_peak_hours(hours) is None
    price = known({"off_peak_pricing": {**RATES, "input_cost_per_token": 5e-06, **hours}})
    assert (price.input, price.output) == (5 * NANO_PER_USD, 1_200_000_000)
    assert price.by_hour == ()


def test_every_off_peak_price_of_the_installed_table_is_read() -> None:
    for name, row in catalog()._table.items():
        if row.get("off_peak_pricing"):
            entry = catalog().find(name)
            assert entry is not None
            assert entry.price is not None, name
            assert entry.price.by_hour, name
