"""Events of requests and of the router, for observers.

Events with the same `request_id`, the id of a decision, belong to the same request. Observers
receive events and cannot change anything through them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.findings import Finding
    from policy_router.domain.request import Request
    from policy_router.providers.failures.failure import Failure

EventIdentity: TypeAlias = tuple[str, str | None, float, str | None]
"""The first fields of every event."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a request or of the router.

    Attributes:
        id: The id of the event; ids sort by time.
        request_id: Id of the decision that the event belongs to, if any.
        time: Unix time in seconds.
        revision: Revision of the policy that decided the request, if any.
    """

    id: str
    request_id: str | None
    time: float
    revision: str | None


@dataclass(frozen=True, slots=True)
class Decided(Event):
    """A decision was made and is about to be executed.

    Attributes:
        decision: The decision.
    """

    decision: Decision


@dataclass(frozen=True, slots=True)
class Attempted(Event):
    """A call of a model has ended.

    Attributes:
        attempt: The call.
        failure: Why it failed; None if the model answered.
    """

    attempt: Attempt
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class JudgedAnswer(Event):
    """A model was called to judge an answer.

    Attributes:
        decision: The decision whose answer it judged.
        attempt: That call, which is not one of the request's attempts.
        passed: The verdict; None when there is none.
        failure: Why the call failed.
    """

    decision: Decision
    attempt: Attempt
    passed: bool | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class EstimatedComplexity(Event):
    """A model was called to estimate the complexity of a request, before its decision.

    Attributes:
        request: The request, before it has a complexity.
        attempt: That call, which is not one of the request's attempts.
        failure: Why the call failed.
    """

    request: Request
    attempt: Attempt
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class NoRoom(Event):
    """A limit or budget had no room for a candidate when its turn came.

    Other requests may have taken the room since the decision.

    Attributes:
        skip: The candidate, and the limit or budget.
    """

    skip: Skip


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """A request has its answer.

    Attributes:
        decision: The decision that was executed.
        attempts: Every call, in order.
        served_by: Name of the model whose answer it is.
        skipped: Models that were skipped before it.
        rejected: Checks that this answer failed, if no answer passed.
        unchecked: Checks that could not be run.
    """

    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str
    skipped: tuple[Skip, ...] = ()
    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Exhausted(Event):
    """A request got no answer, or no complete one.

    Attributes:
        decision: The decision that was executed.
        attempts: Every call, in order.
        stopped: Whether it ended because it was invalid, or because of the policy or the caller,
            rather than for lack of models.
        retry_after: Seconds until one of the models may be called again; None when that is unknown.
        skipped: Models that were skipped.
    """

    decision: Decision
    attempts: tuple[Attempt, ...]
    stopped: bool
    retry_after: float | None = None
    skipped: tuple[Skip, ...] = ()


ENDINGS: Final = frozenset({Answered, Exhausted})
"""The events with which requests end."""


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """A budget has reached one of its thresholds; reported once per period, across all processes.

    Attributes:
        budget: Its name.
        subject: Whose budget; "-" when all requests share it.
        metric: `usd` or `tokens`.
        share: The threshold, 0..1.
        spent: Used so far, in nano-USD or tokens.
        cap: The cap of the budget, in the same unit.
        window: The name of the budget's window, such as `month`.
    """

    budget: str
    subject: str
    metric: str
    share: float
    spent: int
    cap: int
    window: str


@dataclass(frozen=True, slots=True)
class QuotaLow(Event):
    """A quota is nearly used up; reported once per period, across all processes.

    Only reported for policies with `alerts`.

    Attributes:
        section: Where it is declared: `limits`, or `models` for the limit of a single model.
        quota: Its name.
        metric: `requests` or `tokens`.
        share: The threshold that it has reached, 0..1.
        used: Used so far.
        cap: The most that fits.
        window: The name of its window, such as `day`.
    """

    section: str
    quota: str
    metric: str
    share: float
    used: int
    cap: int
    window: str


@dataclass(frozen=True, slots=True)
class DegradationChanged(Event):
    """A model performs worse than usual, as defined by `fallback.degraded`, or has recovered.

    Each process judges by its own calls, and reports a change with its next call of the model.

    Attributes:
        model: Name of the model.
        worse: Whether it performs worse.
        detail: Why.
    """

    model: str
    worse: bool
    detail: str


@dataclass(frozen=True, slots=True)
class AlertSent(Event):
    """An alert was delivered to the webhook of `alerts`, or was abandoned.

    Attributes:
        kind: What the alert is about, such as `budget`.
        delivered: Whether it was accepted by the webhook.
        detail: Why it was not.
    """

    kind: str
    delivered: bool
    detail: str


@dataclass(frozen=True, slots=True)
class StoreChanged(Event):
    """The store of counters became unreachable, or is back.

    Attributes:
        up: Whether it can be reached.
        detail: What went wrong.
    """

    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class QualityChanged(Event):
    """The answers of a model have become worse, or have recovered.

    Attributes:
        model: Name of the model.
        form: The form of the requests, such as `code`; empty if unknown.
        worse: Whether its answers are rejected more often than usual.
        usual: The share of its answers that is usually rejected, 0..1.
    """

    model: str
    form: str
    worse: bool
    usual: float


@dataclass(frozen=True, slots=True)
class StoreLostData(Event):
    """The store of counters has lost data, or the loss was resolved.

    Attributes:
        lost: True: budgets with a cap stay closed until an operator accepts the loss. False: the
            loss was accepted, or the data is back.
        detail: What was lost.
    """

    lost: bool
    detail: str


@dataclass(frozen=True, slots=True)
class OfferChanged(Event):
    """A source's offer of models differs from the policy; each difference is reported once.

    A server looks for such differences if the policy sets `discovery: { every }`. Nothing is
    changed automatically.

    Attributes:
        kind: `new`, `gone`, `more expensive`, `cheaper`, `free now`, `context` or `goes away`.
        model: Name of the model in the policy; for a new one, its name at the source.
        source: The kind of the source, such as `openrouter`; empty if it comes from LiteLLM's
            table.
        detail: What differs.
        help: What to do about it; empty if there is nothing to do.
    """

    kind: str
    model: str
    source: str
    detail: str
    help: str


@dataclass(frozen=True, slots=True)
class SourceChanged(Event):
    """A source of models has failed, or has recovered.

    Attributes:
        source: The kind of the source, such as `ollama`.
        address: Its address.
        up: Whether it works.
        detail: Why it failed.
    """

    source: str
    address: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class JournalChanged(Event):
    """The journal of outcomes became unreachable, or is back.

    Attributes:
        up: Whether it can be reached.
        detail: What went wrong.
    """

    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class OutcomesDropped(Event):
    """The journal has dropped some outcomes.

    Attributes:
        number: How many.
        detail: Why.
    """

    number: int
    detail: str


@dataclass(frozen=True, slots=True)
class PolicyReloaded(Event):
    """Another policy has become active; `revision` is that of the new one.

    Attributes:
        previous: Revision of the policy before it.
    """

    previous: str


@dataclass(frozen=True, slots=True)
class ReloadRefused(Event):
    """Newer policy files were rejected; `revision` is that of the policy that stays active.

    Attributes:
        detail: The first error, with its location.
        errors: The number of errors.
    """

    detail: str
    errors: int


@dataclass(frozen=True, slots=True)
class FunctionChanged(Event):
    """A function of the policy is suspended because its calls do not return, or is called again.

    Attributes:
        function: Its name in the policy.
        up: Whether it is in use.
        detail: Why.
    """

    function: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """The breaker of a model or a provider changed. The process that changed it reports it.

    Attributes:
        scope: `model`, `provider`, or `user` for a model's breaker that affects a single user.
        name: The name of the model or the provider.
        step: `opened`, `half_open` (one call probes it), `closed` or `lifted` (by an operator).
        until: Unix time at which the open state, the probe or the ramp-up ends.
        cause: The class of the failure that opened it.
    """

    scope: str
    name: str
    step: str
    until: float
    cause: str


@dataclass(frozen=True, slots=True)
class ExperimentEnded(Event):
    """An arm of an experiment has ended; reported by the process that notices it.

    Attributes:
        experiment: Name of the experiment.
        arm: Name of the arm.
        reason: `confidence` (it is better or worse), `guard` (it is worse by more than is
            allowed), `samples` or `until`.
        verdict: `keep`, `drop` or `go on` (neither is shown).
        measure: What was compared: `success`, `quality`, `cost` or `latency`.
        difference: The arm's mean minus the control's: a share from 0 to 1, US dollars or seconds.
        low: Lower end of the interval of the difference.
        high: Its upper end.
        requests: How many requests the arm got.
    """

    experiment: str
    arm: str
    reason: str
    verdict: str
    measure: str
    difference: float
    low: float
    high: float
    requests: int


Observer: TypeAlias = "Callable[[Event], None]"
"""A function that receives every event, in the thread in which it occurs; it should return quickly.
With an attribute `wants`, a function of a class of events, it receives only the events of the
classes for which that returns true."""
