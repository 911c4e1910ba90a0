"""Budgets and quotas: what is spent and held, and when it will be used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.views.html.charts import bar, legend
from policy_router.views.html.figures import badge
from policy_router.views.html.markup import element, join
from policy_router.views.html.spend import spell_money
from policy_router.views.html.tables import table
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from policy_router.reports.report import Forecast
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

_SOON: Final = 0.8
"""Share from which on a count that does not last is marked."""


def budgets(forecasts: Sequence[Forecast], now: float, zone: ZoneInfo) -> Markup:
    """Return budgets and quotas, the fullest first.

    Args:
        forecasts: What each shows.
        now: Unix time.
        zone: Time zone in which times are written.
    """
    if not forecasts:
        return element("p", "The policy caps nothing.", class_="empty")
    rows = [_row(each, now, zone) for each in sorted(forecasts, key=lambda each: -each.share)]
    shown = table(
        ["", "used", "of", "", "held", "forecast"],
        rows,
        caption="budgets and quotas",
        right=frozenset({1, 2, 4}),
    )
    keys = [
        ("good", "spent"),
        ("held", "held for requests under way"),
        ("forecast", "by the end of the window at this pace"),
    ]
    return join([shown, legend(keys)])


def _row(forecast: Forecast, now: float, zone: ZoneInfo) -> list[Content]:
    whose = "" if forecast.subject is None else f" · {forecast.subject}"
    held, cap = forecast.held or 0, forecast.cap or 1
    name = element(
        "span",
        f"{forecast.name}{whose}",
        " ",
        element(
            "span", f"{forecast.section}, {forecast.metric}, {forecast.window}", class_="place"
        ),
    )
    expected = 0.0
    if forecast.left_over is not None:
        expected = (forecast.cap - forecast.left_over) / cap
    elif forecast.empty_at is not None:
        expected = 1.0
    label = f"{forecast.share:.0%} of {forecast.name} is used"
    spent = (forecast.used - held) / cap
    return [
        name,
        _amount(forecast, forecast.used),
        _amount(forecast, forecast.cap),
        bar(spent, label, held=held / cap, forecast=expected),
        _amount(forecast, held) if held else "",
        _expected(forecast, now, zone),
    ]


def _amount(forecast: Forecast, amount: int) -> str:
    return spell_money(amount) if forecast.metric == "usd" else f"{amount:,}"


def _expected(forecast: Forecast, now: float, zone: ZoneInfo) -> Markup:
    resets = ""
    if forecast.resets is not None:
        resets = f"resets {spell_time(forecast.resets, now, zone)}"
    if forecast.share >= 1:
        return join([badge("used up", "bad"), " ", resets])
    if forecast.empty_at is not None:
        tone = "bad" if forecast.share >= _SOON else "warn"
        gone = badge(f"used up about {spell_time(forecast.empty_at, now, zone)}", tone)
        return join([gone, " ", resets])
    if forecast.left_over is not None:
        left = f"{_amount(forecast, forecast.left_over)} left over"
        return join([badge("lasts", "good"), f" {left}, {resets}"])
    return element("span", resets or "no fixed end", class_="muted")
