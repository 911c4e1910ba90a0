"""Which rule applied how often on which day, and which never did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from policy_router.views.html.charts import legend
from policy_router.views.html.figures import badge, note
from policy_router.views.html.heat_map import HeatRow, heat_map
from policy_router.views.html.markup import Markup, element, join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.rules import Rule

_BRIEF: Final = 24
"""Rules that are shown where there is little room."""


@dataclass(frozen=True, slots=True)
class RuleDays:
    """How often rules applied.

    Attributes:
        first: The first day, in UTC.
        days: How many days.
        counts: Requests by the name of the rule and the number of the day, from 0.
    """

    first: datetime
    days: int
    counts: Mapping[tuple[str, int], int]

    def of(self, rule: str) -> tuple[int, ...]:
        """Return the requests of each day that a rule applied to."""
        return tuple(self.counts.get((rule, day), 0) for day in range(self.days))


def rules_by_days(
    policy: Policy, counted: RuleDays, base: str, *, brief: bool = False, only_never: bool = False
) -> Markup:
    """Return rules by days.

    Args:
        policy: The policy.
        counted: How often its rules applied.
        base: The address of the page.
        brief: Whether only some of many rules are shown: those that never applied, then the most
            frequent.
        only_never: Whether only those are shown that never applied.
    """
    if not policy.rules:
        return element("p", "The policy has no rules.", class_="empty")
    rows = [(rule, counted.of(rule.name)) for rule in policy.rules]
    never = sum(not any(counts) for _, counts in rows)
    shown = [row for row in rows if not any(row[1])] if only_never else rows
    if brief and len(shown) > _BRIEF:
        order = sorted(shown, key=lambda row: (any(row[1]), -sum(row[1])))[:_BRIEF]
        shown = [row for row in shown if row in order]
    days = [counted.first + timedelta(days=day) for day in range(counted.days)]
    columns = [(f"{day:%-d}", f"{day:%A, %-d %B}") for day in days]
    drawn = heat_map(
        columns,
        [_row(rule, counts, base) for rule, counts in shown],
        head=f"rule, from {days[0]:%-d %B}",
        caption=f"requests that each rule applied to, in the last {counted.days} days",
        unit="requests",
    )
    keys = [("l1", "few"), ("l3", "more"), ("l5", "most"), ("never", "never applied")]
    more = ""
    if len(shown) < len(rows):
        more = f" {len(shown)} of them are shown here."
    return join(
        [
            element("p", _summary(never, len(rows), counted.days), more),
            drawn,
            legend(keys),
        ]
    )


def _summary(never: int, rules: int, days: int) -> Markup:
    if not never:
        applied = f"Each of the {rules} rules applied in the last {days} days."
        return element("span", applied)
    shown = badge(f"{never} of {rules}", "warn")
    return element("span", shown, f" rules never applied in the last {days} days.")


def _row(rule: Rule, counts: tuple[int, ...], base: str) -> HeatRow:
    note_ = badge("in shadow") if rule.shadow else None
    return HeatRow(
        rule.name,
        counts,
        place=None if rule.span is None else f"{short_name(rule.span.file)}:{rule.span.line}",
        href=None if rule.span is None else source_address(rule.span, base),
        note=note_,
    )


def short_name(file: str) -> str:
    """Return the name of a policy file without its folders."""
    return PurePath(file).name


def source_address(span: Span, base: str) -> str:
    """Return the address of a place in the policy files, on the page.

    Args:
        span: The place.
        base: The address of the page.
    """
    return f"{base}/policy?{urlencode({'file': span.file, 'line': span.line})}#L{span.line}"


def day_of(number: int) -> datetime:
    """Return the beginning of a day that is counted from 1970."""
    return datetime.fromtimestamp(number * 86_400, UTC)


def without_journal() -> Markup:
    """Return what stands in place of everything that needs a journal."""
    return note(
        "This needs the journal of outcomes: serve with ",
        element("code", "--journal sqlite:///journal.db"),
        ".",
    )


def source_text(file: str, text: str, line: int | None) -> Markup:
    """Return a file of the policy with numbered lines.

    Args:
        file: Its name.
        text: Its text.
        line: The line that is marked; None for none.
    """
    lines = text.split("\n")
    width = len(str(len(lines)))
    rows = (
        element(
            "span",
            element("span", f"{number:>{width}}  ", class_="muted", aria_hidden="true"),
            row.rstrip("\r"),
            Markup("\n"),
            id=f"L{number}",
            class_="hit" if number == line else None,
        )
        for number, row in enumerate(lines, start=1)
    )
    return element("pre", element("code", join(rows)), tabindex=0, aria_label=file)
