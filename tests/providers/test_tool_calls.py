from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.providers.tool_calls import ToolCalls
from tests.execution.make import chunk

A, B = '{"city":"A"}', '{"city":"B"}'
MORE_A, MORE_B = (0, None, None, A), (0, None, None, B)


def piece(index: int | None, id: str | None, name: str | None, arguments: str | None) -> Any:  # noqa: A002  the wire's name
    function = SimpleNamespace(name=name, arguments=arguments)
    return SimpleNamespace(index=index, id=id, function=function)


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
        # one index for all, or none, told apart by ids
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
    calls, made = ToolCalls(), [piece(*each) for each in pieces]
    for each in made:
        calls.number(chunk(tool_calls=[each]))
    assert [each.index for each in made] == indices


def test_calls_in_one_chunk_of_mappings() -> None:
    made: list[dict[str, Any]] = [
        {"id": i, "function": {"name": "w", "arguments": A}} for i in ("a", "b")
    ]
    ToolCalls().number(chunk(tool_calls=made))
    assert [each["index"] for each in made] == [0, 1]


def test_choices_are_numbered_apart() -> None:
    calls, made = ToolCalls(), [piece(0, "a", "w", A), piece(0, "b", "w", B)]
    for index, each in enumerate(made):
        one = chunk(tool_calls=[each])
        one.choices[0].index = index
        calls.number(one)
    assert [each.index for each in made] == [0, 0]
