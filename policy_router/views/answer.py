"""Renders an answer, and of a request that got none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from policy_router.decision.wording import spell_usage
from policy_router.diagnostics import printable
from policy_router.domain.limits import ANYONE, Metric
from policy_router.domain.money import format_usd
from policy_router.errors import (
    BudgetExceededError,
    CooldownError,
    NoCandidateError,
    RateLimitError,
    StateUnavailableError,
)
from policy_router.views import decision as decision_view
from policy_router.views.document import document
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.findings import Finding
    from policy_router.errors import RoutingError
    from policy_router.events import Warned
    from policy_router.execution.answer import Answer
    from policy_router.execution.stream import AnswerStream
    from policy_router.views.lines import Block, Line


def as_json(policy: Policy, answer: Answer) -> dict[str, object]:
    """Return an answer with its attempts and its decision as a JSON document."""
    return {
        **_history(policy, answer.decision, answer.attempts),
        "model": answer.served_by,
        "answer": answer.choices[0].message.content or "",
        "usage": answer.usage.model_dump() if answer.usage else None,
        "rejected": [_finding(finding) for finding in answer.rejected],
        "unchecked": [_finding(finding) for finding in answer.unchecked],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {"check": finding.check, "by": finding.by, "detail": finding.detail}


def refusal_as_json(policy: Policy, refused: NoCandidateError) -> dict[str, object]:
    """Return a request that the policy left no model for as a JSON document.

    Its `refused.by` is `budget`, `limit`, `state`, `cooldown` or `policy`.
    """
    return {
        **_history(policy, refused.decision, ()),
        "refused": {
            "by": _REFUSED_BY.get(type(refused), "policy"),
            "opens": iso(_opens(refused), policy.timezone),
            "skipped": [
                decision_view.skip_as_json(skip, policy.timezone) for skip in refused.refused
            ],
        },
        "answer": None,
    }


def failure_as_json(policy: Policy, failed: RoutingError) -> dict[str, object]:
    """Return a request that every model failed to answer as a JSON document."""
    return {**_history(policy, failed.decision, failed.attempts), "answer": None}


_REFUSED_BY: Final[Mapping[type[NoCandidateError], str]] = {
    BudgetExceededError: "budget",
    RateLimitError: "limit",
    StateUnavailableError: "state",
    CooldownError: "cooldown",
}
"""What refused a request, where waiting may help."""


def _history(
    policy: Policy, decision: Decision, attempts: tuple[Attempt, ...]
) -> dict[str, object]:
    answered_by = next((a.model for a in reversed(attempts) if a.failure is None), None)
    return document(
        model=answered_by,
        attempts=[_attempt(policy, attempt) for attempt in attempts],
        decision=decision_view.as_json(decision, policy.timezone),
    )


def _attempt(policy: Policy, attempt: Attempt) -> dict[str, Any]:
    priced = policy.model(attempt.model).price is not None
    return {
        "model": attempt.model,
        "calls": attempt.provider_model,
        "key_env": attempt.key_env,
        "seconds": round(attempt.seconds, 3),
        "failure": attempt.failure,
        "status": attempt.status,
        "detail": attempt.detail,
        "retry_after": attempt.retry_after,
        "cost_usd": format_usd(attempt.cost_nano_usd or 0) if priced else None,
    }


def attempts(policy: Policy, made: Sequence[Attempt]) -> list[Line]:
    """Return one line for each call: model, duration, cost and how it ended."""
    lines: list[Line] = []
    for attempt in made:
        model, called = printable(attempt.model), printable(attempt.provider_model)
        call = f"{model} ({called}{_key(policy, attempt)}) {attempt.seconds:.1f} s, "
        call += _cost(policy, attempt)
        if attempt.failure is None:
            lines.append([(f"answered by {call}", "dim")])
        else:
            detail = f": {printable(attempt.detail)}" if attempt.detail else ""
            lines.append([(f"{call} ", ""), (f"{attempt.failure}{detail}", "yellow")])
    return lines


def _key(policy: Policy, attempt: Attempt) -> str:
    """Which of the model's keys a call was made with, by its variable; nothing where it has one."""
    several = len(policy.model(attempt.model).api_key_envs) > 1
    return f" with {attempt.key_env}" if several and attempt.key_env else ""


def _cost(policy: Policy, attempt: Attempt) -> str:
    model = policy.model(attempt.model)
    if model.free:
        return "free"
    return "cost unknown" if model.price is None else f"${format_usd(attempt.cost_nano_usd or 0)}"


def doubts(answer: Answer | AnswerStream) -> list[Line]:
    """Return the checks that an answer failed, and those that could not be made."""
    lines: list[Line] = []
    if answer.rejected:
        text = f": no answer passed its checks; this one, by {answer.served_by}, was the best"
        lines.append([("Warning", "bold yellow"), (printable(text), "")])
        lines += [f"  {printable(str(finding))}" for finding in answer.rejected]
    for finding in answer.unchecked:
        lines.append([("Not checked", "yellow"), (f": {printable(str(finding))}", "")])
    return lines


def refusal(policy: Policy, refused: NoCandidateError) -> list[Block]:
    """Return why no model was called, and from when one may be."""
    skips = (*refused.decision.skipped, *refused.refused)
    left_out = decision_view.left_out(skips, policy.timezone)
    if type(refused) not in _REFUSED_BY:
        return [*decision_view.verdict(refused.decision), *left_out]
    headline = str(refused).partition("\n")[0]
    until = _opens(refused)
    opens = ""
    if until is not None:
        opens = f"; opens {spell_time(until, time.time(), policy.timezone)}"
    return [[(headline[0].upper() + headline[1:], "bold red"), (opens, "")], *left_out]


def _opens(refused: NoCandidateError) -> float | None:
    """Return the Unix time from which a model may be called again, as far as that is known."""
    skips = (*refused.decision.skipped, *refused.refused)
    return min((skip.until for skip in skips if skip.until is not None), default=None)


def failure(policy: Policy, failed: RoutingError) -> list[Line]:
    """Return the calls that failed, and the models that were not called."""
    skipped: tuple[Skip, ...] = getattr(failed, "skipped", ())
    return [
        *attempts(policy, failed.attempts),
        [("No model answered", "bold red")],
        *(f"{printable(skip.model)}: not called: {printable(skip.detail)}" for skip in skipped),
    ]


def warning(event: Warned) -> Line:
    """Return the warning that a budget has passed one of its thresholds."""
    owner = "" if event.subject == ANYONE else f" of {event.subject}"
    used = spell_usage(Metric(event.metric), event.spent, event.cap, event.window)
    text = f"budget `{event.budget}`{owner} has passed {event.share:.0%}: {used}"
    return [("warning", "bold yellow"), (f": {printable(text)}", "")]
