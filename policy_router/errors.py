"""The exceptions that a program may catch.

PolicyRouterError
├── PolicyError               policy files that cannot be used; holds every diagnostic
├── UsageError                an invalid call, regardless of the policy
│   └── UnknownDecisionError  the journal has no such decision
├── ArtifactError             a model's data file that is damaged or made for another version
├── StoreError                the store of counters is unreachable or broken
│   └── OperationError        the store works, but one operation is impossible
│       └── AmountError       an amount exceeds what the store can represent exactly
└── RoutingError              a request without an answer; holds the decision
    ├── NoCandidateError      the policy left no model, or denied the request
    │   ├── BudgetExceededError    a budget has no room
    │   ├── RateLimitError         a limit has no room
    │   ├── StateUnavailableError  the store is unreachable or has lost data
    │   └── CooldownError          the models that may answer are in cooldown
    ├── InvalidRequestError   the request names something undefined; also a UsageError
    ├── BadRequestError       the request was rejected, or the policy stops at such a failure
    ├── AllModelsFailedError  no model is left to call, or the deadline passed
    └── StreamBrokenError     a stream broke after part of the answer was delivered
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policy_router.base_errors import PolicyRouterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.original import OriginalError


class TooLargeError(UsageError):
    """The request exceeds this router's bounds. The message names the bound."""

    http_status = 413
    code = "request_too_large"


class UnknownDecisionError(UsageError):
    """The journal has no decision with this id for this tenant.

    Attributes:
        decision: The id that was given.
    """

    http_status = 404
    code = "decision_not_found"

    def __init__(self, decision: str) -> None:
        super().__init__(decision)
        self.decision = decision

    def __str__(self) -> str:
        return (
            "the journal has no decision with this id: use the id from the answer to a "
            "finished request that the journal still keeps"
        )


