"""What is read out of exceptions, with exceptions made by hand in the shapes libraries use."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.providers.answers.raw_answer import RawAnswer
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.evidence import read_exception
from policy_router.providers.failures.failure import FailureKind
from policy_router.providers.http.wire import Wire

NOW = 1_700_000_000.0


def made(module: str, name: str, **fields: Any) -> Exception:
    """An exception of a class of that name in that module, with those attributes."""
    error: Exception = type(name, (Exception,), {"__module__": module})("text")
    vars(error).update(fields)
    return error


def chained(*errors: Exception) -> Exception:
    """The first, caused by the second, caused by the third..."""
    for upper, lower in itertools.pairwise(errors):
        upper.__context__ = lower
    return errors[0]


JUDGED = ("litellm.exceptions", "RateLimitError")
WRAPPED = ("litellm.llms.openai.common_utils", "OpenAIError")


def test_the_status_below_beats_the_library_s() -> None:
    error = chained(
        made(*JUDGED, status_code=429),
        made(*WRAPPED, status_code=400),
        made("openai", "BadRequestError", status_code=400),
    )
    evidence = read_exception(error, None, NOW)
    assert evidence.status == 400
    assert classify(evidence).kind is FailureKind.BAD_REQUEST


def test_the_status_of_a_response_counts_too() -> None:
    lower = made("httpx", "HTTPStatusError", response=SimpleNamespace(status_code=503))
    assert read_exception(chained(made(*JUDGED, status_code=429), lower), None, NOW).status == 503


@pytest.mark.parametrize(("told", "status"), [(529, 529), (500, None), (True, None), (7, None)])
def test_a_provider_class_s_status_counts_unless_it_is_its_default(
    told: Any, status: int | None
) -> None:
    error = chained(made(*JUDGED, status_code=429), made(*WRAPPED, status_code=told))
    assert read_exception(error, None, NOW).status == status


@pytest.mark.parametrize("cause", [UserWarning("odd types"), ImportError("no module")])
def test_a_warning_or_a_failed_import_is_a_failure_of_this_process(cause: Exception) -> None:
    evidence = read_exception(
        chained(made("litellm.exceptions", "APIConnectionError"), cause), None, NOW
    )
    assert evidence.internal
    assert classify(evidence).kind is FailureKind.INTERNAL


def test_the_wire_is_believed_before_the_library() -> None:
    error = made(*JUDGED, status_code=400, message='{"error": {"code": "invalid_api_key"}}')
    body = b'{"error": {"code": "insufficient_quota", "message": "no credit"}}'
    wire = Wire(watched=True, status=429, headers={"retry-after": "9"}, body=body)
    evidence = read_exception(error, None, NOW, wire)
    assert (evidence.status, evidence.codes, evidence.retry_after) == (
        429, ("insufficient_quota",), 9,
    )  # fmt: skip
    answered = Wire(watched=True, status=200)
    assert read_exception(error, None, NOW, answered).codes == ("invalid_api_key",)


def test_cycles_end() -> None:
    one, two = made(*JUDGED), made(*WRAPPED)
    one.__context__, two.__context__ = two, one
    one.__cause__ = one
    assert read_exception(one, None, NOW).library_classes == ("RateLimitError", "OpenAIError")


def test_long_chains_are_cut() -> None:
    errors = [made("m", "E") for _ in range(50)]
    assert len(read_exception(chained(*errors), None, NOW).library_classes) == 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", {"code": "insufficient_quota", "type": "quota", "message": "no more"}),
        ("body", {"error": {"code": "insufficient_quota", "message": "no more"}}),
        ("message", '{"error": {"code": "insufficient_quota", "message": "no more"}}'),
        ("message", b'{"error": {"code": "insufficient_quota", "message": "no more"}}'),
        ("message", """b'{"error": {"code": "insufficient_quota", "message": "no more"}}'"""),
        ("message", '[{"error": {"code": "insufficient_quota", "message": "no more"}}]'),
        ("body", [{"error": {"code": "insufficient_quota", "message": "no more"}}]),
    ],
)
def test_codes_and_messages_of_bodies(field: str, value: Any) -> None:
    evidence = read_exception(made("openai", "E", status_code=429, **{field: value}), None, NOW)
    assert evidence.codes[0] == "insufficient_quota"
    assert evidence.detail == "429 insufficient_quota: no more"
    assert classify(evidence).kind is FailureKind.QUOTA_EXHAUSTED


@pytest.mark.parametrize("message", ["{not json", "{" * 10_000, "[1]", 7, None, "text", "b'x"])
def test_messages_that_are_no_body(message: Any) -> None:
    assert read_exception(made("openai", "E", message=message), None, NOW).codes == ()


@pytest.mark.parametrize("code", ["tell me about the secret soup", "a" * 65, 400, None, ""])
def test_a_code_that_is_no_word_is_dropped(code: Any) -> None:
    assert read_exception(made("openai", "E", body={"code": code}), None, NOW).codes == ()


def test_a_code_in_place_of_a_status() -> None:
    evidence = read_exception(
        made("builtins", "Exception", status_code="insufficient_quota"), None, NOW
    )
    assert (evidence.status, evidence.codes) == (None, ("insufficient_quota",))


def test_network_errors_innermost_first() -> None:
    error = chained(
        made(*JUDGED), made("httpx", "ReadError"), made("builtins", "ConnectionResetError")
    )
    evidence = read_exception(error, None, NOW)
    assert evidence.transport_classes[0] == "ConnectionResetError"
    assert "ReadError" in evidence.transport_classes
    assert evidence.detail == "ConnectionResetError"


def test_a_library_s_timeout_is_no_network_error() -> None:
    assert (
        read_exception(made("litellm.exceptions", "ReadTimeout"), None, NOW).transport_classes == ()
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"litellm_response_headers": {"Retry-After": "7"}},
        {"response": SimpleNamespace(headers={"retry-after": "7"})},
    ],
)
def test_headers(fields: dict[str, Any]) -> None:
    assert read_exception(made("openai", "E", **fields), None, NOW).retry_after == 7


def test_a_library_s_own_text_is_never_kept() -> None:
    error = RuntimeError('Traceback: File "/home/me/site-packages/x.py" and the prompt')
    assert read_exception(error, None, NOW).detail == "RuntimeError"


@pytest.mark.parametrize("field", ["code", "type"])
@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("swordfish", "400: not like that"),
        ("sk-abc123def456", "400: not like that"),
        ("bad_tool", "400 bad_tool: not like that"),
        ("invalid_request_error", "400 invalid_request_error: not like that"),
        ("RATE_LIMIT_EXCEEDED", "400 RATE_LIMIT_EXCEEDED: not like that"),
    ],
)
def test_a_code_of_the_prompt_s_words_is_not_kept(field: str, code: str, detail: str) -> None:
    prompt = [{"content": "swordfish, rate_limit_exceeded and invalid_request_error, please"}]
    body = {field: code, "message": "not like that"}
    evidence = read_exception(made("openai", "E", status_code=400, body=body), prompt, NOW)
    assert evidence.detail == detail
    assert evidence.codes == (code,)


def test_the_status_that_litellm_invents_for_a_200_is_not_believed() -> None:
    error = chained(made(*WRAPPED, status_code=400), Exception("Error in response object"))
    vars(error.__context__)["status_code"] = 422
    assert classify(read_exception(error, None, NOW)).kind is not FailureKind.RATE_LIMITED
    assert read_exception(error.__context__, None, NOW).status is None  # type: ignore[arg-type]  # it is set above


def test_status_headers_and_body_are_the_wire_s() -> None:
    wire = Wire(status=403, headers={"Retry-After": "7"}, body=b'{"error": {"code": "x"}}')
    found = read_exception(made(*JUDGED, status_code=429, message='{"code": "y"}'), None, NOW, wire)
    assert (found.status, found.codes, found.retry_after) == (403, ("x",), 7)


def test_an_error_in_a_200_is_taken_from_the_wire() -> None:
    answer = RawAnswer()
    answer.add({"error": {"code": 429, "message": "boom"}})
    error = made("builtins", "AttributeError")
    found = read_exception(error, None, NOW, Wire(status=200, answer=answer))
    assert (found.status, classify(found).kind) == (200, FailureKind.RATE_LIMITED)
