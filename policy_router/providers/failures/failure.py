"""The kinds of failure, each with the reaction to it in one table.

Nothing here knows a provider or a library; `classify` distinguishes the kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.fallback import Action, FaultClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.original import OriginalError


class FailureKind(StrEnum):
    """The classes of failure; `Attempt.failure` holds one of them.

    Attributes:
        BAD_REQUEST: The model refused the request; another model may accept it.
        INVALID_REQUEST: The request is wrong for every model.
        REFUSED: Refused with a status that says nothing about the request, such as 405 or 451.
        REJECTED: The answer did not pass the policy's checks.
        CANCELLED: The caller stopped waiting; no model failed.
        INTERNAL: Something in this process failed, such as an import, or a warning that the program
            turns into an error.
    """

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CREDENTIAL = "credential"
    FORBIDDEN = "forbidden"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_POLICY = "content_policy"
    BAD_REQUEST = "bad_request"
    INVALID_REQUEST = "invalid_request"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    MODEL_GONE = "model_gone"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    CONFLICT = "conflict"
    CONNECTION_LOST = "connection_lost"
    MALFORMED = "malformed"
    EMPTY = "empty"
    REJECTED = "rejected"
    STREAM_BROKEN = "stream_broken"
    DEADLINE = "deadline"
    REDIRECTED = "redirected"
    CANCELLED = "cancelled"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class FailureScope(StrEnum):
    """What a failure affects, and so puts in cooldown.

    Attributes:
        REQUEST: Only this request. Nothing cools down, so that one user cannot take a model away
            from the others.
        USER: One model of the policy, for one user (see `breaker_scope`).
        MODEL: One model of the policy.
        KEY: Every model that is called with the same key.
        ACCOUNT: Of the models with the same key, either all paid ones or all free ones.
        PROVIDER: Every model at the same provider and address.
    """

    REQUEST = "request"
    USER = "user"
    MODEL = "model"
    KEY = "key"
    ACCOUNT = "account"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from a kind of failure.

    Attributes:
        fault: The name of the failure in `fallback.on_error`.
        scope: What it affects, unless the evidence is more exact.
        status: The HTTP status that a server answers with when this was the last failure.
        code: The error code that it answers with.
        retryable: Whether the same model may be called once more, where the policy's action is
            `retry`.
        counts_for_cooldown: Whether it counts towards the model's cooldown.
        cooldown: Seconds of cooldown that begin at once when the provider names no time to wait; 0
            for none.
        doubles: Whether `cooldown` doubles with each further failure of this kind until the model
            answers.
        honors_retry_after: Whether a time to wait that the provider names is a cooldown.
        fixed_action: The action, whatever the policy says; None leaves it to the policy.
        default_action: The action when the policy does not name the fault.
        needs_higher_tier: Whether only models of a higher tier are called from here on.
    """

    fault: FaultClass
    scope: FailureScope
    status: int
    code: str
    retryable: bool = False
    counts_for_cooldown: bool = False
    cooldown: float = 0.0
    doubles: bool = False
    honors_retry_after: bool = False
    fixed_action: Action | None = None
    default_action: Action = Action.NEXT
    needs_higher_tier: bool = False


_BAD: Final = FaultClass.BAD_REQUEST
_LIMIT: Final = FaultClass.RATE_LIMIT
_SERVER: Final = FaultClass.SERVER_ERROR
_TIME: Final = FaultClass.TIMEOUT
_REQUEST: Final = FailureScope.REQUEST
_MODEL: Final = FailureScope.MODEL

