"""Renders the estimate of how another policy would have done."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from policy_router.views.document import document
from policy_router.views.lines import Table, count, help_line

if TYPE_CHECKING:
    from policy_router.experience.off_policy import Interval, OffPolicyEstimate
    from policy_router.views.lines import Block


def as_json(estimated: OffPolicyEstimate | None, left_out: int) -> dict[str, object]:
    """Return an estimate as a JSON document.

    Args:
        estimated: The estimate; None where the journal has no outcome to make it from.
        left_out: Outcomes that it could not be made from.
    """
    if estimated is None:
        return document(outcomes=0, left_out=left_out, known=False, estimates=None)
    return document(
        outcomes=estimated.outcomes,
        left_out=left_out,
        known=estimated.known,
        needed=estimated.needed,
        effective=estimated.effective,
        covered=estimated.covered,
        logged=estimated.logged,
        estimates={
            name: {"value": each.value, "low": _finite(each.low), "high": _finite(each.high)}
            for name, each in _estimates(estimated).items()
        },
    )


def as_lines(estimated: OffPolicyEstimate | None, left_out: int) -> list[Block]:
    """Return an estimate as a table, and whether it is known at all."""
    left = f", {left_out} left out" if left_out else ""
    if estimated is None:
        return [f"no outcomes to estimate from{left}"]
    rows = [("", "reward", "90% interval"), ("as it was", f"{estimated.logged:.1%}", "")]
    rows += [
        (name, f"{each.value:.1%}", f"{each.low:.1%} to {each.high:.1%}" if each.known else "-")
        for name, each in _estimates(estimated).items()
    ]
    worth = f"worth {estimated.effective:.0f} of the other policy's"
    tried = f"{estimated.covered:.0%} of its choices were tried"
    blocks: list[Block] = [
        f"{count(estimated.outcomes, 'outcome')}{left}, {worth}; {tried}",
        Table(rows, header=True, indent=2),
    ]
    if estimated.known:
        return blocks
    blocks.append([("not known", "bold yellow"), (_why(estimated), "")])
    blocks.append(help_line("try the other order on a share of the traffic, as an experiment"))
    return blocks


def _why(estimated: OffPolicyEstimate) -> str:
    if not estimated.snips.known:
        return ": the arms were drawn for too few users or tenants"
    if estimated.needed is None:
        return ": what the other policy would have called was never or hardly called"
    return f": it needs about {count(estimated.needed, 'outcome')} more like these"


def _finite(value: float) -> float | None:
    """A number as JSON has it: None for an end of an interval that is not known."""
    return value if isfinite(value) else None


def _estimates(estimated: OffPolicyEstimate) -> dict[str, Interval]:
    return {
        "ips": estimated.ips,
        "snips": estimated.snips,
        "doubly robust": estimated.doubly_robust,
    }
