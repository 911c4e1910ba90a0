"""How large a request may be."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from policy_router import Bounds, TooLargeError, UsageError
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.bounds import DEEPEST, is_small

HELLO = {"role": "user", "content": "hi"}
DEEP: Any = "x"
for _ in range(20):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("bounds", "body", "problem"),
    [
        (
            Bounds(messages=2),
            {"messages": [HELLO] * 3},
            "`messages` has 3 messages, more than the 2 allowed",
        ),
        (
            Bounds(values=10),
            {"messages": [HELLO], "stop": ["x"] * 10},
            "the request contains more than 10 values, the most allowed",
        ),
        (
            Bounds(values=5),
            {"messages": [{**HELLO, "content": [{"type": "text"}] * 5}]},
            "the request contains more than 5 values",
        ),
        (
            Bounds(characters=30),
            {"messages": [HELLO, {"role": "user", "content": "x" * 11}]},
            "the request contains more than 30 characters, the most allowed",
        ),
        (
            Bounds(characters=30),
            {"messages": [{**HELLO, "x" * 30: 1}]},
            "the request contains more than 30 characters",
        ),
    ],
)
def test_beyond_the_bounds(bounds: Bounds, body: dict[str, Any], problem: str) -> None:
    with pytest.raises(TooLargeError, match=problem) as refused:
        Body(bounds, **body)
    assert refused.value.http_status == 413


def test_depth_has_a_bound() -> None:
    with pytest.raises(UsageError, match="nested more than 10 levels deep"):
        Body(Bounds(depth=10), messages=[HELLO], prediction=DEEP)
    assert Body(Bounds(depth=25), messages=[HELLO], prediction=DEEP)


def test_within_the_bounds() -> None:
    bounds = Bounds(messages=1, values=3, characters=17)
    assert Body(bounds, messages=[HELLO])["messages"] == [HELLO]


def test_a_million_messages_are_refused_before_they_are_read() -> None:
    class Unreadable(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError("nobody needs to look at them")

    with pytest.raises(TooLargeError, match="1,000,000 messages, more than the 10,000 allowed"):
        Body(messages=Unreadable([HELLO]) * 1_000_000)


def test_text_that_is_mostly_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="more than 10,000 halves of surrogate pairs"):
        Body(messages=[{"role": "user", "content": "\ud800" * 10_001}])


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (
            {"task": "x" * 11},
            "`task` contains a string of 11 characters, more than the 10 allowed: `xx",
        ),
        ({"tags": ["a", "b", "c"]}, "`tags` has more than 2 entries, the most allowed"),
        ({"tags": {"x" * 11}}, "`tags` contains a string of 11 characters"),
        ({"needs": (str(n) for n in count())}, "`needs` has more than 2 entries"),
        ({"attributes": {"a": 1, "b": 2, "c": 3}}, "`attributes` has more than 2 entries"),
        ({"attributes": {"x" * 11: 1}}, "`attributes` contains a string of 11"),
        ({"attributes": {"a": "x" * 11}}, "`attributes` contains a string of 11"),
    ],
)
def test_facts_have_bounds(facts: dict[str, Any], problem: str) -> None:
    with pytest.raises(TooLargeError, match=problem) as refused:
        Bounds(facts=2, fact_characters=10).check_facts(facts)
    assert len(str(refused.value)) < 200


def test_what_can_be_read_once_is_kept() -> None:
    given = {"tags": iter(["a", "b"]), "tokens": 5, "attributes": {"a": 1}, "user": "ada"}
    found = {"tags": ["a", "b"], "tokens": 5, "attributes": {"a": 1}, "user": "ada"}
    assert Bounds(facts=2, fact_characters=10).check_facts(given) == found


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"messages": 0}, "`messages` of `Bounds` must be an integer"),
        ({"values": "9"}, "`values` of `Bounds`"),
        ({"characters": True}, "`characters` of `Bounds`"),
        ({"depth": DEEPEST + 1}, f"`depth` of `Bounds` must be at most {DEEPEST}"),
    ],
)
def test_bounds_are_numbers(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Bounds(**wrong)


@pytest.mark.parametrize(
    ("body", "small"),
    [
        ({"messages": [HELLO] * 100}, True),
        ({"messages": [HELLO] * 1_000}, False),
        ({"messages": [{**HELLO, "content": [{"type": "text", "text": "x"}] * 2_000}]}, False),
        ({"messages": [{**HELLO, "content": "x" * 99_000}] * 2}, True),
        ({"messages": [{**HELLO, "content": "x" * 100_000}] * 3}, False),
        ({"messages": [{**HELLO, "content": "\u4e2d" * 49_000}]}, True),
        ({"messages": [{**HELLO, "content": "\u4e2d" * 60_000}]}, False),
        ({"messages": object(), "stop": None, "n": 10**5000}, True),
    ],
)
def test_which_bodies_are_small(body: dict[str, Any], small: bool) -> None:
    assert is_small(body) is small


def test_a_body_without_end_is_not_small() -> None:
    ring: list[Any] = []
    ring.extend([ring, ring])
    assert not is_small(ring)
