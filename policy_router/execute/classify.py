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

from policy_router.execute.failure import Failure, Kind, Scope
from policy_router.execute.phrases import find

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


_UNCLEAR: Final = frozenset({Kind.BAD_REQUEST, Kind.UNKNOWN, Kind.MALFORMED})


def _judge(e: Evidence) -> tuple[Kind, Scope | None, bool]:
    """The kind, whose fault it is where a code says so, and whether more than a guess speaks for
    it."""
    codes = [code.lower() for code in e.codes]
    if e.internal and e.status is None:
        return Kind.INTERNAL, None, True
    code = next((c for c in codes if c in CODES), None)
    if code is not None:
        return CODES[code], CODE_SCOPES.get(code), True
    if any(c.endswith("_spend_limit_exceeded") for c in codes):
        return Kind.QUOTA_EXHAUSTED, None, True
    known = _first(e.transport, TRANSPORT)
    if known is not None:
        return known, None, True
    status = e.status if e.status is not None and e.status >= _REFUSAL else e.stated or e.status
    if status in _VAGUE_STATUSES:
        return _first(e.library, REFINEMENTS) or Kind.BAD_REQUEST, None, True
    if status is not None and (status >= _REFUSAL or not any(c in COARSE for c in codes)):
        return of_status(status), None, True
    known = _first(codes, COARSE) or _first(e.library, LIBRARY)
    return (known, None, True) if known is not None else (Kind.UNKNOWN, None, False)


def _first(names: Iterable[str], table: Mapping[str, Kind]) -> Kind | None:
    return next((table[name] for name in names if name in table), None)


def _narrowed(kind: Kind, e: Evidence) -> Scope | None:
    """Whose fault it is, where the shape of the refusal says so."""
    if kind is Kind.FORBIDDEN and e.page:
        return Scope.REQUEST  # a firewall in front of the API did not like these words
    if kind is Kind.RATE_LIMITED and e.status == _TOO_LARGE:
        return Scope.REQUEST  # this request alone is more than the limit
    return None


