"""Tells the kinds of failure apart by the evidence: the tables.

Nothing here knows a library. Evidence is trusted in this order: the error code of the body, a
transport error (then no status came), the HTTP status, the class a library gave it, and only then
the text (see `phrases`), because providers quote prompts in their messages: else a user's words
could put a model into cooldown.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import Failure, FailureKind, FailureScope
from policy_router.providers.phrases import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failed call, before anyone judged it.

    codes: what the body holds of `code`, `type`, `status`, `reason`, the most specific first.
    status: the status on the wire. stated: the status that the body names, as gateways do inside a
    200. page: a web page came in place of a body of the API. transport: class names of network
    errors, innermost first. library: the class name the calling library gave it. texts: the
    messages; only read, never kept. quoted: a message repeats the prompt. internal: something was
    raised that only this process raises.
    """

    codes: tuple[str, ...] = ()
    status: int | None = None
    stated: int | None = None
    page: bool = False
    transport: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    quoted: bool = False
    detail: str = ""
    retry_after: float | None = None
    internal: bool = False


def classify(evidence: Evidence) -> Failure:
    """The failure that the evidence speaks for."""
    e = evidence
    kind, scope, certain = _judge(e)
    row = find(e.texts, kind)
    if row is not None:
        # A status that is clear stays certain, whatever the text makes of it.
        certain = (certain and kind not in _UNCLEAR) or not e.quoted
        kind, scope = row.kind, row.scope
    scope = scope or _narrowed(kind, e)
    return Failure(kind, e.detail[:200], e.status, e.retry_after, certain, narrowed=scope)


_UNCLEAR: Final = frozenset({FailureKind.BAD_REQUEST, FailureKind.UNKNOWN, FailureKind.MALFORMED})


def _judge(e: Evidence) -> tuple[FailureKind, FailureScope | None, bool]:
    """The kind, whose fault it is where a code says so, and whether more than a guess speaks for
    it."""
    codes = [code.lower() for code in e.codes]
    if e.internal and e.status is None:
        return FailureKind.INTERNAL, None, True
    code = next((c for c in codes if c in CODES), None)
    if code is not None:
        return CODES[code], CODE_SCOPES.get(code), True
    if any(c.endswith("_spend_limit_exceeded") for c in codes):
        return FailureKind.QUOTA_EXHAUSTED, None, True
    known = _first(e.transport, TRANSPORT)
    if known is not None:
        return known, None, True
    status = e.status if e.status is not None and e.status >= _REFUSAL else e.stated or e.status
    if status in _VAGUE_STATUSES:
        return _first(e.library, REFINEMENTS) or FailureKind.BAD_REQUEST, None, True
    if status is not None and (status >= _REFUSAL or not any(c in COARSE for c in codes)):
        return of_status(status), None, True
    known = _first(codes, COARSE) or _first(e.library, LIBRARY)
    return (known, None, True) if known is not None else (FailureKind.UNKNOWN, None, False)


def _first(names: Iterable[str], table: Mapping[str, FailureKind]) -> FailureKind | None:
    return next((table[name] for name in names if name in table), None)


def _narrowed(kind: FailureKind, e: Evidence) -> FailureScope | None:
    """Whose fault it is, where the shape of the refusal says so."""
    if kind is FailureKind.FORBIDDEN and e.page:
        return FailureScope.REQUEST  # a firewall in front of the API did not like these words
    if kind is FailureKind.RATE_LIMITED and e.status == _TOO_LARGE:
        return FailureScope.REQUEST  # this request alone is more than the limit
    return None


