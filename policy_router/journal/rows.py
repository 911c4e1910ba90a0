"""Turns the events of a request into its outcomes. No IO."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from math import prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.domain.decision import Reason
from policy_router.domain.facts import Fact, FactType
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.events import Answered, EstimatedComplexity, Exhausted, JudgedAnswer
from policy_router.journal.fitting import fit_cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.facts import Vocabulary
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


def outcomes_of(
    event: Kept,
    models: Mapping[str, Model] | None = None,
    vocabulary: Vocabulary | None = None,
) -> list[Outcome]:
    """The outcomes of a request that has ended, or of one call of a judge or an estimator.

    Args:
        event: What happened.
        models: The models of the policy, by name, where answers are compared with the cheapest
            model that fits.
        vocabulary: The facts that the policy declares; None keeps none of them.
    """
    request = event.request if isinstance(event, EstimatedComplexity) else event.decision.request
    return [with_facts(each, request, vocabulary) for each in _outcomes_of(event, models)]


def with_facts(outcome: Outcome, request: Request, vocabulary: Vocabulary | None) -> Outcome:
    """An outcome with those facts of its request that are no free text.

    These are the tags that the policy lists, and the attributes that it declares with their values,
    as numbers or as booleans.

    Args:
        outcome: The outcome.
        request: The request.
        vocabulary: The facts that the policy declares; None keeps none of them.
    """
    if vocabulary is None or not (request.tags or request.attributes):
        return outcome
    attributes = {
        name: value
        for name, value in request.attributes.items()
        if _is_kept(vocabulary.attributes.get(name), value)
    }
    tags = tuple(sorted(vocabulary.tags & request.tags))
    return replace(outcome, tags=tags, attributes=attributes) if tags or attributes else outcome


def _is_kept(fact: Fact | None, value: object) -> bool:
    """Whether a value is one of those that the policy declares for a fact."""
    match fact:
        case Fact(kind=FactType.ENUM, values=values):
            return value in values
        case Fact(kind=FactType.BOOL):
            return isinstance(value, bool)
        case Fact(kind=FactType.NUMBER):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return False


def _outcomes_of(event: Kept, models: Mapping[str, Model] | None) -> list[Outcome]:
    match event:
        case EstimatedComplexity():
            return [_of_estimator(event)]
        case JudgedAnswer(decision=decision, attempt=attempt):
            return [_of_judge(decision, attempt)]
        case Answered(decision=decision, attempts=attempts, served_by=served_by):
            ending = RequestEnding.REJECTED if event.rejected else RequestEnding.ANSWERED
            served = _served(attempts, served_by)
            return _of_attempts(decision, attempts, ending, served, models)
        case Exhausted(decision=decision, attempts=attempts) if attempts:
            ending = RequestEnding.STOPPED if event.stopped else RequestEnding.FAILED
            return _of_attempts(decision, attempts, ending, None)
        case _:
            why = _why_refused(event.decision, event.skipped)
            return [_refused(event.decision, event.time, why)]


def outcome_of_program(
    decision: Decision,
    attempt: Attempt,
    model: Model,
    failure: str | None,
    models: Mapping[str, Model] | None = None,
    *,
    again: bool = False,
) -> Outcome:
    """The outcome of a call that the program made itself.

    The program does not say whether another call follows, so that its request has ended only where
    it has an answer.

    Args:
        decision: The decision that the program carries out.
        attempt: The call.
        model: The model that it called.
        failure: The class of the failure; None when the program took the answer.
        models: As for `outcomes_of`.
        again: Whether the program rejected an answer of this decision before.
    """
    names = [candidate.name for candidate in decision.candidates]
    place = names.index(model.name) if model.name in names else 0
    role = Role.AFTER_FAILURE if place else Role.FIRST
    call = call_of(attempt, model, decision) | {"ok": failure is None, "failure": failure}
    return Outcome(
        **facts_of(decision),
        **call,
        role=Role.AFTER_REJECTION if again else role,
        rank=place + 1,
        served=failure is None,
        fit_cost=None if failure is not None else fit_cost(decision, attempt, models),
        ending=RequestEnding.ANSWERED if failure is None else None,
    )


def _of_attempts(
    decision: Decision,
    attempts: Sequence[Attempt],
    ending: RequestEnding,
    served: int | None,
    models: Mapping[str, Model] | None = None,
) -> list[Outcome]:
    facts, candidates = facts_of(decision), _models(decision)
    following = [attempt.model for attempt in attempts[1:]]
    role, outcomes = Role.FIRST, []
    for number, (attempt, then) in enumerate(zip_longest(attempts, following)):
        outcomes.append(
            Outcome(
                **facts,
                **call_of(attempt, candidates.get(attempt.model), decision),
                role=role,
                rank=number + 1,
                next_model=then,
                served=number == served,
                fit_cost=fit_cost(decision, attempt, models) if number == served else None,
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
    """What is known about a decided request, as fields of an outcome."""
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
    drawn = [arm.propensity for arm in decision.arms if arm.orders]
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
        # A conversation is what models said in it.
        "session": _bounded(request.session) if request.answers else None,
        "client": _bounded(request.client),
        "subagent": request.subagent,
        "housekeeping": request.housekeeping,
        "turn": request.turn,
        "tool_errors": request.tool_errors,
    }


def call_of(
    attempt: Attempt, model: Model | None = None, decision: Decision | None = None
) -> dict[str, Any]:
    """What is known about a call, as fields of an outcome.

    Args:
        attempt: The call.
        model: The model, where it is known.
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