def of_status(status: int) -> Kind:
    """The kind a bare HTTP status stands for."""
    if status in STATUSES:
        return STATUSES[status]
    return _HUNDREDS.get(status // 100, Kind.UNKNOWN)


_REFUSAL: Final = 300
"""The least status that refuses a request."""
_TOO_LARGE: Final = 413
_VAGUE_STATUSES: Final = frozenset({400, 422})

CODES: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        # Limits of a time. Those with `per` are read from Google's quota names.
        "quota_per_day_per_model": Kind.QUOTA_EXHAUSTED,
        "quota_per_day": Kind.QUOTA_EXHAUSTED,
        "rate_limit_exceeded": Kind.RATE_LIMITED,
        "rate_limit_error": Kind.RATE_LIMITED,
        "rate_limit_reached": Kind.RATE_LIMITED,
        "rate_limited": Kind.RATE_LIMITED,
        "too_many_requests": Kind.RATE_LIMITED,
        "toomanyrequests": Kind.RATE_LIMITED,
        "ratelimitreached": Kind.RATE_LIMITED,
        "throttlingexception": Kind.RATE_LIMITED,
        "throttling": Kind.RATE_LIMITED,
        "throttling.ratequota": Kind.RATE_LIMITED,
        "throttling.allocationquota": Kind.RATE_LIMITED,
        "1302": Kind.RATE_LIMITED,  # Z.ai
        # Money and quotas of the account
        "insufficient_quota": Kind.QUOTA_EXHAUSTED,
        "credit_balance_exhausted": Kind.QUOTA_EXHAUSTED,
        "insufficient_credits": Kind.QUOTA_EXHAUSTED,
        "insufficient_balance": Kind.QUOTA_EXHAUSTED,
        "exceeded_current_quota_error": Kind.QUOTA_EXHAUSTED,
        "enforced_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
        "organization_usage_limit_exceeded": Kind.QUOTA_EXHAUSTED,
        "billing_hard_limit_reached": Kind.QUOTA_EXHAUSTED,
        "billing_not_active": Kind.QUOTA_EXHAUSTED,
        "billing_disabled": Kind.QUOTA_EXHAUSTED,
        "billing_error": Kind.QUOTA_EXHAUSTED,
        "free-models-per-day": Kind.QUOTA_EXHAUSTED,
        "servicequotaexceededexception": Kind.QUOTA_EXHAUSTED,
        "arrearage": Kind.QUOTA_EXHAUSTED,  # DashScope
        "1113": Kind.QUOTA_EXHAUSTED,  # Z.ai
        # The key
        "invalid_api_key": Kind.CREDENTIAL,
        "api_key_invalid": Kind.CREDENTIAL,
        "api_key_expired": Kind.CREDENTIAL,
        "api_key_service_blocked": Kind.CREDENTIAL,
        "api_key_http_referrer_blocked": Kind.CREDENTIAL,
        "api_key_ip_address_blocked": Kind.CREDENTIAL,
        "account_deactivated": Kind.CREDENTIAL,
        "access_token_expired": Kind.CREDENTIAL,
        "credentials_missing": Kind.CREDENTIAL,
        "authentication_error": Kind.CREDENTIAL,
        "invalid_authentication_error": Kind.CREDENTIAL,
        "unauthorized": Kind.CREDENTIAL,
        "unrecognizedclientexception": Kind.CREDENTIAL,
        "expiredtokenexception": Kind.CREDENTIAL,
        "invalidsignatureexception": Kind.CREDENTIAL,
        "incompletesignatureexception": Kind.CREDENTIAL,
        "missingauthenticationtokenexception": Kind.CREDENTIAL,
        # What the account may not do
        "permission_error": Kind.FORBIDDEN,
        "permission_denied_error": Kind.FORBIDDEN,
        "accessdeniedexception": Kind.FORBIDDEN,
        "service_disabled": Kind.FORBIDDEN,
        "unsupported_country_region_territory": Kind.FORBIDDEN,
        # Length
        "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
        "context_window_exceeded": Kind.CONTEXT_TOO_LONG,
        "exceed_context_size_error": Kind.CONTEXT_TOO_LONG,
        "model_max_prompt_tokens_exceeded": Kind.CONTEXT_TOO_LONG,
        "tokens_limit_reached": Kind.CONTEXT_TOO_LONG,
        "prompt_too_long": Kind.CONTEXT_TOO_LONG,
        "request_too_large": Kind.CONTEXT_TOO_LONG,
        "1261": Kind.CONTEXT_TOO_LONG,  # Z.ai
        # Content
        "content_filter": Kind.CONTENT_POLICY,
        "content_policy_violation": Kind.CONTENT_POLICY,
        "contentfilter": Kind.CONTENT_POLICY,
        "responsibleaipolicyviolation": Kind.CONTENT_POLICY,
        "content_moderation": Kind.CONTENT_POLICY,
        "moderation_blocked": Kind.CONTENT_POLICY,
        "data_inspection_failed": Kind.CONTENT_POLICY,
        "datainspectionfailed": Kind.CONTENT_POLICY,
        "image_content_policy_violation": Kind.CONTENT_POLICY,
        "1301": Kind.CONTENT_POLICY,  # Z.ai
        # What this model cannot do
        "unsupported_parameter": Kind.UNSUPPORTED,
        "unsupported_value": Kind.UNSUPPORTED,
        "unsupported_model": Kind.UNSUPPORTED,
        "unknown_parameter": Kind.UNSUPPORTED,
        "extra_forbidden": Kind.UNSUPPORTED,
        "string_above_max_length": Kind.UNSUPPORTED,
        # The model failed at what was asked of it; another may not.
        "tool_use_failed": Kind.MALFORMED,
        "json_validate_failed": Kind.MALFORMED,
        "model_not_found": Kind.MODEL_GONE,
        "model_decommissioned": Kind.MODEL_GONE,
        "model_not_available": Kind.MODEL_GONE,
        "model_terms_required": Kind.MODEL_GONE,
        "not_found_error": Kind.MODEL_GONE,
        "deploymentnotfound": Kind.MODEL_GONE,
        "overloaded_error": Kind.OVERLOADED,
        "overloaded": Kind.OVERLOADED,
        "engine_overloaded_error": Kind.OVERLOADED,
        "modelnotreadyexception": Kind.OVERLOADED,
        "1305": Kind.OVERLOADED,  # Z.ai
        "timeout_error": Kind.TIMEOUT,
        "modeltimeoutexception": Kind.TIMEOUT,
        "modelerrorexception": Kind.SERVER_ERROR,
        # Proofs that every model would refuse this request: only these stop by themselves.
        "invalid_function_parameters": Kind.INVALID_REQUEST,
        "invalid_image": Kind.INVALID_REQUEST,
        "invalid_image_format": Kind.INVALID_REQUEST,
        "invalid_base64_image": Kind.INVALID_REQUEST,
        "image_parse_error": Kind.INVALID_REQUEST,
        "invalid_audio": Kind.INVALID_REQUEST,
        "missing_required_parameter:messages": Kind.INVALID_REQUEST,
        "empty_array:messages": Kind.INVALID_REQUEST,
    }
)
"""Codes that decide, whatever the status. `code:parameter` where the parameter makes the case."""

