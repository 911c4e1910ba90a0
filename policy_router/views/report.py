"""Renders a report for people: as lines, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd
from policy_router.views.lines import Table
from policy_router.views.markdown import markdown_text
from policy_router.views.report_json import figures_as_json
from policy_router.views.report_tables import tables
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from policy_router.reports.report import Figures, TrafficReport
    from policy_router.views.lines import Block
    from policy_router.views.report_tables import ReportTable


def headline(report: TrafficReport) -> str:
    """Return which policy and which time a report is about."""
    zone = ZoneInfo(report.timezone)
    since, until = (spell_time(each, 0.0, zone) for each in (report.since, report.until))
    return f"policy {printable(report.policy)} @{report.revision[:7]}, {since} to {until}"


def caution(report: TrafficReport) -> str:
    """Return what the journal does not have of the time; empty for nothing."""
    if report.begins is None:
        return "no call was sent in this time"
    if report.begins - report.since > _DAY:
        zone = ZoneInfo(report.timezone)
        return f"the journal begins {spell_time(report.begins, 0.0, zone)}"
    return ""


_DAY = 86_400.0


def as_lines(report: TrafficReport) -> list[Block]:
    """Return tables of everything that a report has."""
    lines: list[Block] = [[(headline(report), "bold")]]
    if caution(report):
        lines.append([(caution(report), "yellow")])
    if report.begins is None and not report.forecasts:
        return lines
    for table in tables(report):
        rows = [[printable(cell) for cell in row] for row in table.rows[: table.most]]
        head = [list(table.head)] if any(table.head) else []
        shown = Table([*head, *rows], header=bool(head), indent=2, right=table.right)
        lines += ["", [(table.title, "bold")], shown]
        if len(rows) < len(table.rows):
            more = len(table.rows) - len(rows)
            lines.append([(f"  and {more:,} more, which --json and --markdown show", "dim")])
        if table.note:
            lines.append([(f"  {printable(table.note)}", "dim")])
    return lines


def as_markdown(report: TrafficReport) -> str:
    """Return the same as tables in Markdown."""
    parts = [f"# {markdown_text(headline(report))}\n"]
    if caution(report):
        parts.append(f"{markdown_text(caution(report))}\n")
    if report.begins is not None or report.forecasts:
        parts += map(_markdown_table, tables(report))
    return "\n".join(parts)


def _markdown_table(table: ReportTable) -> str:
    lines = [f"## {markdown_text(table.title)}", ""]
    rules = ("---:" if place in table.right else "---" for place in range(len(table.head)))
    rows = (map(markdown_text, table.head), rules, *(map(markdown_text, row) for row in table.rows))
    lines += [f"| {' | '.join(row)} |" for row in rows]
    if table.note:
        lines += ["", markdown_text(table.note)]
    return "\n".join(lines) + "\n"


def as_csv(report: TrafficReport) -> str:
    """Return the groups, or else the total, as rows; what is saved against a baseline has columns
    of its own. Groups that are not shown are one row, so that columns add up to the total."""
    rows = [_csv_row(each, report) for each in report.groups or (report.total,)]
    if report.others is not None:
        rows.append(_csv_row(replace(report.others, key=f"{report.omitted} others"), report))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _csv_row(figures: Figures, report: TrafficReport) -> dict[str, object]:
    values = figures_as_json(figures)
    row: dict[str, object] = {report.by or "key": _csv_cell(figures.key or "")}
    for name, value in values.items():
        if isinstance(value, dict):
            row |= {f"{name}_{part}": number for part, number in value.items()}
        elif name not in ("key", "savings"):
            row[name] = value
    for each in figures.savings:
        saved = "" if each.saved is None else format_usd(each.saved)
        row[_csv_cell(f"saved_usd against {each.baseline}")] = saved
    return row


def _csv_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    plain = printable(text)
    return f"'{plain}" if plain[:1] in ("=", "+", "-", "@", "\t", "\r") else plain