def of_status(status: int) -> FailureKind:
    """The kind a bare HTTP status stands for."""
    if status in STATUSES:
        return STATUSES[status]
    return _HUNDREDS.get(status // 100, FailureKind.UNKNOWN)


_REFUSAL: Final = 300
"""The least status that refuses a request."""
_TOO_LARGE: Final = 413
_VAGUE_STATUSES: Final = frozenset({400, 422})

CODES: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        # Limits of a time. Those with `per` are read from Google's quota names.
        "quota_per_day_per_model": FailureKind.QUOTA_EXHAUSTED,
        "quota_per_day": FailureKind.QUOTA_EXHAUSTED,
        "rate_limit_exceeded": FailureKind.RATE_LIMITED,
        "rate_limit_error": FailureKind.RATE_LIMITED,
        "rate_limit_reached": FailureKind.RATE_LIMITED,
        "rate_limited": FailureKind.RATE_LIMITED,
        "too_many_requests": FailureKind.RATE_LIMITED,
        "toomanyrequests": FailureKind.RATE_LIMITED,
        "ratelimitreached": FailureKind.RATE_LIMITED,
        "throttlingexception": FailureKind.RATE_LIMITED,
        "throttling": FailureKind.RATE_LIMITED,
        "throttling.ratequota": FailureKind.RATE_LIMITED,
        "throttling.allocationquota": FailureKind.RATE_LIMITED,
        "1302": FailureKind.RATE_LIMITED,  # Z.ai
        # Money and quotas of the account
        "insufficient_quota": FailureKind.QUOTA_EXHAUSTED,
        "credit_balance_exhausted": FailureKind.QUOTA_EXHAUSTED,
        "insufficient_credits": FailureKind.QUOTA_EXHAUSTED,
        "insufficient_balance": FailureKind.QUOTA_EXHAUSTED,
        "exceeded_current_quota_error": FailureKind.QUOTA_EXHAUSTED,
        "enforced_spend_limit_reached": FailureKind.QUOTA_EXHAUSTED,
        "organization_usage_limit_exceeded": FailureKind.QUOTA_EXHAUSTED,
        "billing_hard_limit_reached": FailureKind.QUOTA_EXHAUSTED,
        "billing_not_active": FailureKind.QUOTA_EXHAUSTED,
        "billing_disabled": FailureKind.QUOTA_EXHAUSTED,
        "billing_error": FailureKind.QUOTA_EXHAUSTED,
        "free-models-per-day": FailureKind.QUOTA_EXHAUSTED,
        "servicequotaexceededexception": FailureKind.QUOTA_EXHAUSTED,
        "arrearage": FailureKind.QUOTA_EXHAUSTED,  # DashScope
        "1113": FailureKind.QUOTA_EXHAUSTED,  # Z.ai
        # The key
        "invalid_api_key": FailureKind.CREDENTIAL,
        "api_key_invalid": FailureKind.CREDENTIAL,
        "api_key_expired": FailureKind.CREDENTIAL,
        "api_key_service_blocked": FailureKind.CREDENTIAL,
        "api_key_http_referrer_blocked": FailureKind.CREDENTIAL,
        "api_key_ip_address_blocked": FailureKind.CREDENTIAL,
        "account_deactivated": FailureKind.CREDENTIAL,
        "access_token_expired": FailureKind.CREDENTIAL,
        "credentials_missing": FailureKind.CREDENTIAL,
        "authentication_error": FailureKind.CREDENTIAL,
        "invalid_authentication_error": FailureKind.CREDENTIAL,
        "unauthorized": FailureKind.CREDENTIAL,
        "unrecognizedclientexception": FailureKind.CREDENTIAL,
        "expiredtokenexception": FailureKind.CREDENTIAL,
        "invalidsignatureexception": FailureKind.CREDENTIAL,
        "incompletesignatureexception": FailureKind.CREDENTIAL,
        "missingauthenticationtokenexception": FailureKind.CREDENTIAL,
        # What the account may not do
        "permission_error": FailureKind.FORBIDDEN,
        "permission_denied_error": FailureKind.FORBIDDEN,
        "accessdeniedexception": FailureKind.FORBIDDEN,
        "service_disabled": FailureKind.FORBIDDEN,
        "unsupported_country_region_territory": FailureKind.FORBIDDEN,
        # Length
        "context_length_exceeded": FailureKind.CONTEXT_TOO_LONG,
        "context_window_exceeded": FailureKind.CONTEXT_TOO_LONG,
        "exceed_context_size_error": FailureKind.CONTEXT_TOO_LONG,
        "model_max_prompt_tokens_exceeded": FailureKind.CONTEXT_TOO_LONG,
        "tokens_limit_reached": FailureKind.CONTEXT_TOO_LONG,
        "prompt_too_long": FailureKind.CONTEXT_TOO_LONG,
        "request_too_large": FailureKind.CONTEXT_TOO_LONG,
        "1261": FailureKind.CONTEXT_TOO_LONG,  # Z.ai
        # Content
        "content_filter": FailureKind.CONTENT_POLICY,
        "content_policy_violation": FailureKind.CONTENT_POLICY,
        "contentfilter": FailureKind.CONTENT_POLICY,
        "responsibleaipolicyviolation": FailureKind.CONTENT_POLICY,
        "content_moderation": FailureKind.CONTENT_POLICY,
        "moderation_blocked": FailureKind.CONTENT_POLICY,
        "data_inspection_failed": FailureKind.CONTENT_POLICY,
        "datainspectionfailed": FailureKind.CONTENT_POLICY,
        "image_content_policy_violation": FailureKind.CONTENT_POLICY,
        "1301": FailureKind.CONTENT_POLICY,  # Z.ai
        # What this model cannot do
        "unsupported_parameter": FailureKind.UNSUPPORTED,
        "unsupported_value": FailureKind.UNSUPPORTED,
        "unsupported_model": FailureKind.UNSUPPORTED,
        "unknown_parameter": FailureKind.UNSUPPORTED,
        "extra_forbidden": FailureKind.UNSUPPORTED,
        "string_above_max_length": FailureKind.UNSUPPORTED,
        # The model failed at what was asked of it; another may not.
        "tool_use_failed": FailureKind.MALFORMED,
        "json_validate_failed": FailureKind.MALFORMED,
        "model_not_found": FailureKind.MODEL_GONE,
        "model_decommissioned": FailureKind.MODEL_GONE,
        "model_not_available": FailureKind.MODEL_GONE,
        "model_terms_required": FailureKind.MODEL_GONE,
        "not_found_error": FailureKind.MODEL_GONE,
        "deploymentnotfound": FailureKind.MODEL_GONE,
        "overloaded_error": FailureKind.OVERLOADED,
        "overloaded": FailureKind.OVERLOADED,
        "engine_overloaded_error": FailureKind.OVERLOADED,
        "modelnotreadyexception": FailureKind.OVERLOADED,
        "1305": FailureKind.OVERLOADED,  # Z.ai
        "timeout_error": FailureKind.TIMEOUT,
        "modeltimeoutexception": FailureKind.TIMEOUT,
        "modelerrorexception": FailureKind.SERVER_ERROR,
        # Proofs that every model would refuse this request: only these stop by themselves.
        "invalid_function_parameters": FailureKind.INVALID_REQUEST,
        "invalid_image": FailureKind.INVALID_REQUEST,
        "invalid_image_format": FailureKind.INVALID_REQUEST,
        "invalid_base64_image": FailureKind.INVALID_REQUEST,
        "image_parse_error": FailureKind.INVALID_REQUEST,
        "invalid_audio": FailureKind.INVALID_REQUEST,
        "missing_required_parameter:messages": FailureKind.INVALID_REQUEST,
        "empty_array:messages": FailureKind.INVALID_REQUEST,
    }
)
"""Codes that decide, whatever the status. `code:parameter` where the parameter makes the case."""

