"""The exceptions a caller may catch. Problems in a policy file are data; these carry that data.

PolicyRouterError
├── PolicyError      policy files that cannot be used; holds every diagnostic
├── UsageError       a call that makes no sense, whatever the policy says
├── ArtifactError    a data file of a model that is damaged or was made for another version
└── RoutingError     a request that got no answer; holds the decision
    ├── NoCandidateError   the policy left no model, or denied the request
    ├── RequestError       a provider refused the request itself; another model would refuse it too
    ├── ExhaustedError     every candidate was tried and failed, or the deadline passed
    └── StreamBrokenError  a stream that broke after part of the answer was given out
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.diagnostics import Diagnostic
    from policy_router.model import Attempt, Decision


class PolicyRouterError(Exception):
    """Base of everything this package raises on purpose.

    `http_status` is the status a server in front of the caller would answer with.
    """

    http_status: ClassVar[int] = 500


class UsageError(PolicyRouterError):
    """The call itself is wrong: an option that does not exist, a value out of range."""

    http_status = 400


class ArtifactError(PolicyRouterError):
    """A data file that cannot be used. path: the file. reason: what is wrong with it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


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
    """The policy denied the request or left no model that may answer it."""

    http_status = 403

    def __str__(self) -> str:
        if self.decision.denied:
            return f"denied: {self.decision.denied}"
        reasons = [f"{s.model}: {s.detail}" for s in self.decision.skipped]
        return "no model may answer this request\n  " + "\n  ".join(reasons or ["no models"])


class _AttemptsError(RoutingError):
    """Shared wording of the two errors that end a run of attempts."""

    _headline: ClassVar[str]

    def __str__(self) -> str:
        lines = [f"{a.model}: {a.failure} ({a.detail})" for a in self.attempts]
        return self._headline + "\n  " + "\n  ".join(lines or ["no attempt was made"])


class RequestError(_AttemptsError):
    """A provider refused the request itself, and the policy says to stop there."""

    http_status = 400
    _headline = "the request was refused"


class ExhaustedError(_AttemptsError):
    """Every candidate failed, or the deadline passed.

    retry_after: seconds until the first candidate may be asked again, when one said so.
    """

    _headline = "every model failed"

    def __init__(
        self,
        decision: Decision,
        attempts: Sequence[Attempt] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(decision, attempts)
        self.args = (decision, tuple(attempts), retry_after)
        self.retry_after = retry_after


class StreamBrokenError(_AttemptsError):
    """A stream broke after part of the answer had been given out; what came so far is not whole."""

    _headline = "the stream broke before the answer was whole"
