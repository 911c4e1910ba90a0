from __future__ import annotations

import pytest

from policy_router.execute.failure import (
    COARSE,
    CODES,
    LIBRARY,
    REACTIONS,
    REFINEMENTS,
    STATUSES,
    TRANSPORT,
    Evidence,
    Kind,
    classify,
    of_status,
)
from policy_router.model import Action, Fault


def test_every_kind_has_a_reaction_and_every_fault_a_kind() -> None:
    assert set(REACTIONS) == set(Kind)
    assert {reaction.fault for reaction in REACTIONS.values()} == set(Fault)


def test_codes_are_written_as_they_are_looked_up() -> None:
    assert all(code == code.lower() for table in (CODES, COARSE) for code in table)


def test_tables_lead_to_kinds_that_exist() -> None:
    for table in (CODES, COARSE, TRANSPORT, REFINEMENTS, LIBRARY, STATUSES):
        assert set(table.values()) <= set(Kind)


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        # 1-3: limits and quota
        (Evidence(status=429), Kind.RATE_LIMITED),
        (Evidence(("rate_limit_exceeded",), 429), Kind.RATE_LIMITED),
        (Evidence(("insufficient_quota",), 429), Kind.QUOTA_EXHAUSTED),
        (Evidence(("project_spend_limit_exceeded",), 429), Kind.QUOTA_EXHAUSTED),
        (Evidence(status=400, text="you have reached your specified API usage limits"),
         Kind.QUOTA_EXHAUSTED),
        (Evidence(status=402), Kind.QUOTA_EXHAUSTED),
        # 4-5: credentials
        (Evidence(status=401), Kind.CREDENTIAL),
        (Evidence(("invalid_api_key",), 400), Kind.CREDENTIAL),
        (Evidence(status=403), Kind.FORBIDDEN),
        # 6: context
        (Evidence(("context_length_exceeded",), 400), Kind.CONTEXT_TOO_LONG),
        (Evidence(status=413), Kind.CONTEXT_TOO_LONG),
        (Evidence(status=400, text="Your input exceeds the context window of this model"),
         Kind.CONTEXT_TOO_LONG),
        (Evidence(status=400, text="This model's maximum context length is 8192 tokens"),
         Kind.CONTEXT_TOO_LONG),
        (Evidence(status=400, text="prompt is too long: 210000 tokens > 200000 maximum"),
         Kind.CONTEXT_TOO_LONG),
        (Evidence(status=400, text="The input token count (9) exceeds the maximum number"),
         Kind.CONTEXT_TOO_LONG),
        (Evidence(status=400, library=("ContextWindowExceededError",)), Kind.CONTEXT_TOO_LONG),
        # 7: content
        (Evidence(("content_filter",), 400), Kind.CONTENT_POLICY),
        (Evidence(("ResponsibleAIPolicyViolation",), 400), Kind.CONTENT_POLICY),
        (Evidence(status=400, text="triggering Azure's content management policy"),
         Kind.CONTENT_POLICY),
        # 8-10: the request, its parameters, the model
        (Evidence(status=400), Kind.BAD_REQUEST),
        (Evidence(status=422), Kind.BAD_REQUEST),
        (Evidence(status=418), Kind.BAD_REQUEST),
        (Evidence(("unsupported_parameter",), 400), Kind.UNSUPPORTED),
        (Evidence(status=400, library=("UnsupportedParamsError",)), Kind.UNSUPPORTED),
        (Evidence(status=404), Kind.MODEL_GONE),
        (Evidence(status=410), Kind.MODEL_GONE),
        # 11-16: the network and the server
        (Evidence(transport=("ConnectError",)), Kind.CONNECT),
        (Evidence(transport=("gaierror", "ConnectError")), Kind.CONNECT),
        (Evidence(status=408), Kind.CONNECT),
        (Evidence(transport=("ReadTimeout",)), Kind.TIMEOUT),
        (Evidence(status=500), Kind.SERVER_ERROR),
        (Evidence(status=502), Kind.SERVER_ERROR),
        (Evidence(status=503), Kind.SERVER_ERROR),
        (Evidence(status=522), Kind.SERVER_ERROR),
        (Evidence(status=529), Kind.OVERLOADED),
        (Evidence(("server_error",), 529), Kind.OVERLOADED),
        (Evidence(("overloaded_error",), 500), Kind.OVERLOADED),
        (Evidence(status=409), Kind.CONFLICT),
        (Evidence(status=425), Kind.CONFLICT),
        (Evidence(transport=("ConnectionResetError", "ReadError")), Kind.CONNECTION_LOST),
        (Evidence(transport=("RemoteProtocolError",)), Kind.CONNECTION_LOST),
        # 17-19: unreadable answers, errors in a 200
        (Evidence(transport=("JSONDecodeError",)), Kind.MALFORMED),
        (Evidence(status=200), Kind.MALFORMED),
        (Evidence(status=204), Kind.MALFORMED),
        (Evidence(library=("InternalServerError",)), Kind.MALFORMED),
        (Evidence(("insufficient_quota",), 200), Kind.QUOTA_EXHAUSTED),
        (Evidence(("server_error",)), Kind.SERVER_ERROR),
        # 25: redirects
        (Evidence(status=307), Kind.REDIRECTED),
        (Evidence(transport=("TooManyRedirects",)), Kind.REDIRECTED),
        # nothing known
        (Evidence(), Kind.UNKNOWN),
        (Evidence(status=700), Kind.UNKNOWN),
        (Evidence(library=("MidStreamFallbackError",)), Kind.UNKNOWN),
        (Evidence(library=("RateLimitError",)), Kind.RATE_LIMITED),
    ],
)  # fmt: skip
def test_kinds(evidence: Evidence, kind: Kind) -> None:
    assert classify(evidence).kind is kind


