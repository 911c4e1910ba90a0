"""What is read of the bodies of failed calls, in the shapes of many providers."""

from __future__ import annotations

from typing import Any

import pytest

from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.error_body import read_error_body
from policy_router.providers.failures.failure import FailureKind

NOW = 1_700_000_000.0


def of(value: Any, status: int | None = 400, prompt: object = None) -> Any:
    return read_error_body([value], status=status, headers={}, prompt=prompt, now=NOW)


GOOGLE = {
    "error": {
        "code": 400,
        "message": "API key not valid.",
        "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                     "reason": "API_KEY_INVALID"}],
    }
}  # fmt: skip
QUOTA = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaId": "PerDayPerProject"}
RAW = '{"error": {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "x"}}'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (GOOGLE, FailureKind.CREDENTIAL),
        ([GOOGLE], FailureKind.CREDENTIAL),
        (
            {"error": {"code": 429, "details": [{"violations": [QUOTA]}]}},
            FailureKind.QUOTA_EXHAUSTED,
        ),
        ({"code": "Client specified an invalid argument", "error": "Incorrect API key provided"},
         FailureKind.CREDENTIAL),
        ({"error": {"code": "429", "message": "slow down"}}, FailureKind.BAD_REQUEST),
        ({"error": {"message": "Provider returned error", "metadata": {"raw": RAW}}},
         FailureKind.CONTEXT_TOO_LONG),
        ({"error": {"metadata": {"raw": "prompt is too long: 9 tokens > 8 maximum"}}},
         FailureKind.CONTEXT_TOO_LONG),
        ({"error": {"code": 400, "metadata": {"reasons": ["x"], "flagged_input": "y"}}},
         FailureKind.CONTENT_POLICY),
        ({"error": {"code": "BadRequest",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
         FailureKind.CONTENT_POLICY),
        (
            {"detail": [{"type": "extra_forbidden", "loc": ["body"], "msg": "no"}]},
            FailureKind.UNSUPPORTED,
        ),
        ({"message": {"detail": [{"type": "extra_forbidden"}]}}, FailureKind.UNSUPPORTED),
        ({"__type": "com.amazon.coral.service#ThrottlingException"}, FailureKind.RATE_LIMITED),
        ({"type": "error", "error": {"type": "overloaded_error"}}, FailureKind.OVERLOADED),
        ({"object": "error", "code": "model_not_found"}, FailureKind.MODEL_GONE),
        ({"error": {"code": "missing_required_parameter", "param": "messages"}},
         FailureKind.INVALID_REQUEST),
        (
            {"error": {"code": "missing_required_parameter", "param": "top_k"}},
            FailureKind.BAD_REQUEST,
        ),
    ],
)  # fmt: skip
def test_shapes_of_bodies(body: Any, kind: FailureKind) -> None:
    assert classify(of(body)).kind is kind


def test_what_a_gateway_passes_on_stands_before_its_own_words() -> None:
    told = of({"error": {"message": "Provider returned error", "metadata": {"raw": RAW}}})
    assert told.detail == "400 x: prompt is too long: 9 tokens > 8 maximum"


def test_a_code_that_is_a_status_is_what_a_200_stands_for() -> None:
    assert (
        classify(of({"error": {"code": 429, "message": "boom"}}, 200)).kind
        is FailureKind.RATE_LIMITED
    )
    assert classify(of({"error": "boom"}, 200)).kind is FailureKind.MALFORMED


def test_amazon_names_its_errors_in_a_header() -> None:
    headers = {"x-amzn-ErrorType": "AccessDeniedException:http://internal.amazon.com/"}
    found = read_error_body([], status=400, headers=headers, prompt=None, now=NOW)
    assert classify(found).kind is FailureKind.FORBIDDEN


@pytest.mark.parametrize("kind", ["text/html; charset=UTF-8", "text/plain", "application/xml"])
def test_a_page_is_none_of_the_api_s_answers(kind: str) -> None:
    html = {"Content-Type": kind}
    assert read_error_body([], status=403, headers=html, prompt=None, now=NOW).is_web_page
    assert not read_error_body(
        [{"error": "x"}], status=403, headers=html, prompt=None, now=NOW
    ).is_web_page


def test_a_message_that_repeats_the_prompt_is_marked_and_not_kept() -> None:
    prompt = "prompt is too long: 9 tokens > 8 maximum, says my log"
    found = of({"error": {"message": f"{prompt}; try again in 20 h"}}, 429, prompt)
    assert found.quotes_prompt
    assert found.detail == "429: message withheld: it repeats the prompt"
    assert found.retry_after is None


def test_a_body_without_end_is_searched_to_a_bound() -> None:
    body: Any = {"error": {}}
    for _ in range(500):
        body = {"error": body, "details": [body, body]}
    assert of(body).codes == ()
