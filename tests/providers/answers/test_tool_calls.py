from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.providers.answers.adapt import to_chunk
from policy_router.providers.answers.tool_calls import ToolCalls
from tests.execution.make import chunk

A, B = '{"city":"A"}', '{"city":"B"}'
MORE_A, MORE_B = (0, None, None, A), (0, None, None, B)


def piece(index: int | None, id: str | None, name: str | None, arguments: str | None) -> Any:  # noqa: A002  the wire's name
    function = SimpleNamespace(name=name, arguments=arguments)
    return SimpleNamespace(index=index, id=id, function=function)


def numbers(*chunks: Any) -> list[int | None]:
    """The index of each tool call in these chunks of one stream."""
    calls = ToolCalls()
    numbered = [calls.number(to_chunk(each)) for each in chunks]
    return [t.index for each in numbered for c in each.choices for t in c.delta.tool_calls]


@pytest.mark.parametrize(
    ("pieces", "indices"),
    [
        # as it should be
        (
            [(0, "a", "w", ""), (0, None, None, A), (1, "b", "w", ""), (1, None, None, B)],
            [0, 0, 1, 1],
        ),
        (
            [(0, "a", "w", ""), (1, "b", "w", ""), (0, None, None, A), (1, None, None, B)],
            [0, 1, 0, 1],
        ),
        # one index for all, or none, distinguished by ids
        ([(0, "a", "w", A), (0, "b", "w", B)], [0, 1]),
        ([(None, "a", "w", A), (None, "b", "w", B)], [0, 1]),
        (
            [(0, "a", "w", ""), (0, None, None, A), (0, "b", "w", ""), (0, None, None, B)],
            [0, 0, 1, 1],
        ),
        # without ids, by arguments that are whole
        ([(0, None, "w", A), (0, None, "w", B)], [0, 1]),
        ([(0, "", "w", A), (0, "", "w", B)], [0, 1]),
        ([(0, None, "w", '{"city"'), (0, None, "w", ':"A"}')], [0, 0]),
        ([(0, None, "w", A), (0, None, "w", "")], [0, 0]),
        # the id, or the name, with every piece of one call
        ([(0, "a", "w", '{"city"'), (0, "a", "w", ':"A"}')], [0, 0]),
        ([(0, "a", "w", '{"city"'), (0, "b", None, ':"A"}')], [0, 0]),
    ],
)
def test_each_call_has_an_index_of_its_own(pieces: list[Any], indices: list[int]) -> None:
    assert numbers(*(chunk(tool_calls=[piece(*each)]) for each in pieces)) == indices


def test_calls_in_one_chunk_of_mappings() -> None:
    made: list[dict[str, Any]] = [
        {"id": i, "function": {"name": "w", "arguments": A}} for i in ("a", "b")
    ]
    assert numbers(chunk(tool_calls=made)) == [0, 1]
    assert all("index" not in each for each in made), "the caller's own objects stay as they are"


def test_choices_are_numbered_apart() -> None:
    first, second = (
        chunk(tool_calls=[piece(0, "a", "w", A)]),
        chunk(tool_calls=[piece(0, "b", "w", B)]),
    )
    second.choices[0].index = 1
    assert numbers(first, second) == [0, 0]


def test_a_chunk_that_is_right_is_given_back() -> None:
    calls = ToolCalls()
    for right in (chunk("text"), chunk(tool_calls=[piece(0, "a", "w", A)])):
        made = to_chunk(right)
        assert calls.number(made) is made


def test_calls_of_custom_tools_are_distinguished_by_their_ids() -> None:
    first = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    second = {"id": "2", "type": "custom", "custom": {"name": "run", "input": "x"}}
    third = {"id": "3", "type": "custom", "custom": {"name": "run", "input": "y"}}
    rest = {"id": "3", "type": "custom", "custom": {"input": "z"}}
    calls = ToolCalls()
    chunks = [
        calls.number(to_chunk({"choices": [{"index": 0, "delta": {"tool_calls": pieces}}]}))
        for pieces in ([first, second, third], [rest])
    ]
    indices = [[call.index for call in c.choices[0].delta.tool_calls] for c in chunks]
    assert indices == [[0, 1, 2], [2]]