CODE_SCOPES: Final[Mapping[str, FailureScope]] = MappingProxyType(
    {
        "quota_per_day_per_model": FailureScope.MODEL,
        "free-models-per-day": FailureScope.MODEL,  # the account's paid models go on
        "service_disabled": FailureScope.KEY,
        "unsupported_country_region_territory": FailureScope.PROVIDER,
        # A prompt that this model makes nothing of: no fault of its service.
        "tool_use_failed": FailureScope.REQUEST,
        "json_validate_failed": FailureScope.REQUEST,
    }
)
"""Codes that say more closely than their kind whose fault it is."""

COARSE: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "server_error": FailureKind.SERVER_ERROR,
        "api_error": FailureKind.SERVER_ERROR,
        "internal_error": FailureKind.SERVER_ERROR,
        "internal_server_error": FailureKind.SERVER_ERROR,
        "internalserverexception": FailureKind.SERVER_ERROR,
        "service_unavailable": FailureKind.SERVER_ERROR,
        "serviceunavailableexception": FailureKind.SERVER_ERROR,
        "invalid_request_error": FailureKind.BAD_REQUEST,
        "badrequesterror": FailureKind.BAD_REQUEST,
        "validationexception": FailureKind.BAD_REQUEST,
        # Google's, which repeat the status
        "invalid_argument": FailureKind.BAD_REQUEST,
        "failed_precondition": FailureKind.BAD_REQUEST,
        "out_of_range": FailureKind.BAD_REQUEST,
        "unauthenticated": FailureKind.CREDENTIAL,
        "permission_denied": FailureKind.FORBIDDEN,
        "not_found": FailureKind.MODEL_GONE,
        "resource_exhausted": FailureKind.RATE_LIMITED,
        "internal": FailureKind.SERVER_ERROR,
        "unavailable": FailureKind.SERVER_ERROR,
        "deadline_exceeded": FailureKind.TIMEOUT,
        "aborted": FailureKind.CONFLICT,
    }
)
"""Codes that say less than a status does; they count when none came, as in events of a stream."""

