"""What can go wrong with a call, how it is told apart, and what follows: the tables.

Nothing here knows a provider or a library. `classify` takes evidence that was gathered elsewhere
and trusts it in this order: the error code of the body, a transport error (then no status came),
the HTTP status, the class a library gave it, and only then the text. Text comes last because
providers echo prompts in their messages: else a user's words could put a model into cooldown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.model import Action, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Kind(StrEnum):
    """The classes of failure. `Attempt.failure` holds one of these. CANCELLED: the caller went
    away; nobody failed. REJECTED: the answer did not pass the policy's checks. INTERNAL: something
    in this process failed, such as an import, or a warning that the program makes an error of."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CREDENTIAL = "credential"
    FORBIDDEN = "forbidden"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_POLICY = "content_policy"
    BAD_REQUEST = "bad_request"
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


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from a kind of failure.

    fault: the name `fallback.on_error` knows it by.
    status, code: what a server tells its caller when this was the last failure.
    again: the same model may be asked once more, when the policy's action says retry.
    counts: it counts towards the model's cooldown.
    rest: seconds the model is left alone at once when the provider named no time; 0 for not.
    fixed: the action, whatever the policy says.
    higher: from here on only models of a higher tier are asked.
    """

    fault: Fault
    status: int
    code: str
    again: bool = False
    counts: bool = False
    rest: float = 0.0
    fixed: Action | None = None
    higher: bool = False


_BAD: Final = Fault.BAD_REQUEST
_LIMIT: Final = Fault.RATE_LIMIT
_SERVER: Final = Fault.SERVER_ERROR
_TIME: Final = Fault.TIMEOUT

REACTIONS: Final[Mapping[Kind, Reaction]] = MappingProxyType(
    {
        # A rate limit is asked again only when it says after how long (see chain.py).
        Kind.RATE_LIMITED: Reaction(_LIMIT, 429, "rate_limited", again=True, rest=5),
        Kind.QUOTA_EXHAUSTED: Reaction(_LIMIT, 429, "upstream_quota", rest=900),
        # Never 401 to the caller: it is not the caller's credential that is wrong.
        Kind.CREDENTIAL: Reaction(Fault.AUTH, 502, "upstream_auth", rest=600),
        Kind.FORBIDDEN: Reaction(Fault.AUTH, 502, "upstream_forbidden", rest=600),
        Kind.CONTEXT_TOO_LONG: Reaction(Fault.CONTEXT_TOO_LONG, 400, "context_length_exceeded"),
        Kind.CONTENT_POLICY: Reaction(Fault.CONTENT_FILTER, 400, "content_filter"),
        Kind.BAD_REQUEST: Reaction(_BAD, 400, "bad_request"),
        Kind.UNSUPPORTED: Reaction(_BAD, 400, "unsupported_parameter", fixed=Action.NEXT),
        Kind.MODEL_GONE: Reaction(_SERVER, 502, "model_gone", rest=600, fixed=Action.NEXT),
        Kind.CONNECT: Reaction(_SERVER, 502, "upstream_unreachable", again=True, counts=True),
        Kind.TIMEOUT: Reaction(_TIME, 504, "upstream_timeout", counts=True),
        Kind.SERVER_ERROR: Reaction(_SERVER, 502, "upstream_error", again=True, counts=True),
        Kind.OVERLOADED: Reaction(_SERVER, 503, "upstream_overloaded", counts=True, rest=10),
        Kind.CONFLICT: Reaction(_SERVER, 502, "upstream_conflict", again=True),
        Kind.CONNECTION_LOST: Reaction(_SERVER, 502, "connection_lost", again=True, counts=True),
        # May have been billed already: another model is asked, not the same one again.
        Kind.MALFORMED: Reaction(_SERVER, 502, "malformed_answer", counts=True),
        Kind.EMPTY: Reaction(_SERVER, 502, "empty_answer", fixed=Action.NEXT),
        # The model did what it could, and nothing is wrong with its service.
        Kind.REJECTED: Reaction(_SERVER, 502, "answer_rejected", fixed=Action.NEXT, higher=True),
        Kind.STREAM_BROKEN: Reaction(_SERVER, 502, "stream_broken", again=True, counts=True),
        Kind.DEADLINE: Reaction(_TIME, 504, "deadline"),
        Kind.CANCELLED: Reaction(_TIME, 499, "cancelled", fixed=Action.STOP),
        # Following a redirect would post the prompt and the key to a host nobody named.
        Kind.REDIRECTED: Reaction(_SERVER, 502, "upstream_redirect", rest=600, fixed=Action.NEXT),
        # No model is at fault, so none is taken out; another caller's code may well work.
        Kind.INTERNAL: Reaction(_SERVER, 500, "internal_error", fixed=Action.NEXT),
        Kind.UNKNOWN: Reaction(_SERVER, 502, "upstream_error", counts=True),
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    status: HTTP status, when one came. detail: at most 200 characters, without keys or prompt.
    retry_after: seconds the provider asked to wait. certain: False when only the text said so;
    such a failure never takes a model out. sent: False when it is certain that nothing left.
    """

    kind: Kind
    detail: str = ""
    status: int | None = None
    retry_after: float | None = None
    certain: bool = True
    sent: bool = True

    @property
    def reaction(self) -> Reaction:
        """The table's row for this kind."""
        return REACTIONS[self.kind]

    @property
    def fault(self) -> Fault:
        """The name `fallback.on_error` knows it by."""
        return self.reaction.fault


