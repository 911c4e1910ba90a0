"""Classifies failures by tables of error codes, statuses and exception classes.

Nothing here knows a library. Evidence is trusted in this order: the error code of the body, a
network error (then there was no status), the HTTP status, the exception class of a library, and
only then the message (see `phrases`). Providers quote prompts in their messages, so a user's text
could otherwise put a model into cooldown.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope
from policy_router.providers.failures.phrases import find_phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence about a failed call, before it is classified.

    Attributes:
        codes: The body's `code`, `type`, `status` and `reason`, the most specific first.
        status: The HTTP status; None when no answer arrived.
        stated_status: The status that the body names, as gateways do in an answer of status 200.
        is_web_page: Whether a web page arrived in place of an answer of the API.
        transport_classes: Class names of network errors, innermost first.
        library_classes: Class names of the exceptions that the calling library raised.
        texts: The messages; they are only searched, never kept.
        quotes_prompt: Whether a message repeats a part of the prompt.
        detail: What may be kept and shown of the failure.
        retry_after: Seconds to wait, as requested by the provider.
        internal: Whether an exception was raised that only this process can cause.
    """

    codes: tuple[str, ...] = ()
    status: int | None = None
    stated_status: int | None = None
    is_web_page: bool = False
    transport_classes: tuple[str, ...] = ()
    library_classes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    quotes_prompt: bool = False
    detail: str = ""
    retry_after: float | None = None
    internal: bool = False


def classify(evidence: Evidence) -> Failure:
    """The failure that the evidence points to."""
    e = evidence
    failure_kind, scope, certain = _kind_of(e)
    row = find_phrase(e.texts, failure_kind)
    if row is not None:
        # An unambiguous status stays certain, even if the text changes the kind.
        certain = (certain and failure_kind not in _UNCLEAR) or not e.quotes_prompt
        failure_kind, scope = row.kind, row.scope
    scope = scope or _implied_scope(failure_kind, e)
    return Failure(
        failure_kind, e.detail[:200], e.status, e.retry_after, certain, scope_override=scope
    )


_UNCLEAR: Final = frozenset({FailureKind.BAD_REQUEST, FailureKind.UNKNOWN, FailureKind.MALFORMED})


def _kind_of(e: Evidence) -> tuple[FailureKind, FailureScope | None, bool]:
    """The kind, the scope where a code states it, and whether it is more than a guess."""
    codes = [code.lower() for code in e.codes]
    if e.internal and e.status is None:
        return FailureKind.INTERNAL, None, True
    code = next((c for c in codes if c in CODES), None)
    if code is not None:
        return CODES[code], CODE_SCOPES.get(code), True
    if any(c.endswith("_spend_limit_exceeded") for c in codes):
        return FailureKind.QUOTA_EXHAUSTED, None, True
    from_table = _first(e.transport_classes, TRANSPORT)
    if from_table is not None:
        return from_table, None, True
    status = (
        e.status if e.status is not None and e.status >= _REFUSAL else e.stated_status or e.status
    )
    if status in _VAGUE_STATUSES:
        return _first(e.library_classes, REFINEMENTS) or FailureKind.BAD_REQUEST, None, True
    if status is not None and (status >= _REFUSAL or not any(c in COARSE for c in codes)):
        return kind_of_status(status), None, True
    from_table = _first(codes, COARSE) or _first(e.library_classes, LIBRARY)
    return (
        (from_table, None, True) if from_table is not None else (FailureKind.UNKNOWN, None, False)
    )


def _first(names: Iterable[str], table: Mapping[str, FailureKind]) -> FailureKind | None:
    return next((table[name] for name in names if name in table), None)


def _implied_scope(kind: FailureKind, e: Evidence) -> FailureScope | None:
    """The scope, where the form of the refusal implies it."""
    if kind is FailureKind.FORBIDDEN and (e.is_web_page or not e.codes):
        # A firewall in front of the API blocked this text: the API itself says what is forbidden.
        return FailureScope.REQUEST
    if kind is FailureKind.RATE_LIMITED and e.status == _TOO_LARGE:
        return FailureScope.REQUEST  # this request alone exceeds the limit
    return None


def kind_of_status(status: int) -> FailureKind:
    """The kind of failure that an HTTP status alone stands for."""
    if status in STATUSES:
        return STATUSES[status]
    return _HUNDREDS.get(status // 100, FailureKind.UNKNOWN)


_REFUSAL: Final = 300
"""The lowest status that is not a success."""
_TOO_LARGE: Final = 413
_VAGUE_STATUSES: Final = frozenset({400, 422})

CODES: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        # Rate limits. Those with `per` are read from Google's quota names.
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
        # The model failed at this task; another may succeed.
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
        # Every model would refuse this request: only these end it whatever the policy says.
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
"""Codes that decide, whatever the status. `code:parameter` where the code alone is ambiguous."""

CODE_SCOPES: Final[Mapping[str, FailureScope]] = MappingProxyType(
    {
        "quota_per_day_per_model": FailureScope.MODEL,
        "free-models-per-day": FailureScope.MODEL,  # the account's paid models still work
        "service_disabled": FailureScope.KEY,
        "unsupported_country_region_territory": FailureScope.PROVIDER,
        # The model cannot handle this prompt; its service is not at fault.
        "tool_use_failed": FailureScope.REQUEST,
        "json_validate_failed": FailureScope.REQUEST,
    }
)
"""Codes with a scope that differs from the one of their kind."""

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
"""Codes less exact than a status; they count where there is none, as in the events of a stream."""

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
"""Exception classes that refine a status 400. Any other class that contradicts the status is the
library's guess from the text: a 400 whose message mentions rate limits is not a rate limit."""

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
"""Used last, when there was neither a status nor a network error. Then LiteLLM's
InternalServerError, APIConnectionError and APIError mean that an answer could not be read."""
