"""The exceptions a caller may catch. Problems in a policy file are data; these carry that data.

PolicyRouterError
├── PolicyError                  policy files that cannot be used; holds every diagnostic
├── UsageError                   a call with wrong arguments, whatever the policy says
├── ArtifactError                a data file of a model that is damaged or of another version
├── StoreError                   the store of counters cannot be reached, or is broken
│   └── VerbError                it works, but one operation cannot be done
│       └── AmountError          it would have to count more than it can exactly
└── RoutingError                 a request that got no answer; holds the decision
    ├── NoCandidateError         the policy left no model, or denied the request
    │   ├── BudgetExceededError  a budget is spent
    │   ├── RateLimitError       a limit is reached
    │   ├── StateUnavailableError  the counters cannot be reached or have lost data
    │   └── CooldownError        the models that may answer are in cooldown after failures
    ├── BadRequestError          the request itself was refused
    ├── AllModelsFailedError     every model that may answer failed, or the deadline passed
    └── StreamBrokenError        a stream that broke after part of the answer was given out
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from policy_router.base_errors import PolicyRouterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.decision import Attempt, Decision, Skip


class TooLargeError(UsageError):
    """The request is larger than this router takes. The message names the bound."""

    http_status = 413


class ArtifactError(PolicyRouterError):
    """A data file that cannot be used. path: the file. reason: what is wrong with it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class StoreError(PolicyRouterError):
    """The store of counters cannot be reached or is broken. Its text is for people."""

    http_status = 503


class VerbError(StoreError):
    """One verb that cannot be done, however often it is asked; the store itself works."""


class AmountError(VerbError):
    """A verb that would count beyond what the store counts exactly."""


class PolicyError(PolicyRouterError):
    """Policy files that cannot be used.

    diagnostics: every problem found, in file order.
    sources: file name -> text, for drawing the lines they point at.
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
    """A request that got no answer. `decision` says what the policy made of it."""

    http_status = 502

    def __init__(self, decision: Decision, attempts: Sequence[Attempt] = ()) -> None:
        super().__init__(decision, tuple(attempts))
        self.decision = decision
        self.attempts = tuple(attempts)


class NoCandidateError(RoutingError):
    """The policy denied the request or left no model that may answer it.

    refused: candidates of the decision that had no room when they were to be asked.
    retry_at: Unix time from which one of the models may be asked again, when one said so.
    retry_after: the same in seconds from when the request was refused, for that header.
    """

    http_status = 403
    _headline: ClassVar[str] = "no model may answer this request"

    def __init__(
        self, decision: Decision, refused: Sequence[Skip] = (), now: float | None = None
    ) -> None:
        super().__init__(decision)
        self.args = (decision, tuple(refused), now)
        self.refused = tuple(refused)
        times = [s.until for s in (*decision.skipped, *refused) if s.until is not None]
        self.retry_at = min(times, default=None)
        at = self.retry_at
        self.retry_after = None if at is None or now is None else max(at - now, 0.0)

    def __str__(self) -> str:
        if self.decision.denied:
            return f"denied: {self.decision.denied}"
        reasons = [f"{s.model}: {s.detail}" for s in (*self.decision.skipped, *self.refused)]
        return f"{self._headline}\n  " + "\n  ".join(reasons or ["no models"])


class InvalidRequestError(RoutingError, UsageError):
    """The request names what the policy does not know, or has a value out of its range."""

    http_status = 400

    def __str__(self) -> str:
        return f"invalid request: {self.decision.denied}"


class BudgetExceededError(NoCandidateError):
    """A budget is spent, and what is left may not answer."""

    http_status = 402
    _headline = "the budget is spent"


class RateLimitError(NoCandidateError):
    """A rate limit is reached, and what is left may not answer."""

    http_status = 429
    _headline = "the limit is reached"


class StateUnavailableError(NoCandidateError):
    """The counters cannot be reached or have lost data, and what cannot be counted is not sent."""

    http_status = 503
    _headline = "the counters cannot be used"


class CooldownError(NoCandidateError):
    """The policy allows models for this request, and each is cooling down after failures."""

    http_status = 503
    _headline = "the models that may answer are cooling down after failures"


_ERRORS: Final = (
    ("cooling", CooldownError),
    ("budget", BudgetExceededError),
    ("rate_limit", RateLimitError),
    ("state", StateUnavailableError),
)


def no_room(
    decision: Decision, refused: Sequence[Skip] = (), now: float | None = None
) -> NoCandidateError | InvalidRequestError:
    """The error for a request that nobody is left for, by what its models are out for. A model that
    is cooling down is soon there again, whatever keeps the others. Money comes before limits: more
    requests per minute do not help who has none. now: Unix time."""
    if decision.invalid:
        return InvalidRequestError(decision)
    reasons = {s.reason.value for s in (*decision.skipped, *refused)}
    for word, error in _ERRORS:
        if word in reasons and decision.denied is None:
            return error(decision, refused, now)
    return NoCandidateError(decision, refused, now)


class _AttemptsError(RoutingError):
    """What the errors share that end a run of attempts.

    skipped: candidates that were not asked, and why. http_status: by the failure that says most.
    """

    _headline: ClassVar[str]

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        skipped: Sequence[Skip] = (),
        *,
        status: int | None = None,
    ) -> None:
        super().__init__(decision, attempts)
        self.args = (decision, tuple(attempts), tuple(skipped))
        self.skipped = tuple(skipped)
        if status is not None:
            self.http_status = status

    def __str__(self) -> str:
        lines = [f"{a.model}: {a.failure} ({a.detail})" for a in self.attempts]
        lines = lines or ["no attempt was made"]
        lines += [f"{s.model}: not asked: {s.detail}" for s in self.skipped]
        return self._headline + "\n  " + "\n  ".join(lines)


class BadRequestError(_AttemptsError):
    """The request itself was refused: by every model that was asked, or by one where that proves it
    wrong for all. Or the policy says to stop at such a failure."""

    http_status = 400
    _headline = "the request was refused"


class AllModelsFailedError(_AttemptsError):
    """Nobody is left to ask, or the deadline passed.

    retry_after: seconds until the first candidate may be asked again, when that is known.
    """

    _headline = "every model that was asked failed"

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        skipped: Sequence[Skip] = (),
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(decision, attempts, skipped, status=status)
        self.retry_after = retry_after


class StreamBrokenError(_AttemptsError):
    """A stream broke after part of the answer had been given out; what came so far is not whole."""

    _headline = "the stream broke before the answer was whole"
