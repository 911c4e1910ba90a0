"""Typed answers of whatever callers return: objects, mappings, texts, and what is none of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from policy_router.providers.answers.adapt import (
    as_chunk,
    content_text,
    to_answer,
    to_chunk,
    to_delta,
)
from policy_router.providers.answers.chat import ChatAnswer, ChatChunk, Usage
from policy_router.providers.answers.message import AnswerMessage, Delta, FunctionCall

MESSAGE = {
    "role": "assistant",
    "content": "hello",
    "reasoning_content": "hm",
    "refusal": None,
    "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}, "x": 1}
    ],
}
ANSWER: dict[str, Any] = {
    "id": "a",
    "object": "chat.completion",
    "created": 7,
    "model": "gpt",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    "service_tier": "flex",
}


def as_object(value: Any) -> Any:
    """The same with attributes in place of keys."""
    if isinstance(value, dict):
        return SimpleNamespace(**{name: as_object(inner) for name, inner in value.items()})
    return [as_object(inner) for inner in value] if isinstance(value, list) else value


class Dumping:
    """An object as pydantic makes them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self.__dict__.update({name: dumping(inner) for name, inner in fields.items()})

    def model_dump(self) -> dict[str, Any]:
        return self._fields


def dumping(value: Any) -> Any:
    if isinstance(value, dict):
        return Dumping(value)
    return [dumping(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("made", [ANSWER, as_object(ANSWER), dumping(ANSWER)])
def test_objects_and_mappings_are_read_alike(made: Any) -> None:
    answer = to_answer(made)
    assert (answer.id, answer.model, answer.created) == ("a", "gpt", 7)
    assert answer.usage == Usage(3, 2, service_tier="flex")
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "tool_calls")
    assert (choice.message.text, choice.message.reasoning_content) == ("hello", "hm")
    (call,) = choice.message.tool_calls
    assert (call.id, call.function) == ("c", FunctionCall("add", "{}"))
    assert answer.raw is made
    assert answer.model_dump() == ANSWER


class Open(BaseModel):
    """As the classes of LiteLLM and OpenAI's SDK: unknown fields are kept, some are computed."""

    model_config = ConfigDict(extra="allow")
    finish_reason: str | None = None

    @property
    def index(self) -> int:
        return 7


class Closed(BaseModel):
    """As a program may write it: no fields but those of the class."""

    id: str
    choices: list[Open]


def test_objects_of_pydantic_are_read_like_any_other() -> None:
    delta = Open.model_validate({"content": "x", "role": "assistant"})
    choice = Open.model_validate({"finish_reason": "stop", "delta": delta})
    for made in (
        Open.model_validate({"id": "a", "choices": [choice]}),
        Closed(id="a", choices=[choice]),
    ):
        chunk = to_chunk(made)
        (read,) = chunk.choices
        assert (chunk.id, chunk.usage, read.index, read.finish_reason) == ("a", None, 7, "stop")
        assert (read.delta.content, read.delta.role, read.delta.refusal) == ("x", "assistant", None)
        dumped: Any = chunk.model_dump()
        assert dumped["choices"][0]["delta"]["content"] == "x"


def test_what_is_typed_already_stays_the_same() -> None:
    answer, chunk = to_answer(ANSWER), to_chunk(ANSWER)
    assert to_answer(answer) is answer
    assert to_chunk(chunk) is chunk


def test_a_text_is_a_complete_answer() -> None:
    answer = to_answer("hello")
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("hello", "stop")
    assert (answer.usage, answer.raw) == (None, "hello")
    dumped: Any = answer.model_dump()
    assert dumped["choices"][0]["message"] == {
        "role": "assistant", "content": "hello",
    }  # fmt: skip


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3),
        lambda inner: st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from([
                "choices", "message", "delta", "index", "content", "tool_calls", "function",
                "function_call", "arguments", "usage", "provider_specific_fields", "id",
            ]),
            inner,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_anything_can_be_adapted_and_dumped(value: object) -> None:
    for made in (to_answer(value), to_chunk(value), as_chunk(to_answer(value))):
        made.model_dump(exclude_none=True)
        assert made.size >= 0


