"""Evidence and the kind of failure that it speaks for, as tables."""

from __future__ import annotations

import pytest

from policy_router.providers.failures.classify import (
    COARSE,
    CODE_SCOPES,
    CODES,
    LIBRARY,
    REFINEMENTS,
    STATUSES,
    TRANSPORT,
    Evidence,
    classify,
    kind_of_status,
)
from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope


def said(text: str, status: int | None = 400, *, quoted: bool = False) -> Evidence:
    return Evidence(status=status, texts=(text,), quotes_prompt=quoted)


def test_codes_are_written_as_they_are_looked_up() -> None:
    tables = (CODES, COARSE, CODE_SCOPES)
    assert all(code == code.lower() for table in tables for code in table)
    assert set(CODE_SCOPES) <= set(CODES)


def test_tables_lead_to_kinds_that_exist() -> None:
    for table in (CODES, COARSE, TRANSPORT, REFINEMENTS, LIBRARY, STATUSES):
        assert set(table.values()) <= set(FailureKind)


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        # limits and quota
        (Evidence(status=429), FailureKind.RATE_LIMITED),
        (Evidence(("rate_limit_exceeded",), 429), FailureKind.RATE_LIMITED),
        (Evidence(("ThrottlingException",), 400), FailureKind.RATE_LIMITED),
        (Evidence(("insufficient_quota",), 429), FailureKind.QUOTA_EXHAUSTED),
        (Evidence(("project_spend_limit_exceeded",), 429), FailureKind.QUOTA_EXHAUSTED),
        (Evidence(("quota_per_day", "RATE_LIMIT_EXCEEDED"), 429), FailureKind.QUOTA_EXHAUSTED),
        (Evidence(status=402), FailureKind.QUOTA_EXHAUSTED),
        (said("You have reached your specified API usage limits"), FailureKind.QUOTA_EXHAUSTED),
        # credentials
        (Evidence(status=401), FailureKind.CREDENTIAL),
        (Evidence(("invalid_api_key",), 400), FailureKind.CREDENTIAL),
        (Evidence(("API_KEY_INVALID", "INVALID_ARGUMENT"), 400), FailureKind.CREDENTIAL),
        (Evidence(("UnrecognizedClientException",), 400), FailureKind.CREDENTIAL),
        (Evidence(status=403), FailureKind.FORBIDDEN),
        # context
        (Evidence(("context_length_exceeded",), 400), FailureKind.CONTEXT_TOO_LONG),
        (Evidence(("exceed_context_size_error",), 500), FailureKind.CONTEXT_TOO_LONG),
        (Evidence(status=413), FailureKind.CONTEXT_TOO_LONG),
        (
            Evidence(status=400, library_classes=("ContextWindowExceededError",)),
            FailureKind.CONTEXT_TOO_LONG,
        ),
        # content
        (Evidence(("content_filter",), 400), FailureKind.CONTENT_POLICY),
        (Evidence(("ResponsibleAIPolicyViolation",), 400), FailureKind.CONTENT_POLICY),
        (Evidence(("content_moderation",), 403), FailureKind.CONTENT_POLICY),
        # a 400 that proves nothing, and those that prove the request wrong
        (Evidence(status=400), FailureKind.BAD_REQUEST),
        (Evidence(status=422), FailureKind.BAD_REQUEST),
        (Evidence(("invalid_request_error",), 400), FailureKind.BAD_REQUEST),
        (Evidence(("invalid_function_parameters",), 400), FailureKind.INVALID_REQUEST),
        (Evidence(("invalid_image_format",), 400), FailureKind.INVALID_REQUEST),
        (Evidence(("missing_required_parameter",), 400), FailureKind.BAD_REQUEST),
        (Evidence(("missing_required_parameter:messages",), 400), FailureKind.INVALID_REQUEST),
        # what this model cannot do, and a model that is not there
        (Evidence(("unsupported_parameter",), 400), FailureKind.UNSUPPORTED),
        (Evidence(("extra_forbidden",), 422), FailureKind.UNSUPPORTED),
        (
            Evidence(status=400, library_classes=("UnsupportedParamsError",)),
            FailureKind.UNSUPPORTED,
        ),
        (Evidence(status=404), FailureKind.MODEL_GONE),
        (Evidence(status=410), FailureKind.MODEL_GONE),
        (Evidence(("model_decommissioned", "invalid_request_error"), 400), FailureKind.MODEL_GONE),
        # the network and the server
        (Evidence(transport_classes=("ConnectError",)), FailureKind.CONNECT),
        (Evidence(transport_classes=("gaierror", "ConnectError")), FailureKind.CONNECT),
        (Evidence(status=408), FailureKind.CONNECT),
        (Evidence(transport_classes=("ReadTimeout",)), FailureKind.TIMEOUT),
        (Evidence(status=500), FailureKind.SERVER_ERROR),
        (Evidence(status=503), FailureKind.SERVER_ERROR),
        (Evidence(status=522), FailureKind.SERVER_ERROR),
        (Evidence(status=529), FailureKind.OVERLOADED),
        (Evidence(("server_error",), 529), FailureKind.OVERLOADED),
        (Evidence(("overloaded_error",), 500), FailureKind.OVERLOADED),
        (Evidence(status=409), FailureKind.CONFLICT),
        (Evidence(status=425), FailureKind.CONFLICT),
        (
            Evidence(transport_classes=("ConnectionResetError", "ReadError")),
            FailureKind.CONNECTION_LOST,
        ),
        # unreadable answers, errors in a 200
        (Evidence(transport_classes=("JSONDecodeError",)), FailureKind.MALFORMED),
        (Evidence(status=200), FailureKind.MALFORMED),
        (Evidence(status=204), FailureKind.MALFORMED),
        (Evidence(library_classes=("InternalServerError",)), FailureKind.MALFORMED),
        (Evidence(("insufficient_quota",), 200), FailureKind.QUOTA_EXHAUSTED),
        (Evidence(status=200, stated_status=429), FailureKind.RATE_LIMITED),
        (Evidence(status=200, stated_status=400), FailureKind.BAD_REQUEST),
        (Evidence(stated_status=401), FailureKind.CREDENTIAL),
        (Evidence(status=500, stated_status=429), FailureKind.SERVER_ERROR),
        (Evidence(("server_error",)), FailureKind.SERVER_ERROR),
        (Evidence(("UNAVAILABLE",), 200), FailureKind.SERVER_ERROR),
        (Evidence(("invalid_request_error",), 200), FailureKind.BAD_REQUEST),
        # redirects, our own process, nothing known
        (Evidence(status=307), FailureKind.REDIRECTED),
        (Evidence(transport_classes=("TooManyRedirects",)), FailureKind.REDIRECTED),
        (Evidence(internal=True), FailureKind.INTERNAL),
        (Evidence(internal=True, status=500), FailureKind.SERVER_ERROR),
        (Evidence(), FailureKind.UNKNOWN),
        (Evidence(status=700), FailureKind.UNKNOWN),
        (Evidence(library_classes=("MidStreamFallbackError",)), FailureKind.UNKNOWN),
        (Evidence(library_classes=("RateLimitError",)), FailureKind.RATE_LIMITED),
    ],
)  # fmt: skip
def test_kinds(evidence: Evidence, kind: FailureKind) -> None:
    assert classify(evidence).kind is kind


