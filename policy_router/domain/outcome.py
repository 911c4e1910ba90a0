"""The result of one call of a model, as the journal keeps it: never text of a prompt or an
answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What a call was made for.

    Attributes:
        FIRST: The first call of its request.
        AFTER_FAILURE: A later one, where no answer was rejected before it.
        AFTER_REJECTION: A later one, after an answer that checks rejected.
        JUDGE: It judged an answer of its request.
        ESTIMATOR: It estimated the complexity of its request.
        REFUSED: No call: the request ended before a model was called.
    """

    FIRST = "first"
    AFTER_FAILURE = "after_failure"
    AFTER_REJECTION = "after_rejection"
    JUDGE = "judge"
    ESTIMATOR = "estimator"
    REFUSED = "refused"


class RequestEnding(StrEnum):
    """How a request ended.

    Attributes:
        ANSWERED: With an answer.
        REJECTED: With an answer that checks rejected, because no model gave a better one.
        DENIED: Before a model was called.
        STOPPED: Without an answer, because the request was invalid or its caller stopped waiting.
        FAILED: Without an answer, after every model that was called had failed.
    """

    ANSWERED = "answered"
    REJECTED = "rejected"
    DENIED = "denied"
    STOPPED = "stopped"
    FAILED = "failed"


ATTEMPTS: Final = frozenset({Role.FIRST, Role.AFTER_FAILURE, Role.AFTER_REJECTION})
"""The roles of calls that were made to answer a request."""

_WHOLE: Final = frozenset({"rejected", "empty"})
"""Classes of failures where the model gave a whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one call of a model, or a request for which no model was called.

    Money is in nano-USD, times are Unix times and durations in seconds.

    Attributes:
        at: When the call was sent; when the request ended, if there was no call.
        decision: Id of the decision.
        role: What the call was made for.
        rank: Number of the call among the attempts of its request, from 1. A judge has that of the
            attempt whose answer it judged; 0 for estimators and where there was no call.
        model: Name of the model in the policy; empty where there was no call.
        provider: Its provider, as the LiteLLM name begins.
        tier: Its tier.
        key_env: Variable with the API key that was used.
        task: Name of the request's task.
        band: Name of the band of its complexity.
        score: Its complexity, 0..1.
        form: The form of its text, such as code.
        kind: What kind of work it is.
        stream: Whether the answer was streamed.
        tenant: The tenant of the request; it and the five below are bounded in length.
        user: The user.
        team: The team.
        key: Identifier of the caller's key: a prefix of its digest.
        session: The conversation or the run of an agent.
        client: The program that sent it.
        subagent: Whether one agent sent it on behalf of another.
        housekeeping: Whether a client sent it for its own purposes.
        turn: Number of its turn in the conversation, from 1.
        tool_errors: Tool results in a row, at the end of the conversation, that are errors.
        tags: Tags of the request that the policy declares.
        attributes: Facts of the request that the policy declares with their values, or as numbers
            or booleans; never free text.
        arms: The arm that each experiment drew.
        propensity: Probability with which the order of the models was drawn, 0..1; None where
            nothing was drawn.
        prompt: Name of the prompt variant that the model was given.
        revision: Revision of the policy.
        rules: Names of the rules that applied, in written order.
        ok: Whether the model answered, and no check rejected the answer.
        failure: The class of the failure; if there was no call, why: `denied` by a rule, `invalid`,
            or the reason why models were excluded, such as `budget`.
        status: The HTTP status; None when no answer arrived.
        seconds: How long the call took.
        first_token: Seconds until the first token of a stream.
        tokens_in: Input tokens that the provider counted.
        tokens_out: Output tokens that the provider counted.
        tokens_cached: Input tokens that it read from its prompt cache.
        cost: The amount charged; None when nothing is counted.
        unsure: Whether `cost` is only an upper bound, for lack of a plausible count.
        estimate: The decision's estimate of the cost; None without a price.
        fit_cost: What an answer that was served would have cost from the cheapest model with a
            price that the policy allows for the request, with the same tokens; None where no report
            compares with it, or it is not known.
        next_model: The model that was called after this one for the same request; None where none
            was, or it is not known.
        passed: Names of the checks that the answer passed.
        rejected: Names of the checks that it failed.
        served: Whether this answer was given to the caller.
        ending: How the request ended, on the last of its outcomes only; so a count of the outcomes
            that have one is a count of requests.
        feedback: Mean of the latest score of each source, 0..1, of an answer that was served.
    """

    at: float
    decision: str
    role: Role = Role.FIRST
    rank: int = 1
    model: str = ""
    provider: str | None = None
    tier: str | None = None
    key_env: str | None = None
    task: str | None = None
    band: str | None = None
    score: float | None = None
    form: str | None = None
    kind: str | None = None
    stream: bool = False
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = None
    session: str | None = None
    client: str | None = None
    subagent: bool = False
    housekeeping: bool = False
    turn: int | None = None
    tool_errors: int = 0
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str | float | bool] = field(
        default_factory=lambda: MappingProxyType({})
    )
    arms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    propensity: float | None = None
    prompt: str | None = None
    revision: str = ""
    rules: tuple[str, ...] = ()
    ok: bool = True
    failure: str | None = None
    status: int | None = None
    seconds: float = 0.0
    first_token: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost: int | None = None
    unsure: bool = False
    estimate: int | None = None
    fit_cost: int | None = None
    next_model: str | None = None
    passed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    served: bool = False
    ending: RequestEnding | None = None
    feedback: float | None = None

    @property
    def is_attempt(self) -> bool:
        """Whether it is a call that was made to answer a request."""
        return self.role in ATTEMPTS

    @property
    def is_answer(self) -> bool:
        """Whether the model gave a whole answer, though checks may have rejected it."""
        return self.role is not Role.REFUSED and (self.failure is None or self.failure in _WHOLE)

    @property
    def accepted(self) -> bool | None:
        """The verdict of the checks: False when one rejected the answer, None without any."""
        if self.rejected:
            return False
        return True if self.passed else None

    @property
    def quality(self) -> float | None:
        """The feedback, else the verdict of the checks as 1 or 0; None without either."""
        if self.feedback is not None or self.accepted is None:
            return self.feedback
        return float(self.accepted)