class CallFailed(Exception):  # noqa: N818  internal: carries a Failure from a caller, never leaves
    """Raised by a Caller in place of whatever its provider raised."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failed call, before anyone judged it.

    codes: `error.code` and `error.type` of the body. status: the status on the wire.
    transport: class names of network errors, innermost first. library: the class name the
    calling library gave it. text: its message; only read, never kept. internal: something was
    raised that only this process raises.
    """

    codes: tuple[str, ...] = ()
    status: int | None = None
    transport: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    text: str = ""
    detail: str = ""
    retry_after: float | None = None
    internal: bool = False


def classify(evidence: Evidence) -> Failure:
    """The failure that the evidence speaks for."""
    kind, certain = _judge(evidence)
    e = evidence
    return Failure(kind, e.detail[:200], e.status, e.retry_after, certain)


def _judge(e: Evidence) -> tuple[Kind, bool]:
    """The kind, and whether more than the text speaks for it."""
    codes = [code.lower() for code in e.codes]
    if e.internal and e.status is None:
        return Kind.INTERNAL, True
    known = _first(codes, CODES) or _first(e.transport, TRANSPORT)
    if known is None and any(code.endswith("_spend_limit_exceeded") for code in codes):
        known = Kind.QUOTA_EXHAUSTED
    if known is None and e.status in _VAGUE_STATUSES:
        known = _first(e.library, REFINEMENTS)
        said = _said(e.text) if known is None else None
        return (said, False) if said is not None else (known or Kind.BAD_REQUEST, True)
    if known is None and e.status is not None:
        known = of_status(e.status)
    known = known or _first(codes, COARSE) or _first(e.library, LIBRARY)
    return (known, True) if known is not None else (_said(e.text) or Kind.UNKNOWN, False)


def _first(names: Iterable[str], table: Mapping[str, Kind]) -> Kind | None:
    return next((table[name] for name in names if name in table), None)


def of_status(status: int) -> Kind:
    """The kind a bare HTTP status stands for."""
    if status in STATUSES:
        return STATUSES[status]
    return _HUNDREDS.get(status // 100, Kind.UNKNOWN)


def _said(text: str) -> Kind | None:
    return next((kind for pattern, kind in PHRASES if pattern.search(text)), None)


CODES: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "rate_limit_exceeded": Kind.RATE_LIMITED,
        "rate_limit_error": Kind.RATE_LIMITED,
        "too_many_requests": Kind.RATE_LIMITED,
        "insufficient_quota": Kind.QUOTA_EXHAUSTED,
        "credit_balance_exhausted": Kind.QUOTA_EXHAUSTED,
        "enforced_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
        "organization_usage_limit_exceeded": Kind.QUOTA_EXHAUSTED,
        "billing_hard_limit_reached": Kind.QUOTA_EXHAUSTED,
        "billing_error": Kind.QUOTA_EXHAUSTED,
        "free-models-per-day": Kind.QUOTA_EXHAUSTED,
        "invalid_api_key": Kind.CREDENTIAL,
        "authentication_error": Kind.CREDENTIAL,
        "permission_error": Kind.FORBIDDEN,
        "unsupported_country_region_territory": Kind.FORBIDDEN,
        "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
        "request_too_large": Kind.CONTEXT_TOO_LONG,
        "string_above_max_length": Kind.CONTEXT_TOO_LONG,
        "content_filter": Kind.CONTENT_POLICY,
        "content_policy_violation": Kind.CONTENT_POLICY,
        "responsibleaipolicyviolation": Kind.CONTENT_POLICY,
        "unsupported_parameter": Kind.UNSUPPORTED,
        "unsupported_value": Kind.UNSUPPORTED,
        "model_not_found": Kind.MODEL_GONE,
        "not_found_error": Kind.MODEL_GONE,
        "overloaded_error": Kind.OVERLOADED,
        "overloaded": Kind.OVERLOADED,
        "timeout_error": Kind.TIMEOUT,
    }
)

