"""What was spent, how much of it was free, and what was saved against each baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.money import NANO_PER_USD, spell_usd
from policy_router.views.html.charts import legend, parts_bar
from policy_router.views.html.figures import KeyFigure, figures, note
from policy_router.views.html.markup import element, join
from policy_router.views.html.series import Series, time_series
from policy_router.views.html.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.reports.report import Figures, Saving, TierShare, TrafficReport
    from policy_router.views.html.markup import Markup

_CENT: Final = NANO_PER_USD // 100


def spell_money(amount: int) -> str:
    """Write nano-USD for people: with cents from a dollar on, else with as many digits as say
    something."""
    if abs(amount) >= NANO_PER_USD:
        return f"{'-' if amount < 0 else ''}${abs(amount) / NANO_PER_USD:,.2f}"
    return spell_usd(round(amount, -5) if abs(amount) >= _CENT else amount)


def spend(report: TrafficReport, moments: Sequence[float] = ()) -> Markup:
    """Return what requests cost and what that saved.

    Args:
        report: The report; where it is grouped by days or hours, its costs are drawn over time.
        moments: The Unix time of each of these groups.
    """
    total = report.total
    if not total.requests:
        return element("p", "No request has ended in this time.", class_="empty")
    parts = [
        figures([*_costs(total), *(_saved(each) for each in total.savings)]),
        _tiers(report.tiers),
    ]
    if len(moments) == len(report.groups) and len(moments) > 1:
        costs = tuple(group.cost / NANO_PER_USD for group in report.groups)
        labels = [group.key or "" for group in report.groups]
        title = f"spent by {report.by}, US dollars"
        parts.append(
            time_series(moments, labels, [Series("spent", costs)], caption=title, unit="$")
        )
    if total.savings:
        parts.append(_savings(total.savings))
    return join(parts)


def _costs(total: Figures) -> list[KeyFigure]:
    share = total.free_share
    paid = total.answers - total.free_answers - total.unpriced_answers
    sizes: list[tuple[str, float]] = [
        ("part-free", total.free_answers),
        ("part-paid", paid),
        ("part-other", total.unpriced_answers),
    ]
    label = (
        f"{total.free_answers:,} free, {paid:,} paid, {total.unpriced_answers:,} of unknown price"
    )
    unsure = f", {total.unsure:,} at most" if total.unsure else ""
    return [
        KeyFigure("spent", spell_money(total.cost), f"{total.calls:,} calls{unsure}"),
        KeyFigure(
            "free answers",
            "-" if share is None else f"{share:.0%}",
            f"{total.free_answers:,} of {total.answers:,}",
            drawing=parts_bar(sizes, label),
        ),
    ]


def _saved(saving: Saving) -> KeyFigure:
    against = f"against {saving.model}" if not saving.fair else "against the cheapest that fits"
    if saving.saved is None:
        return KeyFigure(f"saved, {saving.baseline}", "unknown", f"{against}: its price is unknown")
    if not saving.compared:
        why = f"none of {saving.unknown:,} answers can be compared"
        return KeyFigure(f"saved, {saving.baseline}", "-", f"{against}: {why}")
    part = ""
    if saving.unknown:
        part = f"; of {saving.compared:,} of {saving.compared + saving.unknown:,} answers"
    if saving.saved < 0:
        more = f"more than {against.removeprefix('against ')} would have cost{part}"
        return KeyFigure(f"not saved, {saving.baseline}", spell_money(-saving.saved), more, "bad")
    share = "" if saving.share is None else f", {saving.share:.0%}"
    return KeyFigure(
        f"saved, {saving.baseline}", spell_money(saving.saved), f"{against}{share}{part}", "good"
    )


def _tiers(tiers: Sequence[TierShare]) -> Markup | None:
    if not tiers:
        return None
    styles = ("part-free", "part-paid", "part-other")
    sized = [(styles[place % 3], float(tier.answers)) for place, tier in enumerate(tiers)]
    keys = [
        (styles[place % 3], f"{tier.tier or 'unknown'} {tier.share:.0%}")
        for place, tier in enumerate(tiers)
    ]
    label = ", ".join(text for _, text in keys)
    return element("div", element("h3", "tiers"), parts_bar(sized, label), legend(keys))


def _savings(savings: Sequence[Saving]) -> Markup:
    sentence = (
        "Each baseline answers every compared request once, at list prices and with the tokens that"
        " were measured."
    )
    if any(not each.fair for each in savings):
        sentence += (
            " One model for everything is a flattering baseline where it is more expensive than"
            " what the requests need; the cheapest that fits is a fair one."
        )
    rows = [
        [
            each.baseline,
            each.model,
            "fair" if each.fair else "flattering",
            "unknown" if each.cost is None else spell_money(each.cost),
            spell_money(each.spent),
            f"{each.compared:,}",
            f"{each.unknown:,}",
        ]
        for each in savings
    ]
    head = ["baseline", "model", "", "would cost", "spent", "compared", "not comparable"]
    shown = table(head, rows, caption="baselines", right=frozenset({3, 4, 5, 6}))
    return element("details", element("summary", "baselines"), shown, note(sentence), class_="more")
