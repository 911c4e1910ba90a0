"""Typed answers: what a program reads, and what it gets back as a dict."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.providers.answers.chat import (
    ChatAnswer,
    ChatChoice,
    ChatChunk,
    ChunkChoice,
    Usage,
)
from policy_router.providers.answers.message import AnswerMessage, Delta, FunctionCall, ToolCall

TEXTS = st.text(max_size=8)
COUNTS = st.integers(0, 10_000)
JSON = st.sampled_from([None, True, 5, "text", [], [1, None], {}, {"a": [{"b": None}]}])
EXTRA = st.dictionaries(st.sampled_from(["x", "logprobs", "service_tier"]), JSON, max_size=2)
"""Fields that no attribute is named after."""
REASONS = st.sampled_from(["stop", "length", "tool_calls", None])


def mapping(extra: st.SearchStrategy[Any], *optional: str, **fields: Any) -> st.SearchStrategy[Any]:
    """Mappings of these fields, some of which may be missing, with other fields among them."""
    known = st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name not in optional},
        optional={name: fields[name] for name in optional},
    )
    return st.builds(lambda a, b: {**a, **b}, known, extra)


FUNCTIONS = mapping(EXTRA, name=TEXTS, arguments=TEXTS)
CALLS = mapping(EXTRA, id=TEXTS | st.none(), type=st.just("function"), function=FUNCTIONS)
PIECES = mapping(
    EXTRA, "id", "index", "function", index=COUNTS, id=TEXTS, type=st.just("function"),
    function=mapping(EXTRA, "name", "arguments", name=TEXTS, arguments=TEXTS),
)  # fmt: skip
OUTPUT: dict[str, Any] = {
    "reasoning_content": TEXTS | st.none(),
    "refusal": TEXTS | st.none(),
    "function_call": FUNCTIONS | st.none(),
    "audio": JSON,
    "images": st.lists(JSON, max_size=2),
}
MESSAGES = mapping(
    EXTRA, "tool_calls", *OUTPUT, role=st.just("assistant"), content=TEXTS | st.none(),
    tool_calls=st.lists(CALLS, max_size=2) | st.none(), **OUTPUT,
)  # fmt: skip
DELTAS = mapping(
    EXTRA, "role", "content", "tool_calls", *OUTPUT, role=st.just("assistant"),
    content=TEXTS | st.none(), tool_calls=st.lists(PIECES, max_size=2) | st.none(), **OUTPUT,
)  # fmt: skip
USAGES = st.builds(
    lambda a, b, more: {
        "prompt_tokens": a, "completion_tokens": b, "total_tokens": a + b, **more
    },
    COUNTS, COUNTS, EXTRA,
)  # fmt: skip
HEAD: dict[str, Any] = {"id": TEXTS, "created": COUNTS, "model": TEXTS}
ANSWERS = mapping(
    EXTRA, "usage", "id", "created", "model", **HEAD, object=st.just("chat.completion"),
    choices=st.lists(
        mapping(EXTRA, index=COUNTS, message=MESSAGES, finish_reason=REASONS), max_size=3
    ),
    usage=USAGES | st.none(),
)  # fmt: skip
CHUNKS = mapping(
    EXTRA, "usage", "id", "created", "model", **HEAD, object=st.just("chat.completion.chunk"),
    choices=st.lists(mapping(EXTRA, index=COUNTS, delta=DELTAS, finish_reason=REASONS), max_size=3),
    usage=USAGES | st.none(),
)  # fmt: skip


@given(ANSWERS)
def test_an_adapted_answer_dumps_as_what_it_was_made_from(given_answer: dict[str, Any]) -> None:
    before = copy.deepcopy(given_answer)
    answer = to_answer(given_answer)
    assert answer.model_dump() == before
    assert answer.raw is given_answer
    assert given_answer == before, "what a caller returned is never changed"
    dumped: Any = answer.model_dump()
    assert to_answer(dumped) == answer
    for choice in dumped["choices"]:
        choice["message"].clear()
    assert given_answer == before, "nor is it shared with a dump"
    assert replace(answer, id="other").model_dump() == {**before, "id": "other"}


@given(CHUNKS)
def test_an_adapted_chunk_dumps_as_what_it_was_made_from(given_chunk: dict[str, Any]) -> None:
    before = copy.deepcopy(given_chunk)
    chunk = to_chunk(given_chunk)
    assert chunk.model_dump() == before
    assert chunk.raw is given_chunk
    assert given_chunk == before
    assert to_chunk(chunk.model_dump()) == chunk


def no_none(value: Any) -> bool:
    if isinstance(value, dict):
        return all(inner is not None and no_none(inner) for inner in value.values())
    return all(map(no_none, value)) if isinstance(value, list) else True


@given(ANSWERS, CHUNKS)
def test_fields_that_are_none_can_be_left_out(answer: Any, chunk: Any) -> None:
    whole, part = to_answer(answer), to_chunk(chunk)
    values: list[Any] = [whole, part, *whole.choices, *part.choices]
    values += [choice.message for choice in whole.choices]
    values += [choice.delta for choice in part.choices]
    values += [call for choice in whole.choices for call in choice.message.tool_calls]
    values += [usage for usage in (whole.usage, part.usage) if usage is not None]
    for value in values:
        assert no_none(value.model_dump(exclude_none=True))


CALL = ToolCall("c1", FunctionCall("add", '{"a": 1}'))
MADE = ChatAnswer(
    (ChatChoice(0, AnswerMessage("hello", (CALL,)), "tool_calls"),), Usage(3, 2), "id", "gpt", 7
)


def test_a_value_without_a_raw_dumps_in_openais_shape() -> None:
    assert MADE.model_dump() == {
        "id": "id",
        "object": "chat.completion",
        "created": 7,
        "model": "gpt",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "hello",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "add", "arguments": '{"a": 1}'},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    assert CALL.function.model_dump(exclude_none=True) == {"name": "add", "arguments": '{"a": 1}'}
    old = AnswerMessage(function_call=FunctionCall("add", "{}"))
    assert old.model_dump()["function_call"] == {"name": "add", "arguments": "{}"}
    assert Usage(3).model_dump() == {"prompt_tokens": 3}


def test_a_text_that_was_cut_is_cut_in_the_dump_too() -> None:
    chunk = to_chunk({
        "choices": [{"index": 0, "delta": {"content": "one two", "x": 1}, "finish_reason": None}]
    })  # fmt: skip
    (choice,) = chunk.choices
    rest = replace(chunk, choices=(replace(choice, delta=replace(choice.delta, content="two")),))
    dumped: Any = rest.model_dump()
    assert dumped["choices"][0]["delta"] == {"content": "two", "x": 1}
    without = replace(choice, delta=replace(choice.delta, content=None, tool_calls=()))
    assert without.model_dump()["delta"] == {"content": None, "x": 1}
    assert replace(chunk, choices=()).model_dump()["choices"] == []


def test_values_cannot_be_changed() -> None:
    chunk = ChatChunk((ChunkChoice(0, Delta("x")),))
    for value, name in (
        (MADE, "id"), (MADE.choices[0], "index"), (MADE.choices[0].message, "content"),
        (CALL, "id"), (CALL.function, "name"), (MADE.usage, "prompt_tokens"),
        (chunk, "id"), (chunk.choices[0], "index"), (chunk.choices[0].delta, "content"),
    ):  # fmt: skip
        assert not hasattr(value, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)


@pytest.mark.parametrize(
    ("delta", "has_output", "has_answer", "more_than_text"),
    [
        (Delta(), False, False, False),
        (Delta(""), False, False, False),
        (Delta(role="assistant"), False, False, False),
        (Delta("x"), True, True, False),
        (Delta(tool_calls=(CALL,)), True, True, True),
        (Delta(function_call=CALL.function), True, True, True),
        (Delta(refusal="no"), True, True, True),
        (Delta(audio={"data": "x"}), True, True, True),
        (Delta(reasoning_content="hm"), True, False, True),
        (Delta(images=[{}]), False, True, False),
    ],
)
def test_what_counts_as_output(
    delta: Delta, has_output: bool, has_answer: bool, more_than_text: bool
) -> None:
    assert delta.has_output is has_output
    assert delta.has_answer is has_answer
    assert delta.has_more_than_text is more_than_text
    assert ChatChunk((ChunkChoice(0, Delta()), ChunkChoice(1, delta))).has_output is has_output
    assert (delta.size > 0) is has_output


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_the_size_is_at_least_the_bytes_of_all_texts(a: str, b: str, c: str, d: str) -> None:
    message = AnswerMessage(
        a, (ToolCall("c1", FunctionCall(b, c)),), d, c, FunctionCall(a, b), {a: b}
    )
    texts = (a, b, c, d, c, a, b)
    assert message.size >= sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    assert AnswerMessage(a).size == len(a.encode("utf-8", "surrogatepass"))


def test_the_usage_chunk() -> None:
    usage = Usage(1, 2)
    assert ChatChunk(usage=usage).is_usage_only
    assert ChatChunk((ChunkChoice(0, Delta("", role="assistant")),), usage).is_usage_only
    assert not ChatChunk((ChunkChoice(0, Delta("x")),), usage).is_usage_only
    assert not ChatChunk((ChunkChoice(0, Delta(), "stop"),), usage).is_usage_only
    assert not ChatChunk().is_usage_only


def test_totals() -> None:
    assert (Usage(1, 2).total_tokens, Usage(1).total_tokens, Usage().total_tokens) == (
        3,
        None,
        None,
    )


def test_what_a_type_checker_refuses() -> None:
    """mypy, which checks this file too, refuses a misspelled field, and needs no other hint."""
    text: str | None = MADE.choices[0].message.content
    arguments: str = MADE.choices[0].message.tool_calls[0].function.arguments
    assert (text, arguments) == ("hello", '{"a": 1}')
    with pytest.raises(AttributeError):
        MADE.choices[0].messge  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        MADE.choices[0].message.contnt  # type: ignore[attr-defined]  # noqa: B018
