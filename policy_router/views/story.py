"""Renders an answer as a story: the rules, the order, the calls, the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.execution.answer import Answer
    from policy_router.views.lines import Line


def as_lines(answer: Answer) -> list[Line]:
    """Return what happened to a request, from the rules that applied to the answer."""
    decision = answer.decision
    lines: list[Line] = [f"   rule   {printable(rule)}" for rule in decision.rules]
    for candidate in decision.candidates:
        cost = decision.cost_usd(candidate.model) or 0
        price = "free" if candidate.model.free else f"${cost:f}"
        lines.append(f"          {candidate.name:10} {price:10} {printable(candidate.detail)}")
    lines += [
        [(f"          {skip.model:10} {'out':10} {printable(skip.detail)}", "dim")]
        for skip in decision.skipped
    ]
    lines += [
        [(f"   shadow {printable(effect.source)} {printable(effect.detail)}", "dim")]
        for effect in decision.shadow
    ]
    lines += [_call(attempt) for attempt in answer.attempts]
    lines.append(f"   answer {printable(answer.choices[0].message.content or '')}")
    return lines


def _call(attempt: Attempt) -> Line:
    if attempt.failure is None:
        result, style = "answered", "green"
    else:
        result, style = f"{attempt.failure} ({attempt.status})", "yellow"
    return [("   call   ", ""), (f"{attempt.model:10} {result}", style)]