COARSE: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "server_error": Kind.SERVER_ERROR,
        "api_error": Kind.SERVER_ERROR,
        "invalid_request_error": Kind.BAD_REQUEST,
    }
)
"""Codes that say less than a status does; they count when none came, as in events of a stream."""

STATUSES: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        200: Kind.MALFORMED,
        401: Kind.CREDENTIAL,
        402: Kind.QUOTA_EXHAUSTED,
        403: Kind.FORBIDDEN,
        404: Kind.MODEL_GONE,
        408: Kind.CONNECT,
        409: Kind.CONFLICT,
        410: Kind.MODEL_GONE,
        413: Kind.CONTEXT_TOO_LONG,
        425: Kind.CONFLICT,
        429: Kind.RATE_LIMITED,
        529: Kind.OVERLOADED,
    }
)
_HUNDREDS: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        2: Kind.MALFORMED,
        3: Kind.REDIRECTED,
        4: Kind.BAD_REQUEST,
        5: Kind.SERVER_ERROR,
    }
)
_VAGUE_STATUSES: Final = frozenset({400, 422})

TRANSPORT: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "ConnectError": Kind.CONNECT,
        "ConnectTimeout": Kind.CONNECT,
        "ConnectionRefusedError": Kind.CONNECT,
        "ClientConnectorError": Kind.CONNECT,
        "gaierror": Kind.CONNECT,
        "SSLError": Kind.CONNECT,
        "PoolTimeout": Kind.CONNECT,
        "ReadTimeout": Kind.TIMEOUT,
        "WriteTimeout": Kind.TIMEOUT,
        "SocketTimeoutError": Kind.TIMEOUT,
        "ServerTimeoutError": Kind.TIMEOUT,
        "ReadError": Kind.CONNECTION_LOST,
        "WriteError": Kind.CONNECTION_LOST,
        "RemoteProtocolError": Kind.CONNECTION_LOST,
        "ConnectionResetError": Kind.CONNECTION_LOST,
        "ServerDisconnectedError": Kind.CONNECTION_LOST,
        "ClientOSError": Kind.CONNECTION_LOST,
        "ClientPayloadError": Kind.MALFORMED,
        "IncompleteRead": Kind.MALFORMED,
        "JSONDecodeError": Kind.MALFORMED,
        "DecodingError": Kind.MALFORMED,
        "TooManyRedirects": Kind.REDIRECTED,
    }
)

REFINEMENTS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "ContextWindowExceededError": Kind.CONTEXT_TOO_LONG,
        "ContentPolicyViolationError": Kind.CONTENT_POLICY,
        "UnsupportedParamsError": Kind.UNSUPPORTED,
    }
)
"""What a library's class may make of a 400. Anything else it says against the status is a guess
from the text: a 400 whose message speaks of rate limits is no rate limit."""

LIBRARY: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **REFINEMENTS,
        "AuthenticationError": Kind.CREDENTIAL,
        "PermissionDeniedError": Kind.FORBIDDEN,
        "NotFoundError": Kind.MODEL_GONE,
        "RateLimitError": Kind.RATE_LIMITED,
        "PaymentRequiredError": Kind.QUOTA_EXHAUSTED,
        "Timeout": Kind.TIMEOUT,
        "APITimeoutError": Kind.TIMEOUT,
        "BadRequestError": Kind.BAD_REQUEST,
        "UnprocessableEntityError": Kind.BAD_REQUEST,
        "ServiceUnavailableError": Kind.SERVER_ERROR,
        "BadGatewayError": Kind.SERVER_ERROR,
        "InternalServerError": Kind.MALFORMED,
        "APIConnectionError": Kind.MALFORMED,
        "APIError": Kind.MALFORMED,
        "APIResponseValidationError": Kind.MALFORMED,
        "JSONSchemaValidationError": Kind.MALFORMED,
    }
)
"""Asked last, when no status and no network error was seen. Then LiteLLM's InternalServerError,
APIConnectionError and APIError mean that an answer came and could not be read."""


def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


PHRASES: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = (
    (_phrase(r"exceeds? the context window"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"maximum context length"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"context[ _]length[ _]exceeded"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"prompt is too long"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"input (?:token count|length) .{0,40}exceeds"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"too many (?:input )?tokens"), Kind.CONTEXT_TOO_LONG),
    (_phrase(r"specified API usage limits"), Kind.QUOTA_EXHAUSTED),
    (_phrase(r"content (?:management )?policy"), Kind.CONTENT_POLICY),
    (_phrase(r"content[ _]filter"), Kind.CONTENT_POLICY),
    (_phrase(r"unsupported parameter"), Kind.UNSUPPORTED),
    (_phrase(r"does not support (?:the )?parameter"), Kind.UNSUPPORTED),
)