REACTIONS: Final[Mapping[FailureKind, Reaction]] = MappingProxyType(
    {
        # Called again after a rate limit only when the provider says when (see `chain`).
        FailureKind.RATE_LIMITED: Reaction(
            _LIMIT,
            _MODEL,
            429,
            "rate_limited",
            retryable=True,
            cooldown=5,
            doubles=True,
            honors_retry_after=True,
        ),
        FailureKind.QUOTA_EXHAUSTED: Reaction(
            _LIMIT,
            FailureScope.ACCOUNT,
            429,
            "upstream_quota",
            cooldown=900,
            honors_retry_after=True,
        ),
        # Never 401 to the caller: it is not the caller's credential that is wrong.
        FailureKind.CREDENTIAL: Reaction(
            FaultClass.AUTH, FailureScope.KEY, 502, "upstream_auth", cooldown=600
        ),
        FailureKind.FORBIDDEN: Reaction(
            FaultClass.AUTH, _MODEL, 502, "upstream_forbidden", cooldown=600
        ),
        FailureKind.CONTEXT_TOO_LONG: Reaction(
            FaultClass.CONTEXT_TOO_LONG, _REQUEST, 400, "context_length_exceeded"
        ),
        FailureKind.CONTENT_POLICY: Reaction(
            FaultClass.CONTENT_FILTER, _REQUEST, 400, "content_filter"
        ),
        # Faults of the account, the key, the model or its abilities come as 400 too.
        FailureKind.BAD_REQUEST: Reaction(_BAD, _REQUEST, 400, "bad_request"),
        FailureKind.INVALID_REQUEST: Reaction(
            _BAD, _REQUEST, 400, "invalid_request", default_action=Action.STOP
        ),
        FailureKind.UNSUPPORTED: Reaction(
            _BAD, _REQUEST, 400, "unsupported_parameter", fixed_action=Action.NEXT
        ),
        FailureKind.REFUSED: Reaction(
            _SERVER, _REQUEST, 502, "upstream_refused", fixed_action=Action.NEXT
        ),
        FailureKind.MODEL_GONE: Reaction(
            _SERVER, _MODEL, 502, "model_gone", cooldown=600, fixed_action=Action.NEXT
        ),
        FailureKind.CONNECT: Reaction(
            _SERVER, _MODEL, 502, "upstream_unreachable", retryable=True, counts_for_cooldown=True
        ),
        FailureKind.TIMEOUT: Reaction(
            _TIME, _MODEL, 504, "upstream_timeout", counts_for_cooldown=True
        ),
        FailureKind.SERVER_ERROR: Reaction(
            _SERVER,
            _MODEL,
            502,
            "upstream_error",
            retryable=True,
            counts_for_cooldown=True,
            honors_retry_after=True,
        ),
        FailureKind.OVERLOADED: Reaction(
            _SERVER,
            _MODEL,
            503,
            "upstream_overloaded",
            counts_for_cooldown=True,
            cooldown=10,
            doubles=True,
            honors_retry_after=True,
        ),
        FailureKind.CONFLICT: Reaction(_SERVER, _REQUEST, 502, "upstream_conflict", retryable=True),
        FailureKind.CONNECTION_LOST: Reaction(
            _SERVER, _MODEL, 502, "connection_lost", retryable=True, counts_for_cooldown=True
        ),
        # May have been billed already: another model is called, not the same one again.
        FailureKind.MALFORMED: Reaction(
            _SERVER, _MODEL, 502, "malformed_answer", counts_for_cooldown=True
        ),
        FailureKind.EMPTY: Reaction(
            _SERVER, _REQUEST, 502, "empty_answer", fixed_action=Action.NEXT
        ),
        # The model answered, and nothing is wrong with its service.
        FailureKind.REJECTED: Reaction(
            _SERVER,
            _REQUEST,
            502,
            "answer_rejected",
            fixed_action=Action.NEXT,
            needs_higher_tier=True,
        ),
        FailureKind.STREAM_BROKEN: Reaction(
            _SERVER, _MODEL, 502, "stream_broken", retryable=True, counts_for_cooldown=True
        ),
        FailureKind.DEADLINE: Reaction(_TIME, _REQUEST, 504, "deadline"),
        FailureKind.CANCELLED: Reaction(
            _TIME, _REQUEST, 499, "cancelled", fixed_action=Action.STOP
        ),
        # Following a redirect would send the prompt and the key to a host that is not configured.
        FailureKind.REDIRECTED: Reaction(
            _SERVER, _MODEL, 502, "upstream_redirect", cooldown=600, fixed_action=Action.NEXT
        ),
        # No model is at fault, so none cools down; the code that calls another one may work.
        FailureKind.INTERNAL: Reaction(
            _SERVER, _REQUEST, 500, "internal_error", fixed_action=Action.NEXT
        ),
        FailureKind.UNKNOWN: Reaction(
            _SERVER, _MODEL, 502, "upstream_error", counts_for_cooldown=True
        ),
    }
)

OWN_FAULTS: Final = frozenset(
    {FaultClass.BAD_REQUEST, FaultClass.CONTEXT_TOO_LONG, FaultClass.CONTENT_FILTER}
)
"""Faults of the request itself: when all failures are of these classes, the request is to blame."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Attributes:
        kind: The class of the failure.
        detail: At most 200 characters for logs and messages, without keys or parts of the prompt.
        status: The HTTP status; None when no answer arrived.
        retry_after: Seconds to wait, as requested by the provider.
        certain: False when the only evidence is a text that may quote the prompt. Such a failure
            never puts a model in cooldown.
        sent: False when it is certain that no part of the request left this process.
        scope_override: What it affects, where that differs from the scope of the kind.
        original: The answer that states the failure, for a server that relays it; None when there
            is none to relay.
    """

    kind: FailureKind
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
    certain: bool = True
    sent: bool = True
    scope_override: FailureScope | None = None
    original: OriginalError | None = field(default=None, repr=False, compare=False)

    @property
    def scope(self) -> FailureScope:
        """What the failure affects."""
        return self.scope_override or self.reaction.scope

    @property
    def reaction(self) -> Reaction:
        """The reaction to this kind."""
        return REACTIONS[self.kind]

    @property
    def fault(self) -> FaultClass:
        """The name of the failure in `fallback.on_error`."""
        return self.reaction.fault


class CallFailed(Exception):  # noqa: N818  internal: carries a Failure from a caller, never leaves
    """Raised by a Caller in place of any other exception.

    Attributes:
        failure: Why the call failed.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure
