"""Experiments: each arm against the control, with the interval of the difference."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from policy_router.domain.experiments import Measure
from policy_router.views.experiments import spell_change, spell_mean
from policy_router.views.html.charts import interval
from policy_router.views.html.figures import badge, note
from policy_router.views.html.markup import element, join
from policy_router.views.html.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.experience.comparison import Comparison
    from policy_router.experience.verdicts import ArmReport, ExperimentReport
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

_TONES: Final[Mapping[str, str]] = {"keep": "good", "drop": "bad", "go on": ""}
_LESS_IS_BETTER: Final = frozenset({Measure.COST, Measure.LATENCY})


def experiments(reports: Sequence[ExperimentReport]) -> Markup:
    """Return what each experiment says.

    Args:
        reports: What they say; empty where the policy has none.
    """
    if not reports:
        return element("p", "The policy has no experiments.", class_="empty")
    return join(_experiment(report) for report in reports)


def _experiment(report: ExperimentReport) -> Markup:
    state = badge("over") if report.over else badge("running", "good")
    head = element("h3", report.experiment.name, " ", state)
    sentence = (
        f"by {report.measure.value}; {report.requests:,} requests, {report.control:,} of them in "
        f"the control; the intervals hold with {100 * report.confidence:.6g}% confidence, "
        "however often you look"
    )
    compared = [arm.comparison for arm in report.arms]
    reach = max((abs(end) for c in compared for end in (c.low, c.high) if isfinite(end)), default=0)
    rows = [_row(arm, reach) for arm in report.arms]
    columns = ["arm", "requests", "mean", "control", "difference", "better →", "verdict"]
    shown = table(columns, rows, caption=report.experiment.name, right=frozenset({1, 2, 3, 4}))
    return element("div", head, note(sentence), shown)


def _row(arm: ArmReport, reach: float) -> list[Content]:
    compared = arm.comparison
    ended = "" if arm.ended is None else f" ended: {arm.ended.value}"
    known = isfinite(compared.low)
    return [
        arm.arm.name,
        f"{arm.requests:,}",
        spell_mean(compared.measure, compared.arm) if compared.arm_count else "",
        spell_mean(compared.measure, compared.control) if compared.control_count else "",
        spell_change(compared.measure, compared.difference) if known else "",
        _drawn(compared, reach) if known else element("span", "too few requests", class_="muted"),
        join([badge(arm.verdict.value, _TONES[arm.verdict.value]), ended]),
    ]


def _drawn(compared: Comparison, reach: float) -> Markup:
    ends = [spell_change(compared.measure, end) for end in (compared.low, compared.high)]
    label = f"between {ends[0]} and {ends[1]}"
    low, mean, high = compared.low, compared.difference, compared.high
    if compared.measure in _LESS_IS_BETTER:
        low, mean, high = -high, -mean, -low
    return interval(low, mean, high, reach, label)