CODE_SCOPES: Final[Mapping[str, Scope]] = MappingProxyType(
    {
        "quota_per_day_per_model": Scope.MODEL,
        "free-models-per-day": Scope.MODEL,  # the account's paid models go on
        "service_disabled": Scope.KEY,
        "unsupported_country_region_territory": Scope.PROVIDER,
        # A prompt that this model makes nothing of: no fault of its service.
        "tool_use_failed": Scope.REQUEST,
        "json_validate_failed": Scope.REQUEST,
    }
)
"""Codes that say more closely than their kind whose fault it is."""

COARSE: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "server_error": Kind.SERVER_ERROR,
        "api_error": Kind.SERVER_ERROR,
        "internal_error": Kind.SERVER_ERROR,
        "internal_server_error": Kind.SERVER_ERROR,
        "internalserverexception": Kind.SERVER_ERROR,
        "service_unavailable": Kind.SERVER_ERROR,
        "serviceunavailableexception": Kind.SERVER_ERROR,
        "invalid_request_error": Kind.BAD_REQUEST,
        "badrequesterror": Kind.BAD_REQUEST,
        "validationexception": Kind.BAD_REQUEST,
        # Google's, which repeat the status
        "invalid_argument": Kind.BAD_REQUEST,
        "failed_precondition": Kind.BAD_REQUEST,
        "out_of_range": Kind.BAD_REQUEST,
        "unauthenticated": Kind.CREDENTIAL,
        "permission_denied": Kind.FORBIDDEN,
        "not_found": Kind.MODEL_GONE,
        "resource_exhausted": Kind.RATE_LIMITED,
        "internal": Kind.SERVER_ERROR,
        "unavailable": Kind.SERVER_ERROR,
        "deadline_exceeded": Kind.TIMEOUT,
        "aborted": Kind.CONFLICT,
    }
)
"""Codes that say less than a status does; they count when none came, as in events of a stream."""

STATUSES: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        400: Kind.BAD_REQUEST,
        401: Kind.CREDENTIAL,
        402: Kind.QUOTA_EXHAUSTED,
        403: Kind.FORBIDDEN,
        404: Kind.MODEL_GONE,
        408: Kind.CONNECT,
        409: Kind.CONFLICT,
        410: Kind.MODEL_GONE,
        413: Kind.CONTEXT_TOO_LONG,
        422: Kind.BAD_REQUEST,
        425: Kind.CONFLICT,
        429: Kind.RATE_LIMITED,
        529: Kind.OVERLOADED,
    }
)
_HUNDREDS: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        2: Kind.MALFORMED,
        3: Kind.REDIRECTED,
        4: Kind.REFUSED,
        5: Kind.SERVER_ERROR,
    }
)

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
