"""What callers hand over, as plain JSON."""

from __future__ import annotations

import json
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm import Message
from openai.types.chat import ChatCompletionMessage

from policy_router.base_errors import UsageError
from policy_router.providers.requests.bounds import DEEPEST
from policy_router.providers.requests.json_values import json_text, to_json_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_stays_as_it_is(value: Any) -> None:
    assert to_json_values(value, "it") == value


@given(JSON)
def test_its_text_says_the_same(value: Any) -> None:
    assert json.loads(json_text(value)) == value


@pytest.mark.parametrize(
    "value", ["\ud83d", {"\ude00": ["a\ud800"]}, 10**400, 1e-7, "\x00é\u2028😀"]
)
def test_the_text_of_unusual_values(value: Any) -> None:
    assert json.loads(json_text(value).decode()) == value


def test_the_text_of_a_deep_value() -> None:
    value: Any = "core"
    for _ in range(400):
        value = [value]
    assert json.loads(json_text(value)) == value


@given(st.recursive(st.text(st.characters()), st.lists, max_leaves=5))
def test_all_of_it_can_be_encoded(value: Any) -> None:
    assert json.dumps(to_json_values(value, "it"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (("a", 1), ["a", 1]),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ({1: "x"}, {"1": "x"}),
        ("half \ud83d pair", "half \ufffd pair"),
        ("cut in two \ud83d\ude00", "cut in two \U0001f600"),
        ({"\ud800": 1}, {"\ufffd": 1}),
        (
            [Message(role="assistant", content="hi")],
            [{"role": "assistant", "content": "hi"}],
        ),
        (
            ChatCompletionMessage(role="assistant", content="hi"),
            {"role": "assistant", "content": "hi"},
        ),
    ],
)
def test_what_has_another_shape(given: object, found: object) -> None:
    assert to_json_values(given, "it") == found


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (b"x", "`it` cannot be sent: a value of type `bytes` is not JSON"),
        (
            [{"a": [0, date(2026, 1, 1)]}],
            r"`it\[0\].a\[1\]` cannot be sent: a value of type `date`",
        ),
        ({"a": {1, 2}}, "`it.a` cannot be sent: a value of type `set`"),
        ([float("nan")], r"`it\[0\]` cannot be sent: JSON has no such number"),
        (float("-inf"), "JSON has no such number"),
        (10**5000, "JSON has no such number"),
        (Message, "`it` cannot be sent: a value of type `(type|ModelMetaclass)`"),
    ],
    ids=["bytes", "date", "set", "nan", "infinite", "long", "class"],
)
def test_an_error_about_an_unsendable_value_names_its_place(given: object, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        to_json_values(given, "it")


def test_depth_is_bounded_also_for_values_that_contain_themselves() -> None:
    deep: Any = "x"
    for _ in range(DEEPEST):
        deep = [deep]
    assert to_json_values(deep, "it") == deep
    ring: list[Any] = []
    ring.append(ring)
    for endless in ([deep], ring):
        with pytest.raises(UsageError, match=f"nested more than {DEEPEST} levels deep"):
            to_json_values(endless, "it")
