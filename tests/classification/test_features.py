from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.body import read_messages
from policy_router.classification.features import LONG_ANSWER, Features, read_features

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("role", "content", "text", "type")), inner, max_size=4)
    ),
    max_leaves=15,
)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_the_last_message_of_the_user_is_what_is_asked() -> None:
    messages = [
        said("system", "You are kind."),
        said("user", "Hello"),
        said("assistant", "Hello!"),
        said("user", "Translate this"),
        said("tool", "42"),
    ]
    features, text = read_features(messages)
    assert text == "Translate this"
    assert features.text.characters == len(text)
    assert (features.turns, features.calls) == (2, 1)
    assert features.tokens == read_messages(messages).tokens
    assert features.context == features.tokens - read_messages([messages[3]]).tokens


def test_a_single_text_is_a_message() -> None:
    features, text = read_features("Hello")
    assert (features, text) == read_features([said("user", "Hello")])
    assert (features.turns, features.context) == (1, 0)


def test_the_text_parts_of_a_message_are_its_text() -> None:
    parts = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        "loose",
        {"type": "text", "text": "this?"},
    ]
    features, text = read_features([said("user", parts)])
    assert text == "What is\nthis?"
    assert features.needs == {"vision"}


def test_tools_are_counted_and_needed() -> None:
    features, _ = read_features(
        "Hi", tools=[{"type": "function"}] * 2, response_format={"type": "json_object"}
    )
    assert features.tools == 2
    assert features.needs == {"tools", "json"}
    assert features.context == 0


@pytest.mark.parametrize(
    ("prompt", "cap", "long"),
    [
        ("Write an essay", None, True),
        ("Hi", LONG_ANSWER, True),
        ("Hi", LONG_ANSWER - 1, False),
        ("Hi", None, False),
    ],
)
def test_a_long_answer_may_be_asked_for(prompt: str, cap: int | None, long: bool) -> None:
    assert read_features(prompt, max_output=cap)[0].long_output is long


@pytest.mark.parametrize("messages", [None, 1, {}, [], [1, None], [said("system", "x")], b"\xff"])
def test_a_body_that_asks_nothing_has_no_text(messages: Any) -> None:
    features, text = read_features(messages)
    assert text == ""
    assert features.text == Features().text


@given(JSON, JSON, JSON)
def test_any_body_can_be_read(messages: Any, tools: Any, response_format: Any) -> None:
    features, text = read_features(messages, tools=tools, response_format=response_format)
    assert 0 <= features.context <= max(features.tokens, features.context)
    assert features.text.characters == len(text)
