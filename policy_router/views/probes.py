"""Renders how models answered probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.views.document import document
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.execution.prober import ProbeOutcome
    from policy_router.views.lines import Block, Cell


def as_json(outcomes: Sequence[ProbeOutcome]) -> dict[str, object]:
    """Return an object with one entry for each model that was to be probed."""
    return document(probes=[_entry(each) for each in outcomes])


def _entry(outcome: ProbeOutcome) -> dict[str, object]:
    attempt = None if outcome.call is None else outcome.call.attempt
    cost = None if attempt is None else attempt.cost_nano_usd
    return {
        "model": outcome.model.name,
        "answered": outcome.answered,
        "seconds": None if attempt is None else round(attempt.seconds, 3),
        "failure": None if attempt is None else attempt.failure,
        "status": None if attempt is None else attempt.status,
        "detail": _detail(outcome) or None,
        "tokens_in": None if attempt is None else attempt.tokens_in,
        "tokens_out": None if attempt is None else attempt.tokens_out,
        "cost_usd": None if cost is None else format_usd(cost),
        "skipped": None if outcome.skip is None else outcome.skip.reason.value,
    }


def as_lines(outcomes: Sequence[ProbeOutcome]) -> list[Block]:
    """Return a table of the models that were to be probed."""
    rows: list[tuple[Cell, ...]] = [("model", "outcome", "time", "cost", "detail")]
    for each in outcomes:
        attempt = None if each.call is None else each.call.attempt
        cost = None if attempt is None else attempt.cost_nano_usd
        rows.append(
            (
                printable(each.model.name),
                outcome_of(each),
                "" if attempt is None else f"{attempt.seconds:.2f} s",
                "" if cost is None else spell_usd(cost),
                printable(_detail(each)),
            )
        )
    return [Table(rows, header=True)]


def outcome_of(outcome: ProbeOutcome) -> tuple[str, str]:
    """How a model answered, in a word or two: the class of the failure, where it failed."""
    if outcome.call is None:
        return "not called", "yellow"
    failure = outcome.call.failure
    if failure is None:
        return "answered", "green"
    status = "" if failure.status is None else f" ({failure.status})"
    return f"{failure.kind.value}{status}", "bold red"


def _detail(outcome: ProbeOutcome) -> str:
    if outcome.skip is not None:
        return outcome.skip.detail
    failure = None if outcome.call is None else outcome.call.failure
    return "" if failure is None else failure.detail


def spelled_outcome(outcome: ProbeOutcome) -> str:
    """How a model answered, in one line."""
    shown, _ = outcome_of(outcome)
    seconds = "" if outcome.call is None else f" in {outcome.call.attempt.seconds:.2f} s"
    detail = printable(_detail(outcome))
    return f"{shown}{seconds}" + (f": {detail}" if detail else "")
