from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.providers.answers.completeness import (
    ENDINGS,
    Endings,
    answer_failure,
    ending_failure,
    is_complete,
)
from policy_router.providers.failures.failure import FailureKind
from tests.execution.make import chunk

CALL = SimpleNamespace(id="1", function=SimpleNamespace(name="f", arguments="{}"))


def choice(finish: Any = "stop", text: str | None = "hello", **more: Any) -> Any:
    fields = {name: more.pop(name) for name in ("tool_calls", "reasoning_content", "refusal")
              if name in more}  # fmt: skip
    message = SimpleNamespace(content=text, **fields)
    return SimpleNamespace(index=0, message=message, finish_reason=finish, **more)


def of(*choices: Any) -> FailureKind | None:
    failure = answer_failure(to_answer(SimpleNamespace(choices=list(choices))))
    return failure.kind if failure else None


@pytest.mark.parametrize("reason", [r for r, kind in ENDINGS.items() if kind is None])
def test_an_answer_that_ends_as_answers_do(reason: str) -> None:
    acts: dict[str, Any] = (
        {"tool_calls": [CALL]} if "tool" in reason or "function" in reason else {}
    )
    expected = FailureKind.CONTENT_POLICY if reason == "content_filter" else None
    assert of(choice(reason, **acts)) is expected
    assert is_complete(reason.upper())


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((), FailureKind.MALFORMED),
        ((choice("error"),), FailureKind.SERVER_ERROR),
        ((choice("abort"),), FailureKind.SERVER_ERROR),
        ((choice("network_error"),), FailureKind.CONNECTION_LOST),
        ((choice("insufficient_system_resource"),), FailureKind.OVERLOADED),
        ((choice("model_length"),), FailureKind.CONTEXT_TOO_LONG),
        ((choice("MALFORMED_FUNCTION_CALL"),), FailureKind.MALFORMED),
        ((choice("something new"),), FailureKind.MALFORMED),
        ((choice(None),), FailureKind.MALFORMED),
        ((choice(""),), FailureKind.MALFORMED),
        # each choice counts
        ((choice(), choice("error")), FailureKind.SERVER_ERROR),
        ((choice(), choice(None)), FailureKind.MALFORMED),
        ((choice(), choice("content_filter")), FailureKind.CONTENT_POLICY),
        # the reason of the model's own provider, passed on by a gateway
        ((choice(native_finish_reason="network_error"),), FailureKind.CONNECTION_LOST),
        ((choice(native_finish_reason="a word of its own"),), None),
        (
            (choice(provider_specific_fields={"native_finish_reason": "error"}),),
            FailureKind.SERVER_ERROR,
        ),
        # an error object in the choice
        ((choice(error={"code": 502, "message": "gone"}),), FailureKind.SERVER_ERROR),
        ((choice(error={"code": "insufficient_quota"}),), FailureKind.QUOTA_EXHAUSTED),
        ((choice(provider_specific_fields={"error": {"code": 429}}),), FailureKind.RATE_LIMITED),
        ((choice(error=None, provider_specific_fields={"error": {}}),), None),
        # stated and not stated
        ((choice(text=""),), FailureKind.EMPTY),
        ((choice(text=None),), FailureKind.EMPTY),
        ((choice(text=None, reasoning_content="hm"),), FailureKind.EMPTY),
        ((choice(text=None, refusal="no"),), None),
        ((choice(text=""), choice()), None),
        ((choice("length", text=""),), None),
        ((choice("tool_calls", text=""),), FailureKind.MALFORMED),
        ((choice("tool_calls", text="", tool_calls=[CALL]),), None),
    ],
)
def test_whole_answers(found: tuple[Any, ...], kind: FailureKind | None) -> None:
    assert of(*found) is kind


def test_a_mapping_is_read_as_an_object_is() -> None:
    inner = {"index": 0, "message": {"content": "x"}, "finish_reason": "error"}
    assert of(inner) is FailureKind.SERVER_ERROR


def test_a_reason_that_is_no_word_is_not_repeated() -> None:
    failure = ending_failure("the secret of the soup", calls=False)
    assert failure is not None
    assert failure.detail == "finish reason that is not one word"


def part(index: int, text: str | None = None, finish: str | None = None, **more: Any) -> Any:
    made = chunk(text, finish, **more)
    made.choices[0].index = index
    return made


def stream(*chunks: Any) -> FailureKind | None:
    """The kind that the chunks fail with, at any of them or at the end."""
    endings = Endings()
    for each in map(to_chunk, chunks):
        endings.add(each)
        failure = endings.failure(each)
        if failure is not None:
            return failure.kind
    failure = endings.at_the_end()
    return failure.kind if failure else None


def with_error(error: Any) -> Any:
    made = chunk("x")
    made.choices[0].error = error
    return made


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ([chunk("a"), chunk(finish="stop")], None),
        ([chunk("a"), chunk(finish="length")], None),
        ([chunk("a")], FailureKind.CONNECTION_LOST),
        ([chunk(reasoning_content="hm")], FailureKind.CONNECTION_LOST),
        ([chunk("")], FailureKind.MALFORMED),
        ([], FailureKind.MALFORMED),
        ([chunk("a"), chunk(finish="error")], FailureKind.SERVER_ERROR),
        ([chunk("a"), chunk(finish="never heard of")], FailureKind.MALFORMED),
        ([chunk("a"), with_error({"code": 502})], FailureKind.SERVER_ERROR),
        ([chunk(finish="stop")], FailureKind.EMPTY),
        ([chunk(reasoning_content="hm"), chunk(finish="stop")], FailureKind.EMPTY),
        ([chunk(refusal="no"), chunk(finish="stop")], None),
        ([chunk(finish="content_filter")], FailureKind.CONTENT_POLICY),
        ([chunk("a"), chunk(finish="content_filter")], None),
        ([chunk(finish="tool_calls")], FailureKind.MALFORMED),
        ([chunk(tool_calls=[CALL]), chunk(finish="tool_calls")], None),
        ([chunk(None, "tool_calls", tool_calls=[CALL])], None),
        ([part(0, "a"), part(1, "b"), part(0, finish="stop")], FailureKind.CONNECTION_LOST),
        ([part(0, "a"), part(1, "b"), part(1, finish="stop"), part(0, finish="stop")], None),
        ([part(0, "a"), part(1, "b"), part(1, finish="error")], FailureKind.SERVER_ERROR),
    ],
)
def test_streams(chunks: list[Any], kind: FailureKind | None) -> None:
    assert stream(*chunks) is kind