class ArtifactError(PolicyRouterError):
    """A data file that cannot be used.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class StoreError(PolicyRouterError):
    """The store of counters cannot be reached or is broken; the message says why."""

    http_status = 503
    code = "state_unavailable"


class OperationError(StoreError):
    """One operation cannot succeed, and retrying does not help; the store itself works."""


class AmountError(OperationError):
    """An amount exceeds what the store can represent exactly."""


class PolicyError(PolicyRouterError):
    """Policy files that cannot be used.

    Attributes:
        diagnostics: Every problem, in file order.
        sources: File name -> text, for drawing the lines they point at.
    """

    def __init__(
        self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(diagnostics, sources)
        self.diagnostics = tuple(diagnostics)
        self.sources = dict(sources or {})

    def __str__(self) -> str:
        from policy_router.diagnostics import draw  # noqa: PLC0415  only needed when shown

        return "\n".join(draw(each, self.sources) for each in self.diagnostics)


class RoutingError(PolicyRouterError):
    """A request without an answer.

    Attributes:
        decision: The policy's decision.
        attempts: The calls that were made, in order.
    """

    http_status = 502
    code = "no_answer"

    def __init__(self, decision: Decision, attempts: Sequence[Attempt] = ()) -> None:
        super().__init__(decision, tuple(attempts))
        self.decision = decision
        self.attempts = tuple(attempts)

    @property
    def decision_id(self) -> str:
        """Id of the decision, which every event of the request carries."""
        return self.decision.id


class NoCandidateError(RoutingError):
    """The policy denied the request, or left no model that may answer it.

    Attributes:
        refused: Candidates of the decision for which a limit or budget had no room when their turn
            came.
        retry_after: Seconds until one of the models may be called again; None if that is unknown,
            or needs someone to act.
        http_status: 403 when a rule denies the request, else that of the class.
    """

    http_status = 422
    code = "no_candidate"
    _headline: ClassVar[str] = "no model may answer this request"
    _too_large: ClassVar[str] = ""
    """The headline when every limit and budget that excludes models has some room left."""
    _reason: ClassVar[str] = ""
    """The reason why models have no room."""

    def __init__(
        self, decision: Decision, refused: Sequence[Skip] = (), now: float | None = None
    ) -> None:
        """Create the error.

        Args:
            decision: The policy's decision.
            refused: See the class.
            now: Unix time at which the request was refused, for `retry_after`.
        """
        super().__init__(decision)
        self.args = (decision, tuple(refused), now)
        self.refused = tuple(refused)
        if decision.denied is not None:
            self.http_status, self.code = 403, "denied_by_policy"
        times = [skip.until for skip in (*decision.skipped, *refused) if skip.until is not None]
        self.retry_after = None if now is None or not times else max(min(times) - now, 0.0)

    def __str__(self) -> str:
        if self.decision.denied:
            return f"denied: {self.decision.denied}"
        reasons = [f"{s.model}: {s.detail}" for s in (*self.decision.skipped, *self.refused)]
        unmet = self.decision.unmet_need
        headline = f"{self._headline}: {unmet}" if unmet else self._cause()
        return f"{headline}\n  " + "\n  ".join(reasons or ["no models"])

    def _cause(self) -> str:
        """Why no model is left, in a few words."""
        skips = (*self.decision.skipped, *self.refused)
        full = [skip.too_large for skip in skips if skip.reason.value == self._reason]
        return self._too_large if self._too_large and full and all(full) else self._headline


class InvalidRequestError(RoutingError, UsageError):
    """The request names something that the policy does not define, or a value is out of range.

    Attributes:
        http_status: 404 when it names an unknown model, else 400.
    """

    http_status = 400
    code = "invalid_request"

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.args = (decision,)
        if decision.situation.unknown_model:
            self.http_status, self.code = 404, "model_not_found"

    def __str__(self) -> str:
        return f"invalid request: {self.decision.denied}"


class BudgetExceededError(NoCandidateError):
    """A budget has no room for the request, and the other models may not answer."""

    http_status = 402
    code = "budget_exceeded"
    _headline = "the budget is spent"
    _too_large = "this request needs more than is left of the budget"
    _reason = "budget"


class RateLimitError(NoCandidateError):
    """A rate limit has no room for the request, and the other models may not answer."""

    http_status = 429
    code = "rate_limited"
    _headline = "the limit is reached"
    _too_large = "this request needs more than is left of the limit"
    _reason = "rate_limit"


class StateUnavailableError(NoCandidateError):
    """The store is unreachable or has lost data, and requests that cannot be counted are not
    sent."""

    http_status = 503
    code = "state_unavailable"
    _headline = "the counters cannot be used"


class CooldownError(NoCandidateError):
    """The policy allows models for this request, and each is in cooldown after failures."""

    http_status = 503
    code = "all_cooling"
    _headline = "the models that may answer are in cooldown after failures"


class _AttemptsError(RoutingError):
    """The common part of the errors that end a series of attempts.

    Attributes:
        skipped: Candidates that were not called, and why.
        http_status: The status of the most relevant failure.
        original: The original error response behind the status, from a model that was called
            directly; None if there is none to forward.
    """

    _headline: ClassVar[str]

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        skipped: Sequence[Skip] = (),
        *,
        status: int | None = None,
        original: OriginalError | None = None,
    ) -> None:
        super().__init__(decision, attempts)
        self.args = (decision, tuple(attempts), tuple(skipped))
        self.skipped = tuple(skipped)
        self.original = original
        if status is not None:
            self.http_status = status

    def __str__(self) -> str:
        lines = [self._headline if self.attempts else "no model was called"]
        lines += [f"{a.model}: {a.failure} ({a.detail})" for a in self.attempts]
        lines += [f"{s.model}: not called: {s.detail}" for s in self.skipped]
        return "\n  ".join(lines)


class BadRequestError(_AttemptsError):
    """The request itself was rejected.

    Either every model that was called rejected it, or one did in a way that proves it invalid for
    all, or the policy stops at such a failure.
    """

    http_status = 400
    code = "bad_request"
    _headline = "the request was refused"

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        skipped: Sequence[Skip] = (),
        *,
        status: int | None = None,
        code: str | None = None,
        original: OriginalError | None = None,
    ) -> None:
        super().__init__(decision, attempts, skipped, status=status, original=original)
        if code is not None:
            self.code = code


class AllModelsFailedError(_AttemptsError):
    """No model is left to call, or the deadline passed.

    Attributes:
        retry_after: Seconds until one of the candidates may be called again; None when that is not
            known.
    """

    code = "all_models_failed"
    _headline = "every model that was called failed"

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        skipped: Sequence[Skip] = (),
        *,
        status: int | None = None,
        retry_after: float | None = None,
        original: OriginalError | None = None,
    ) -> None:
        super().__init__(decision, attempts, skipped, status=status, original=original)
        self.retry_after = retry_after


class StreamBrokenError(_AttemptsError):
    """A stream broke after part of the answer was delivered, so the answer is incomplete."""

    code = "stream_broken"
    _headline = "the stream broke before the answer was complete"
