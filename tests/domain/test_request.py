"""What a request may be made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Request, UsageError
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from policy_router.domain.money import Usd


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
        ({"tokens": "9"}, "`tokens` must be an integer, not `9`"),
        ({"tokens": True}, "`tokens` must be an integer, not `True`"),
        ({"tokens": 1.5}, "`tokens` must be an integer"),
        ({"tokens": None}, "`tokens` must be an integer, not `None`"),
        ({"max_tokens": [5]}, "`max_tokens` must be an integer, not `a value of type list`"),
        ({"answers": None}, "`answers` must be an integer"),
        ({"max_candidates": "2"}, "`max_candidates` must be an integer"),
        ({"tags": 5}, "`tags` must be a set of strings, not `5`"),
        ({"tags": "private"}, "`tags` must be a set of strings"),
        ({"tags": {"a": 1}}, "`tags` must be a set of strings"),
        ({"needs": [["json"]]}, "each item of `needs` must be a string"),
        ({"prefer": 5}, "`prefer` must be a list of sort keys, not `5`"),
        ({"prefer": "free"}, "`prefer` must be a list of sort keys"),
        ({"prefer": [5]}, "each item of `prefer` must be a string, not `5`"),
        ({"attributes": None}, "`attributes` must be a mapping of names to values, not `None`"),
        ({"attributes": "x"}, "`attributes` must be a mapping"),
        ({"attributes": {1: 2}}, "each name in `attributes` must be a string, not `1`"),
        ({"attributes": {"a": None}}, "attribute `a` must be a string, a number or a boolean"),
        (
            {"attributes": {"a": [1]}},
            "attribute `a` must be a string, a number or a boolean, not `a val",
        ),
        ({"task": []}, "`task` must be a string, not `a value of type list`"),
        ({"user": 5}, "`user` must be a string, not `5`"),
        ({"complexity": True}, "`complexity` must be a number, not `True`"),
        ({"complexity": b"x"}, "`complexity` must be a number"),
        ({"max_cost": "1"}, "`max_cost` must be an amount in US dollars such as 0.05, not `1`"),
        ({"max_cost": True}, "`max_cost` must be an amount in US dollars"),
        ({"max_cost": -0.01}, "`max_cost` must be an amount in US dollars from 0 to 1,000,000,00"),
        ({"max_cost": float("nan")}, "`max_cost` must be an amount in US dollars from 0 to"),
        ({"max_cost": float("inf")}, "`max_cost` must be an amount in US dollars from 0 to"),
        ({"max_cost": 10**400}, "`max_cost` must be an amount in US dollars from 0 to"),
        ({"max_cost": Decimal("NaN")}, "`max_cost` must be an amount in US dollars from 0 to"),
        ({"max_cost": Decimal("sNaN")}, "`max_cost` must be an amount in US dollars from 0 to"),
        ({"max_cost": Decimal("-Infinity")}, "`max_cost` must be an amount in US dollars from 0"),
        ({"max_cost": Decimal("1e999999")}, "`max_cost` must be an amount in US dollars from 0"),
        ({"max_price": "3"}, "`max_price` must be an amount in US dollars such as 0.05, not `3`"),
        ({"max_price": -1}, "`max_price` must be an amount in US dollars from 0 to 1,000,000,00"),
        ({"max_price": float("nan")}, "`max_price` must be an amount in US dollars from 0 to"),
        ({"max_latency": {}}, "`max_latency` must be a number"),
        ({"stream": 1}, "`stream` must be a boolean, not `1`"),
    ],
)
def test_a_value_of_another_type_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        Request(**given)
    assert str(refused.value).startswith(problem)


def test_the_key_is_in_no_text_of_a_request() -> None:
    request = Request(user="ada", key="sk-secret")
    assert request.key == "sk-secret"
    assert "ada" in repr(request)
    assert "sk-secret" not in repr(request)
    assert request != Request(user="ada", key="sk-other")


def test_kept_values_are_plain_and_not_shared_with_the_caller() -> None:
    tags, attributes = {"private"}, {"plan": "free"}
    request = Request(
        task=Word.CODE,
        complexity=Liar("easy"),
        tokens=Size.LARGE,
        max_cost=Few(5),
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
        max_cost=5,
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


@pytest.mark.parametrize(
    ("dollars", "nano"),
    [(0, 0), (0.05, 50_000_000), (Decimal("0.05"), 50_000_000), (3, 3 * 10**9), (None, None)],
)
def test_the_highest_cost_is_in_dollars(dollars: Usd | None, nano: int | None) -> None:
    request = Request(max_cost=dollars)
    assert (request.max_cost, request.max_cost_nano_usd) == (dollars, nano)
