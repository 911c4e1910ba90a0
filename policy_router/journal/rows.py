"""From what happened to a request to its outcomes. No IO."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.domain.decision import Reason
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.events import Answered, EstimatedComplexity, Exhausted, JudgedAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request

_REJECTED: Final = "rejected"
_POOR: Final = frozenset({_REJECTED, "empty"})
"""Failures of attempts whose whole answer may be given out after all."""
_MOMENTARY: Final = (
    Reason.BUDGET, Reason.RATE_LIMIT, Reason.COOLING, Reason.BUSY, Reason.STATE,
)  # fmt: skip
"""Reasons that name a refusal where several models are out for several reasons, the first wins."""


Kept: TypeAlias = Answered | Exhausted | JudgedAnswer | EstimatedComplexity
"""The events that outcomes are made of."""


def outcomes_of(event: Kept) -> list[Outcome]:
    """The outcomes of a request that has ended, or of one call of a judge or an estimator."""
    match event:
        case EstimatedComplexity():
            return [_of_estimator(event)]
        case JudgedAnswer(decision=decision, attempt=attempt):
            return [_of_judge(decision, attempt)]
        case Answered(decision=decision, attempts=attempts, served_by=served_by):
            ending = RequestEnding.REJECTED if event.rejected else RequestEnding.ANSWERED
            return _of_attempts(decision, attempts, ending, _served(attempts, served_by))
        case Exhausted(decision=decision, attempts=attempts) if attempts:
            ending = RequestEnding.STOPPED if event.stopped else RequestEnding.FAILED
            return _of_attempts(decision, attempts, ending, None)
        case _:
            why = _why_refused(event.decision, event.skipped)
            return [_refused(event.decision, event.time, why)]


def outcome_of_program(
    decision: Decision, attempt: Attempt, model: Model, failure: str | None
) -> Outcome:
    """The outcome of a call that the program made itself.

    The program does not say whether another call follows, so that its request has ended only where
    it has an answer.

    Args:
        decision: The decision that the program carries out.
        attempt: The call.
        model: The model that it called.
        failure: The class of the failure; None when the program took the answer.
    """
    names = [candidate.name for candidate in decision.candidates]
    place = names.index(model.name) if model.name in names else 0
    call = call_of(attempt, model, decision) | {"ok": failure is None, "failure": failure}
    return Outcome(
        **facts_of(decision),
        **call,
        role=Role.AFTER_FAILURE if place else Role.FIRST,
        rank=place + 1,
        served=failure is None,
        ending=RequestEnding.ANSWERED if failure is None else None,
    )


def _of_attempts(
    decision: Decision, attempts: Sequence[Attempt], ending: RequestEnding, served: int | None
) -> list[Outcome]:
    facts, models = facts_of(decision), _models(decision)
    role, outcomes = Role.FIRST, []
    for number, attempt in enumerate(attempts):
        outcomes.append(
            Outcome(
                **facts,
                **call_of(attempt, models.get(attempt.model), decision),
                role=role,
                rank=number + 1,
                served=number == served,
                ending=ending if number == len(attempts) - 1 else None,
            )
        )
        if attempt.failure == _REJECTED or role is Role.AFTER_REJECTION:
            role = Role.AFTER_REJECTION
        else:
            role = Role.AFTER_FAILURE
    return outcomes


def _of_judge(decision: Decision, attempt: Attempt) -> Outcome:
    judges = {a.llm.model.name: a.llm.model for a in decision.accept if a.llm is not None}
    judge = judges.get(attempt.model)
    # What the decision expects is about the request, and a judge is sent something else.
    return Outcome(**facts_of(decision), **call_of(attempt, judge), role=Role.JUDGE, rank=0)


def _of_estimator(event: EstimatedComplexity) -> Outcome:
    facts = _facts_of_request(event.request)
    return Outcome(
        **facts,
        **call_of(event.attempt),
        decision=event.request_id or "",
        revision=event.revision or "",
        task=event.request.task,
        role=Role.ESTIMATOR,
        rank=0,
    )


def _refused(decision: Decision, at: float, why: str) -> Outcome:
    facts = facts_of(decision)
    ending = RequestEnding.DENIED
    return Outcome(**facts, at=at, role=Role.REFUSED, rank=0, ok=False, failure=why, ending=ending)


def facts_of(decision: Decision) -> dict[str, Any]:
    """What is known of a decided request, as fields of an outcome."""
    return {
        **_facts_of_request(decision.request),
        "decision": decision.id,
        "revision": decision.revision,
        "task": decision.task,
        "band": decision.complexity,
        "score": decision.score,
        "rules": decision.rules,
        "arms": {arm.experiment: arm.arm for arm in decision.arms},
        "propensity": _propensity(decision),
    }


def _propensity(decision: Decision) -> float | None:
    """How likely the order was, of what was drawn; None where nothing was."""
    drawn = [arm.propensity for arm in decision.arms]
    if decision.learned is not None:
        drawn.append(decision.learned.propensity)
    return prod(drawn) if drawn else None


def _facts_of_request(request: Request) -> dict[str, Any]:
    return {
        "form": request.form,
        "kind": request.kind,
        "stream": request.stream,
        "tenant": _bounded(request.tenant),
        "user": _bounded(request.user),
        "team": _bounded(request.team),
        "key": None if request.key is None else key_id(request.key),
        "session": _bounded(request.session),
        "client": _bounded(request.client),
        "subagent": request.subagent,
        "housekeeping": request.housekeeping,
        "turn": request.turn,
        "tool_errors": request.tool_errors,
    }


def call_of(
    attempt: Attempt, model: Model | None = None, decision: Decision | None = None
) -> dict[str, Any]:
    """What is known of a call, as fields of an outcome.

    Args:
        attempt: The call.
        model: The model, where it is at hand.
        decision: What the call carries out, for the estimate of its cost.
    """
    provider, separator, _ = attempt.provider_model.partition("/")
    estimate = None
    if model is not None and decision is not None:
        estimate = model.estimate(decision.request, decision.now)
    return {
        "at": attempt.started,
        "model": attempt.model,
        "provider": provider if separator else None,
        "tier": None if model is None else model.tier,
        "key_env": attempt.key_env,
        "estimate": estimate,
        "prompt": attempt.prompt,
        "ok": attempt.failure is None and not attempt.rejected,
        "failure": attempt.failure,
        "status": attempt.status,
        "seconds": max(0.0, attempt.seconds),
        "first_token": attempt.first_token,
        "tokens_in": attempt.tokens_in,
        "tokens_out": attempt.tokens_out,
        "tokens_cached": attempt.tokens_cached,
        "cost": attempt.cost_nano_usd,
        "unsure": attempt.estimated,
        "passed": attempt.passed,
        "rejected": attempt.rejected,
    }


def _served(attempts: Sequence[Attempt], served_by: str) -> int | None:
    """The number of the attempt whose answer the caller has."""
    for number in range(len(attempts) - 1, -1, -1):
        attempt = attempts[number]
        if attempt.model == served_by and (attempt.failure is None or attempt.failure in _POOR):
            return number
    return None


def _models(decision: Decision) -> dict[str, Model]:
    return {candidate.name: candidate.model for candidate in decision.candidates}


def _why_refused(decision: Decision, refused: Sequence[Skip]) -> str:
    """Why no model was called, as one word of a fixed set."""
    if decision.invalid:
        return "invalid"
    if decision.denied is not None:
        return Reason.DENIED.value
    reasons = {skip.reason for skip in (*refused, *decision.skipped)}
    for reason in _MOMENTARY:
        if reason in reasons:
            return reason.value
    return next((skip.reason.value for skip in (*refused, *decision.skipped)), "cancelled")


def _bounded(value: str | None) -> str | None:
    return None if value is None else bounded_id(value)