@pytest.mark.parametrize("status", [400, 401, 422, 500, None])
def test_a_text_about_rate_limits_is_no_rate_limit(status: int | None) -> None:
    echo = Evidence(
        status=status,
        library=("RateLimitError",) if status else (),
        text="bad value: 'explain rate limit 429 and invalid api key'",
    )
    assert classify(echo).kind is not Kind.RATE_LIMITED


def test_what_only_the_text_says_is_not_certain() -> None:
    said = classify(Evidence(status=400, text="specified API usage limits"))
    assert not said.certain
    assert classify(Evidence(("insufficient_quota",), 429)).certain
    assert not classify(Evidence(text="prompt is too long")).certain
    assert not classify(Evidence()).certain


def test_the_failure_carries_the_evidence() -> None:
    failure = classify(Evidence(status=429, detail="d" * 300, retry_after=7.0))
    assert (failure.status, failure.detail, failure.retry_after) == (429, "d" * 200, 7.0)
    assert failure.fault is Fault.RATE_LIMIT
    assert failure.reaction is REACTIONS[Kind.RATE_LIMITED]


def test_of_status_knows_every_status() -> None:
    assert {of_status(status) for status in range(200, 600)} <= set(Kind) - {Kind.UNKNOWN}
    assert of_status(100) is Kind.UNKNOWN


@pytest.mark.parametrize("kind", list(Kind))
def test_nobody_is_told_401_for_our_credentials(kind: Kind) -> None:
    assert REACTIONS[kind].status != 401


def test_what_this_process_raised_is_no_model_s_fault() -> None:
    failure = classify(Evidence(library=("BadRequestError",), text="rate limit", internal=True))
    assert failure.kind is Kind.INTERNAL
    assert (failure.reaction.counts, failure.reaction.rest) == (False, 0)
    assert classify(Evidence(status=500, internal=True)).kind is Kind.SERVER_ERROR


def test_redirects_are_never_the_policy_s_choice() -> None:
    assert REACTIONS[Kind.REDIRECTED].fixed is Action.NEXT
