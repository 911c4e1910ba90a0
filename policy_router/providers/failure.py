"""What can go wrong with a call, whose fault it is, and what follows: the table of reactions.

Nothing here knows a provider or a library; `classify` tells the kinds apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.fallback import Action, FaultClass

if TYPE_CHECKING:
    from collections.abc import Mapping


class FailureKind(StrEnum):
    """The classes of failure. `Attempt.failure` holds one of these.

    BAD_REQUEST: refused, and nothing proves that another model would refuse it too.
    INVALID_REQUEST: proved to be wrong for every model. REFUSED: by a status that says nothing
    about the request, such as 405 or 451. REJECTED: the answer did not pass the
    policy's checks. CANCELLED: the caller went away; nobody failed. INTERNAL: something in this
    process failed, such as an import, or a warning that the program makes an error of.
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
    """Whose fault a failure is, which is what a cooldown takes out.

    REQUEST: this request only; nothing cools, so that no user takes a model away from the others.
    MODEL: one model of the policy, as it is called. KEY: every model called with the same key.
    ACCOUNT: of those, what the account pays for, or what it gets for free. PROVIDER: every model at
    the same provider and address.
    """

    REQUEST = "request"
    MODEL = "model"
    KEY = "key"
    ACCOUNT = "account"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from a kind of failure.

    fault: the name `fallback.on_error` knows it by.
    scope: whose fault it is, unless the evidence says so more closely.
    status, code: what a server tells its caller when this was the last failure.
    again: the same model may be asked once more, when the policy's action says retry.
    counts: it counts towards the model's cooldown.
    rest: seconds of cooldown at once when the provider named no time; 0 for none.
    grows: `rest` doubles with each further failure of this kind until the model answers.
    hinted: a time to wait that the provider names is a cooldown.
    fixed: the action, whatever the policy says.
    default: the action when the policy does not name the fault.
    higher: from here on only models of a higher tier are asked.
    """

    fault: FaultClass
    scope: FailureScope
    status: int
    code: str
    again: bool = False
    counts: bool = False
    rest: float = 0.0
    grows: bool = False
    hinted: bool = False
    fixed: Action | None = None
    default: Action = Action.NEXT
    higher: bool = False


_BAD: Final = FaultClass.BAD_REQUEST
_LIMIT: Final = FaultClass.RATE_LIMIT
_SERVER: Final = FaultClass.SERVER_ERROR
_TIME: Final = FaultClass.TIMEOUT
_REQUEST: Final = FailureScope.REQUEST
_MODEL: Final = FailureScope.MODEL

REACTIONS: Final[Mapping[FailureKind, Reaction]] = MappingProxyType(
    {
        # A rate limit is asked again only when it says after how long (see chain.py).
        FailureKind.RATE_LIMITED: Reaction(
            _LIMIT, _MODEL, 429, "rate_limited", again=True, rest=5, grows=True, hinted=True
        ),
        FailureKind.QUOTA_EXHAUSTED: Reaction(
            _LIMIT, FailureScope.ACCOUNT, 429, "upstream_quota", rest=900, hinted=True
        ),
        # Never 401 to the caller: it is not the caller's credential that is wrong.
        FailureKind.CREDENTIAL: Reaction(
            FaultClass.AUTH, FailureScope.KEY, 502, "upstream_auth", rest=600
        ),
        FailureKind.FORBIDDEN: Reaction(
            FaultClass.AUTH, _MODEL, 502, "upstream_forbidden", rest=600
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
            _BAD, _REQUEST, 400, "invalid_request", default=Action.STOP
        ),
        FailureKind.UNSUPPORTED: Reaction(
            _BAD, _REQUEST, 400, "unsupported_parameter", fixed=Action.NEXT
        ),
        FailureKind.REFUSED: Reaction(
            _SERVER, _REQUEST, 502, "upstream_refused", fixed=Action.NEXT
        ),
        FailureKind.MODEL_GONE: Reaction(
            _SERVER, _MODEL, 502, "model_gone", rest=600, fixed=Action.NEXT
        ),
        FailureKind.CONNECT: Reaction(
            _SERVER, _MODEL, 502, "upstream_unreachable", again=True, counts=True
        ),
        FailureKind.TIMEOUT: Reaction(_TIME, _MODEL, 504, "upstream_timeout", counts=True),
        FailureKind.SERVER_ERROR: Reaction(
            _SERVER, _MODEL, 502, "upstream_error", again=True, counts=True, hinted=True
        ),
        FailureKind.OVERLOADED: Reaction(
            _SERVER,
            _MODEL,
            503,
            "upstream_overloaded",
            counts=True,
            rest=10,
            grows=True,
            hinted=True,
        ),
        FailureKind.CONFLICT: Reaction(_SERVER, _REQUEST, 502, "upstream_conflict", again=True),
        FailureKind.CONNECTION_LOST: Reaction(
            _SERVER, _MODEL, 502, "connection_lost", again=True, counts=True
        ),
        # May have been billed already: another model is asked, not the same one again.
        FailureKind.MALFORMED: Reaction(_SERVER, _MODEL, 502, "malformed_answer", counts=True),
        FailureKind.EMPTY: Reaction(_SERVER, _REQUEST, 502, "empty_answer", fixed=Action.NEXT),
        # The model did what it could, and nothing is wrong with its service.
        FailureKind.REJECTED: Reaction(
            _SERVER, _REQUEST, 502, "answer_rejected", fixed=Action.NEXT, higher=True
        ),
        FailureKind.STREAM_BROKEN: Reaction(
            _SERVER, _MODEL, 502, "stream_broken", again=True, counts=True
        ),
        FailureKind.DEADLINE: Reaction(_TIME, _REQUEST, 504, "deadline"),
        FailureKind.CANCELLED: Reaction(_TIME, _REQUEST, 499, "cancelled", fixed=Action.STOP),
        # Following a redirect would post the prompt and the key to a host nobody named.
        FailureKind.REDIRECTED: Reaction(
            _SERVER, _MODEL, 502, "upstream_redirect", rest=600, fixed=Action.NEXT
        ),
        # No model is at fault, so none is taken out; another caller's code may well work.
        FailureKind.INTERNAL: Reaction(_SERVER, _REQUEST, 500, "internal_error", fixed=Action.NEXT),
        FailureKind.UNKNOWN: Reaction(_SERVER, _MODEL, 502, "upstream_error", counts=True),
    }
)

OWN_FAULTS: Final = frozenset(
    {FaultClass.BAD_REQUEST, FaultClass.CONTEXT_TOO_LONG, FaultClass.CONTENT_FILTER}
)
"""Faults that lie in the request: when nothing else happened, it is the request that failed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    status: HTTP status, when one came. detail: at most 200 characters, without keys or prompt.
    retry_after: seconds the provider asked to wait. certain: False when nothing but a text that
    the caller may have written says so; such a failure never takes a model out. sent: False when
    it is certain that nothing left. narrowed: whose
    fault it is where that differs from what the kind stands for.
    """

    kind: FailureKind
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
    certain: bool = True
    sent: bool = True
    narrowed: FailureScope | None = None

    @property
    def scope(self) -> FailureScope:
        """Whose fault it is."""
        return self.narrowed or self.reaction.scope

    @property
    def reaction(self) -> Reaction:
        """The table's row for this kind."""
        return REACTIONS[self.kind]

    @property
    def fault(self) -> FaultClass:
        """The name `fallback.on_error` knows it by."""
        return self.reaction.fault


class CallFailed(Exception):  # noqa: N818  internal: carries a Failure from a caller, never leaves
    """Raised by a Caller in place of whatever its provider raised."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure
