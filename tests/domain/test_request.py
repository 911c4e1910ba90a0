"""What a request may be made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from policy_router import Request, UsageError
from policy_router.domain.ordering import SortKey


class Word(StrEnum):
    CODE = "code"


class Size(IntEnum):
    LARGE = 9


class Liar(str):
    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = str.__hash__


class Few(int):
    def __ge__(self, _: object) -> bool:
        return True

    def __le__(self, _: object) -> bool:
        return True


class Broken(Mapping[str, str]):
    def __getitem__(self, name: str) -> str:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"tokens": "9"}, "`tokens` is a whole number, not `9`"),
        ({"tokens": True}, "`tokens` is a whole number, not `True`"),
        ({"tokens": 1.5}, "`tokens` is a whole number"),
        ({"tokens": None}, "`tokens` is a whole number, not `None`"),
        ({"max_tokens": [5]}, "`max_tokens` is a whole number, not `a value of type list`"),
        ({"answers": None}, "`answers` is a whole number"),
        ({"max_candidates": "2"}, "`max_candidates` is a whole number"),
        ({"tags": 5}, "`tags` is a set of words, not `5`"),
        ({"tags": "private"}, "`tags` is a set of words"),
        ({"tags": {"a": 1}}, "`tags` is a set of words"),
        ({"needs": [["json"]]}, "`needs` is a text"),
        ({"prefer": 5}, "`prefer` is a list of sort keys, not `5`"),
        ({"prefer": "free"}, "`prefer` is a list of sort keys"),
        ({"prefer": [5]}, "`prefer` is a text"),
        ({"attributes": None}, "`attributes` is a mapping of names to values, not `None`"),
        ({"attributes": "x"}, "`attributes` is a mapping"),
        ({"attributes": {1: 2}}, "`attributes` is a text"),
        ({"attributes": {"a": None}}, "`a` is a text, a number, true or false"),
        ({"attributes": {"a": [1]}}, "`a` is a number, not `a value of type list`"),
        ({"task": []}, "`task` is a text, not `a value of type list`"),
        ({"user": 5}, "`user` is a text, not `5`"),
        ({"complexity": True}, "`complexity` is a number, not `True`"),
        ({"complexity": b"x"}, "`complexity` is a number"),
        ({"max_cost": "1"}, "`max_cost` is a number"),
        ({"max_latency": {}}, "`max_latency` is a number"),
        ({"stream": 1}, "`stream` is true or false, not `1`"),
    ],
)
def test_a_value_of_another_type_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        Request(**given)
    assert str(refused.value).startswith(problem)


def test_what_is_kept_is_plain_and_nobody_else_s() -> None:
    tags, attributes = {"private"}, {"plan": "free"}
    request = Request(
        task=Word.CODE,
        complexity=Liar("easy"),
        tokens=Size.LARGE,
        max_cost=Few(-5),
        tags=tags,
        needs=["json"],  # type: ignore[arg-type]  # lists do as well
        attributes=attributes,
        prefer=[SortKey.FREE, Liar("cheapest")],  # type: ignore[arg-type]  # as above
    )
    tags.clear()
    attributes.clear()
    assert request == Request(
        task="code",
        complexity="easy",
        tokens=9,
        max_cost=-5,
        tags=frozenset({"private"}),
        needs=frozenset({"json"}),
        attributes={"plan": "free"},
        prefer=(SortKey.FREE, "cheapest"),
    )
    kinds = [type(v) for v in (request.task, request.complexity, request.tokens, request.max_cost)]
    assert kinds == [str, str, int, int]


def test_a_mapping_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError, match="`attributes` cannot be read"):
        Request(attributes=Broken())
