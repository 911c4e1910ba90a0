"""The chunks of a stream as one answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from policy_router.providers.answers.accumulate import join_chunks
from policy_router.providers.answers.adapt import to_chunk
from policy_router.providers.answers.chat import ChatAnswer, Usage
from policy_router.providers.answers.message import FunctionCall
from tests.execution.make import chunk, spoken, usage_chunk

if TYPE_CHECKING:
    from collections.abc import Iterable


def joined(chunks: Iterable[Any], usage: Usage | None = None) -> ChatAnswer:
    return join_chunks(map(to_chunk, chunks), usage)


def endings(answer: ChatAnswer) -> list[tuple[str, str | None, bool]]:
    return [(c.message.text, c.finish_reason, c.message.calls_tools) for c in answer.choices]


def test_a_text() -> None:
    whole = joined([*spoken("one ", "two"), usage_chunk(3, 2)], Usage(3, 2))
    assert endings(whole) == [("one two", "stop", False)]
    assert whole.choices[0].message.role == "assistant"
    assert (whole.usage, whole.id) == (Usage(3, 2), "c")


def test_reasoning_and_refusal() -> None:
    whole = joined(
        [chunk(reasoning_content="hm "), chunk(reasoning_content="so"), chunk(refusal="no")]
    )
    message = whole.choices[0].message
    assert (message.reasoning_content, message.refusal, message.content) == ("hm so", "no", None)
    assert whole.choices[0].finish_reason is None


def test_nothing() -> None:
    assert joined([]) == ChatAnswer()
    assert endings(joined([SimpleNamespace(choices=[SimpleNamespace()])])) == [("", None, False)]


def piece(index: int | None, **function: Any) -> dict[str, Any]:
    return {"index": index, "id": function.pop("id", None), "function": function}


def test_tool_calls_come_in_pieces() -> None:
    chunks = [
        chunk(tool_calls=[piece(0, id="c1", name="add", arguments='{"a"')]),
        chunk(tool_calls=[piece(0, arguments=": 1}"), piece(1, id="c2", name="sub")]),
        chunk(tool_calls=[SimpleNamespace(
            index=1, id=None, function=SimpleNamespace(name=None, arguments="{}")
        )]),
        chunk(finish="tool_calls"),
    ]  # fmt: skip
    whole = joined(chunks)
    calls = whole.choices[0].message.tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("c1", "add", '{"a": 1}'),
        ("c2", "sub", "{}"),
    ]
    assert whole.choices[0].message.has_more_than_text
    assert endings(whole) == [("", "tool_calls", True)]


def test_a_call_in_the_older_form_arrives_in_pieces() -> None:
    whole = joined([
        chunk(function_call={"name": "add", "arguments": '{"a"'}),
        chunk(function_call={"arguments": ": 1}"}),
        chunk(finish="function_call"),
    ])  # fmt: skip
    assert whole.choices[0].message.function_call == FunctionCall("add", '{"a": 1}')
    assert endings(whole) == [("", "function_call", True)]


def test_several_choices() -> None:
    def of(index: int, text: str) -> Any:
        return SimpleNamespace(index=index, delta=SimpleNamespace(content=text))

    chunks = [
        SimpleNamespace(choices=[of(1, "b")]),
        SimpleNamespace(choices=[of(0, "a"), of(1, "c")]),
    ]
    assert [c.message.text for c in joined(chunks).choices] == ["a", "bc"]
