"""Renders what experiments say."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.domain.experiments import CONTROL, Measure
from policy_router.experience.verdicts import EndReason
from policy_router.views.document import document
from policy_router.views.lines import Table, count, help_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.experience.adoption import Adoption
    from policy_router.experience.comparison import Comparison
    from policy_router.experience.verdicts import ArmReport, ExperimentReport
    from policy_router.views.lines import Block, Line


def as_json(
    reports: Iterable[ExperimentReport], adoptions: Mapping[str, Adoption]
) -> dict[str, object]:
    """Return experiments as a JSON document.

    Args:
        reports: What each experiment says.
        adoptions: How to end each experiment that is over, by its name.
    """
    return document(
        experiments=[
            _experiment(report, adoptions.get(report.experiment.name)) for report in reports
        ]
    )


def _experiment(report: ExperimentReport, adoption: Adoption | None) -> dict[str, object]:
    experiment = report.experiment
    return {
        "name": experiment.name,
        "measure": report.measure.value,
        "confidence": report.confidence,
        "until": None if experiment.until is None else experiment.until.isoformat(),
        "requests": report.requests,
        "control": report.control,
        "over": report.over,
        "arms": [_arm(arm) for arm in report.arms],
        "advice": adoption and adoption.advice,
        "patch": adoption and adoption.patch,
        "at": str(experiment.span) if experiment.span else None,
    }


def _arm(arm: ArmReport) -> dict[str, object]:
    return {
        "arm": arm.arm.name,
        "share": arm.arm.share,
        "requests": arm.requests,
        **_comparison(arm.comparison),
        "guards": [_comparison(guard) for guard in arm.guards],
        "verdict": arm.verdict.value,
        "ended": None if arm.ended is None else arm.ended.value,
    }


def _comparison(compared: Comparison) -> dict[str, object]:
    known = isfinite(compared.low)
    return {
        "measure": compared.measure.value,
        "arm_mean": compared.arm if compared.arm_count else None,
        "control_mean": compared.control if compared.control_count else None,
        "arm_count": compared.arm_count,
        "control_count": compared.control_count,
        "difference": compared.difference if known else None,
        "low": compared.low if known else None,
        "high": compared.high if known else None,
    }


def as_lines(reports: Sequence[ExperimentReport], adoptions: Mapping[str, Adoption]) -> list[Block]:
    """Return a table for each experiment: its arms against the control, and what follows.

    Args:
        reports: What each experiment says.
        adoptions: How to end each experiment that is over, by its name.
    """
    if not reports:
        return ["the policy has no experiments"]
    blocks: list[Block] = []
    for report in reports:
        blocks += [_headline(report), _table(report)]
        adoption = adoptions.get(report.experiment.name)
        if adoption is not None:
            blocks.append(help_line(printable(adoption.advice)))
            blocks += [printable(line) for line in adoption.patch.splitlines()]
    return blocks


def _headline(report: ExperimentReport) -> Line:
    experiment = report.experiment
    until = "" if experiment.until is None else f", until {experiment.until.isoformat()}"
    details = (
        f": {report.measure}, {count(report.requests, 'request')}{until}; all intervals hold "
        f"with {100 * report.confidence:.6g}% confidence, however often you look"
    )
    return [(printable(experiment.name), "bold"), (details, "")]


def _table(report: ExperimentReport) -> Table:
    rows: list[tuple[str, ...]] = [
        ("arm", "share", "requests", "mean", "difference", "interval", "verdict", "")
    ]
    rest = 1 - sum(arm.arm.share for arm in report.arms)
    first = report.arms[0].comparison
    shown = spell_mean(report.measure, first.control) if first.control_count else "-"
    rows.append((CONTROL, _share(rest), str(report.control), shown, "", "", "", ""))
    for arm in report.arms:
        rows.append(_row(arm.arm.name, arm, arm.comparison))
        rows += [
            ("", "", "", *_figures(guard), f"guard of {guard.measure}", "")
            for guard in arm.guards
            if guard.measure is not report.measure
        ]
    return Table(rows, header=True, indent=2)


def _share(share: float) -> str:
    return f"{100 * max(0.0, share):.4g}%"


def _row(name: str, arm: ArmReport, compared: Comparison) -> tuple[str, ...]:
    share, requests = _share(arm.arm.share), str(arm.requests)
    end = "" if arm.ended is None else _ENDS[arm.ended]
    return (printable(name), share, requests, *_figures(compared), arm.verdict.value, end)


_ENDS = {
    EndReason.CONFIDENCE: "ended: the result is certain",
    EndReason.GUARD: "ended by a guard",
    EndReason.SAMPLES: "ended: all requests are made",
    EndReason.UNTIL: "ended: its last day is over",
}


def _figures(compared: Comparison) -> tuple[str, str, str]:
    """The mean of the arm, its difference from the control, and the interval of that."""
    mean = spell_mean(compared.measure, compared.arm) if compared.arm_count else "-"
    if not isfinite(compared.low):
        return mean, "-", "too few requests"
    low, high = (spell_change(compared.measure, end) for end in (compared.low, compared.high))
    return mean, spell_change(compared.measure, compared.difference), f"{low.split()[0]} to {high}"


def spell_mean(measure: Measure, value: float) -> str:
    """Write a mean of a measure for people: a share, US dollars or seconds."""
    match measure:
        case Measure.COST:
            return f"${value:.3g}"
        case Measure.LATENCY:
            return f"{value:.3g} s"
        case _:
            return f"{value:.1%}"


def spell_change(measure: Measure, value: float) -> str:
    """Write a difference of two means for people, with its sign."""
    sign = "-" if value < 0 else "+"
    if measure in (Measure.COST, Measure.LATENCY):
        return f"{sign}{spell_mean(measure, abs(value))}"
    return f"{sign}{abs(value) * 100:.1f} points"