@pytest.mark.parametrize("nothing", [None, 5, [], {}, {"choices": None}, {"choices": 5}, b"x"])
def test_what_is_no_answer_has_no_choices(nothing: Any) -> None:
    assert to_answer(nothing) == ChatAnswer()
    assert to_chunk(nothing) == ChatChunk()
    assert to_chunk("a text alone is no chunk") == ChatChunk()


def test_fields_of_another_type_are_none() -> None:
    odd = {
        "id": 5, "created": "now", "model": [],
        "choices": [{
            "index": "first", "finish_reason": 5,
            "message": {"role": 5, "content": 5, "refusal": {}, "tool_calls": [
                {"id": 5, "index": "x", "type": 7, "function": {"name": 5, "arguments": 5}},
            ]},
        }, None],
    }  # fmt: skip
    answer = to_answer(odd)
    assert (answer.id, answer.created, answer.model) == (None, None, None)
    first, second = answer.choices
    assert (first.index, first.finish_reason, first.message.content) == (0, None, None)
    assert first.message.role == "assistant"
    call = first.message.tool_calls[0]
    assert (call.id, call.index, call.type, call.function) == (
        None,
        None,
        "function",
        FunctionCall(),
    )
    assert second.message == AnswerMessage()


@pytest.mark.parametrize(
    ("choice", "native", "error"),
    [
        ({"native_finish_reason": "x"}, "x", None),
        ({"native_finish_reason": 5, "error": {}}, None, None),
        ({"error": {"code": 1}}, None, {"code": 1}),
        (
            {"provider_specific_fields": {"native_finish_reason": "x", "error": "e"}},
            "x", "e",
        ),
        ({"provider_specific_fields": {}}, None, None),
    ],
)  # fmt: skip
def test_what_gateways_add_to_a_choice(choice: Any, native: Any, error: Any) -> None:
    for made in (to_answer({"choices": [choice]}), to_chunk({"choices": [choice]})):
        assert made.choices[0].native_finish_reason == native
        assert made.choices[0].error == error


@pytest.mark.parametrize(("arguments", "text"), [({"a": 1}, '{"a": 1}'), ([1, 2], "[1, 2]")])
def test_arguments_that_are_values_become_json_text(arguments: object, text: str) -> None:
    call = {"function": {"name": "add", "arguments": arguments}}
    message = to_answer({"choices": [{"message": {"tool_calls": [call]}}]}).choices[0].message
    assert message.tool_calls[0].function.arguments == text
    dumped: Any = message.model_dump()
    assert dumped["tool_calls"][0]["function"] == {
        "name": "add", "arguments": text,
    }  # fmt: skip


def test_a_call_of_a_custom_tool_is_kept_and_counted_with_its_input() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "run", "input": "x" * 1_000}}
    answer = to_answer({"choices": [{"message": {"tool_calls": [call]}}]})
    (read,) = answer.choices[0].message.tool_calls
    assert (read.id, read.type, read.model_dump()) == ("c", "custom", call)
    assert 1_000 < answer.size < 1_500
    piece = {"index": 0, "type": "custom", "custom": {"input": "x" * 1_000}}
    chunk = to_chunk({"choices": [{"delta": {"tool_calls": [piece]}}]})
    assert 1_000 < chunk.size < 1_500


def test_a_whole_answer_as_a_chunk() -> None:
    chunk = as_chunk(to_answer(ANSWER))
    assert (chunk.text, chunk.finish_reason, chunk.usage) == (
        "hello", "tool_calls", Usage(3, 2, service_tier="flex"),
    )  # fmt: skip
    assert chunk.choices[0].delta == to_delta(to_answer(ANSWER).choices[0].message)
    dumped: Any = chunk.model_dump()
    assert (dumped["object"], dumped["choices"][0]["delta"]) == ("chat.completion.chunk", MESSAGE)
    assert "message" not in dumped["choices"][0]


def test_a_message_in_place_of_a_delta() -> None:
    chunk = to_chunk({"choices": [{"index": 0, "message": {"content": "x"}}]})
    assert chunk.choices[0].delta == Delta("x")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hello", "hello"),
        (None, None),
        (5, None),
        ([], ""),
        (({"type": "text", "text": "a"}, {"type": "image"}, "b", {"type": "text"}), "a"),
    ],
)
def test_the_text_of_a_content(content: object, text: str | None) -> None:
    assert content_text(content) == text