@pytest.mark.parametrize("status", [405, 406, 407, 411, 418, 421, 423, 424, 426, 428, 431, 451])
def test_other_refusals_say_nothing_about_the_request(status: int) -> None:
    failure = classify(Evidence(status=status))
    assert (failure.kind, failure.scope) == (FailureKind.REFUSED, FailureScope.REQUEST)


@pytest.mark.parametrize(
    ("evidence", "scope"),
    [
        (Evidence(status=401), FailureScope.KEY),
        (Evidence(status=402), FailureScope.ACCOUNT),
        (Evidence(("permission_error",), 403), FailureScope.MODEL),
        (Evidence(status=404), FailureScope.MODEL),
        (Evidence(status=429), FailureScope.MODEL),
        (Evidence(status=500), FailureScope.MODEL),
        (Evidence(("insufficient_quota",), 429), FailureScope.ACCOUNT),
        (Evidence(("quota_per_day_per_model",), 429), FailureScope.MODEL),
        (Evidence(("unsupported_country_region_territory",), 403), FailureScope.PROVIDER),
        (said("User location is not supported for the API use."), FailureScope.PROVIDER),
        (said("Your credit balance is too low to access the API"), FailureScope.ACCOUNT),
        (said("Rate limit exceeded: free-models-per-day", 429), FailureScope.MODEL),
        # one request's own fault, whatever the status
        (Evidence(status=400), FailureScope.REQUEST),
        (Evidence(status=413), FailureScope.REQUEST),
        (Evidence(status=403, is_web_page=True), FailureScope.REQUEST),
        (Evidence(status=403), FailureScope.REQUEST),  # a firewall may have said it
        (Evidence(("content_moderation",), 403), FailureScope.REQUEST),
        (Evidence(("rate_limit_exceeded",), 413), FailureScope.REQUEST),
        (Evidence(("tool_use_failed",), 400), FailureScope.REQUEST),
        (said("Content violates usage guidelines. Failed check: X", 403), FailureScope.REQUEST),
        (said("No endpoints found that support tool use.", 404), FailureScope.REQUEST),
        (said("The requested file xyz was not found", 404), FailureScope.REQUEST),
        (said("This request requires more credits, or fewer max_tokens. You asked", 402),
         FailureScope.REQUEST),
        (said("Request too large for gpt-x in organization org-y on tokens per min (TPM): Limit",
              429), FailureScope.REQUEST),
    ],
)  # fmt: skip
def test_whose_fault_it_is(evidence: Evidence, scope: FailureScope) -> None:
    assert classify(evidence).scope is scope


@pytest.mark.parametrize("status", [400, 401, 422, 500, None])
def test_a_text_about_rate_limits_is_no_rate_limit(status: int | None) -> None:
    echo = Evidence(
        status=status,
        library_classes=("RateLimitError",) if status else (),
        texts=("bad value: 'explain rate limit 429 and invalid api key'",),
    )
    assert classify(echo).kind is not FailureKind.RATE_LIMITED


def test_what_only_a_text_says_that_the_caller_may_have_written_is_not_certain() -> None:
    text = "Your credit balance is too low to access the API"
    assert classify(said(text)).certain
    assert not classify(said(text, quoted=True)).certain
    assert classify(Evidence(("insufficient_quota",), 429, quotes_prompt=True)).certain
    assert classify(said("Rate limit exceeded: free-models-per-day", 429, quoted=True)).certain
    assert not classify(Evidence()).certain


def test_the_failure_carries_the_evidence() -> None:
    found = classify(Evidence(status=429, detail="d" * 300, retry_after=7.0))
    assert found == Failure(FailureKind.RATE_LIMITED, "d" * 200, 429, 7.0)


def test_of_status_knows_every_status() -> None:
    assert {kind_of_status(status) for status in range(200, 600)} <= set(FailureKind) - {
        FailureKind.UNKNOWN
    }
    assert kind_of_status(100) is FailureKind.UNKNOWN
