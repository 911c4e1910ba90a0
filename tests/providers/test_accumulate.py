"""The chunks of a stream as one answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from policy_router.providers.accumulate import joined
from policy_router.providers.chat import Said, Usage, finish, heard, says_by, usage
from tests.execution.make import chunk, spoken, usage_chunk


def test_a_text() -> None:
    whole = joined([*spoken("one ", "two"), usage_chunk(3, 2)], Usage(3, 2))
    assert heard(whole) == (Said("one two", "stop", False),)
    assert whole.choices[0].message.role == "assistant"
    assert usage(whole) == Usage(3, 2)


def test_reasoning_and_refusal() -> None:
    whole = joined(
        [chunk(reasoning_content="hm "), chunk(reasoning_content="so"), chunk(refusal="no")],
        Usage(),
    )
    message = whole.choices[0].message
    assert (message.reasoning_content, message.refusal, message.content) == ("hm so", "no", None)
    assert finish(whole) is None


def test_nothing() -> None:
    assert heard(joined([], Usage())) == ()
    assert heard(joined([SimpleNamespace(choices=[SimpleNamespace()])], Usage())) == (
        Said("", None, False),
    )


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
    whole = joined(chunks, Usage())
    calls = whole.choices[0].message.tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("c1", "add", '{"a": 1}'),
        ("c2", "sub", "{}"),
    ]
    assert says_by(whole) == ["tool_calls"]
    assert heard(whole) == (Said("", "tool_calls", True),)


def test_several_choices() -> None:
    def of(index: int, text: str) -> Any:
        return SimpleNamespace(index=index, delta=SimpleNamespace(content=text))

    chunks = [
        SimpleNamespace(choices=[of(1, "b")]),
        SimpleNamespace(choices=[of(0, "a"), of(1, "c")]),
    ]
    assert [s.text for s in heard(joined(chunks, Usage()))] == ["a", "bc"]
