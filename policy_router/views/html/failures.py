"""Where requests went after failures, why some were denied, and what was suspended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.views.html.charts import legend
from policy_router.views.html.figures import KeyFigure, figures
from policy_router.views.html.flow import Ribbon, flow
from policy_router.views.html.markup import element, join
from policy_router.views.html.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.reports.report import (
        CooldownCount,
        DenialCount,
        FailureFlow,
        TrafficReport,
    )
    from policy_router.views.html.markup import Markup

_TONES: Final[Mapping[str, str]] = {
    "rejected": "warn",
    "empty": "warn",
    "rate_limited": "warn",
    "quota_exhausted": "warn",
}
_NOBODY: Final = "no answer"
_DRAWN: Final = 24
"""Ribbons that are drawn; the rest is in the table."""


def failures(report: TrafficReport) -> Markup:
    """Return the flow of failures, denials and cooldowns of a report."""
    total = report.total
    parts = [
        figures(
            [
                KeyFigure("success", _percent(total.success), f"{total.requests:,} requests"),
                KeyFigure("failed calls", f"{total.failed_calls:,}", f"of {total.calls:,}"),
                KeyFigure("rejected answers", f"{total.rejected_answers:,}", "by checks"),
                KeyFigure(
                    "without an answer", f"{total.failed:,}", None, "bad" * bool(total.failed)
                ),
                KeyFigure("denied", f"{total.denied:,}"),
            ]
        ),
        _flow(report.failures),
        _denials(report.denials),
        _cooldowns(report.cooldowns),
    ]
    return join(parts)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _flow(flows: Sequence[FailureFlow]) -> Markup:
    if not flows:
        return element("p", "No call has failed in this time.", class_="empty")
    ribbons = [
        Ribbon(
            each.source, each.target or _NOBODY, each.times, _TONES.get(each.failure, "bad"),
            each.failure,
        )
        for each in flows[:_DRAWN]
    ]  # fmt: skip
    drawn = flow(ribbons, label="where requests went after failures", from_="failed", to="next")
    rows = [
        [each.source, each.target or _NOBODY, each.failure, f"{each.times:,}"] for each in flows
    ]
    listed = table(
        ["failed", "next", "class", "times"], rows, caption="failures", right=frozenset({3})
    )
    keys = [("bad", "the call failed"), ("warn", "the answer was poor, or a limit was reached")]
    scroll = element(
        "div", drawn, class_="scroll", tabindex=0, role="region", aria_label="flow of failures"
    )
    more = element("details", element("summary", "as a table"), listed, class_="more")
    return element("div", scroll, legend(keys), more)


def _denials(denials: Sequence[DenialCount]) -> Markup | None:
    if not denials:
        return None
    rows = [[each.reason, f"{each.requests:,}"] for each in denials]
    shown = table(["reason", "requests"], rows, caption="denied requests", right=frozenset({1}))
    return element("div", element("h3", "denied before any call"), shown)


def _cooldowns(cooldowns: Sequence[CooldownCount]) -> Markup | None:
    if not cooldowns:
        return None
    rows = [
        [each.name, each.scope, each.cause, f"{each.times:,}", f"{each.seconds:,.0f} s"]
        for each in cooldowns
    ]
    head = ["name", "", "cause", "times", "all together"]
    shown = table(head, rows, caption="cooldowns", right=frozenset({3, 4}))
    return element("div", element("h3", "cooldowns"), shown)
