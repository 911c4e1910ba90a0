"""A report as one page of HTML that can be mailed and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from policy_router.views.html.budgets import budgets
from policy_router.views.html.document import Panel, standalone
from policy_router.views.html.failures import failures
from policy_router.views.html.figures import note
from policy_router.views.html.markup import element, join
from policy_router.views.html.spend import spend
from policy_router.views.html.tables import table
from policy_router.views.report import caution, headline
from policy_router.views.report_tables import tables

if TYPE_CHECKING:
    from policy_router.reports.report import TrafficReport
    from policy_router.views.html.markup import Markup
    from policy_router.views.report_tables import ReportTable


def report_page(report: TrafficReport) -> str:
    """Return a page without scripts.

    Args:
        report: What it shows.
    """
    zone = ZoneInfo(report.timezone)
    panels = [
        Panel("spend", "Spend", spend(report), caution(report), wide=True),
        Panel("budgets", "Budgets and quotas", _budgets(report, zone)),
        Panel("failures", "Failures", failures(report)),
    ]
    drawn = {"Saved", "Failures", "Denied", "Cooldowns", "Budgets and quotas"}
    panels += [
        Panel(f"table-{place}", each.title, _shown(each), wide=True)
        for place, each in enumerate(tables(report))
        if each.title not in drawn
    ]
    return standalone(f"Report of {report.policy}", headline(report), panels)


def _budgets(report: TrafficReport, zone: ZoneInfo) -> Markup:
    if not report.forecasts:
        return element("p", "No budget or quota has been counted.", class_="empty")
    return budgets(report.forecasts, report.until, zone)


def _shown(each: ReportTable) -> Markup:
    columns = [place for place in range(len(each.head)) if place != each.bar]
    head, *rows = ([row[place] for place in columns] for row in (each.head, *each.rows))
    right = frozenset(columns.index(place) for place in each.right)
    shown = table(head, rows, caption=each.title, right=right)
    return join([shown, note(each.note)]) if each.note else element("div", shown)