STATUSES: Final[Mapping[int, FailureKind]] = MappingProxyType(
    {
        400: FailureKind.BAD_REQUEST,
        401: FailureKind.CREDENTIAL,
        402: FailureKind.QUOTA_EXHAUSTED,
        403: FailureKind.FORBIDDEN,
        404: FailureKind.MODEL_GONE,
        408: FailureKind.CONNECT,
        409: FailureKind.CONFLICT,
        410: FailureKind.MODEL_GONE,
        413: FailureKind.CONTEXT_TOO_LONG,
        422: FailureKind.BAD_REQUEST,
        425: FailureKind.CONFLICT,
        429: FailureKind.RATE_LIMITED,
        529: FailureKind.OVERLOADED,
    }
)
_HUNDREDS: Final[Mapping[int, FailureKind]] = MappingProxyType(
    {
        2: FailureKind.MALFORMED,
        3: FailureKind.REDIRECTED,
        4: FailureKind.REFUSED,
        5: FailureKind.SERVER_ERROR,
    }
)

TRANSPORT: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "ConnectError": FailureKind.CONNECT,
        "ConnectTimeout": FailureKind.CONNECT,
        "ConnectionRefusedError": FailureKind.CONNECT,
        "ClientConnectorError": FailureKind.CONNECT,
        "gaierror": FailureKind.CONNECT,
        "SSLError": FailureKind.CONNECT,
        "PoolTimeout": FailureKind.CONNECT,
        "ReadTimeout": FailureKind.TIMEOUT,
        "WriteTimeout": FailureKind.TIMEOUT,
        "SocketTimeoutError": FailureKind.TIMEOUT,
        "ServerTimeoutError": FailureKind.TIMEOUT,
        "ReadError": FailureKind.CONNECTION_LOST,
        "WriteError": FailureKind.CONNECTION_LOST,
        "RemoteProtocolError": FailureKind.CONNECTION_LOST,
        "ConnectionResetError": FailureKind.CONNECTION_LOST,
        "ServerDisconnectedError": FailureKind.CONNECTION_LOST,
        "ClientOSError": FailureKind.CONNECTION_LOST,
        "ClientPayloadError": FailureKind.MALFORMED,
        "IncompleteRead": FailureKind.MALFORMED,
        "JSONDecodeError": FailureKind.MALFORMED,
        "DecodingError": FailureKind.MALFORMED,
        "TooManyRedirects": FailureKind.REDIRECTED,
    }
)

REFINEMENTS: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "ContextWindowExceededError": FailureKind.CONTEXT_TOO_LONG,
        "ContentPolicyViolationError": FailureKind.CONTENT_POLICY,
        "UnsupportedParamsError": FailureKind.UNSUPPORTED,
    }
)
"""What a library's class may make of a 400. Anything else it says against the status is a guess
from the text: a 400 whose message speaks of rate limits is no rate limit."""

LIBRARY: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        **REFINEMENTS,
        "AuthenticationError": FailureKind.CREDENTIAL,
        "PermissionDeniedError": FailureKind.FORBIDDEN,
        "NotFoundError": FailureKind.MODEL_GONE,
        "RateLimitError": FailureKind.RATE_LIMITED,
        "PaymentRequiredError": FailureKind.QUOTA_EXHAUSTED,
        "Timeout": FailureKind.TIMEOUT,
        "APITimeoutError": FailureKind.TIMEOUT,
        "BadRequestError": FailureKind.BAD_REQUEST,
        "UnprocessableEntityError": FailureKind.BAD_REQUEST,
        "ServiceUnavailableError": FailureKind.SERVER_ERROR,
        "BadGatewayError": FailureKind.SERVER_ERROR,
        "InternalServerError": FailureKind.MALFORMED,
        "APIConnectionError": FailureKind.MALFORMED,
        "APIError": FailureKind.MALFORMED,
        "APIResponseValidationError": FailureKind.MALFORMED,
        "JSONSchemaValidationError": FailureKind.MALFORMED,
    }
)
"""Asked last, when no status and no network error was seen. Then LiteLLM's InternalServerError,
APIConnectionError and APIError mean that an answer came and could not be read."""
