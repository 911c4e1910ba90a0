from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.body import BodyFacts, needs_beside, read_messages


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "A" * 20_000, "format": "wav"}}


@pytest.mark.parametrize(
    ("messages", "options", "needs"),
    [
        (user("hi"), {}, set()),
        (user("hi"), {"tools": [{"type": "function"}]}, {"tools"}),
        (user("hi"), {"tools": []}, set()),
        (user("hi"), {"response_format": {"type": "json_object"}}, {"json"}),
        (user("hi"), {"response_format": {"type": "json_schema"}}, {"json"}),
        (user("hi"), {"response_format": {"type": "text"}}, set()),
        (user([{"type": "text", "text": "hi"}, IMAGE]), {}, {"vision"}),
        (user([{"type": "input_image", "image_url": "u"}]), {}, {"vision"}),
        (user([AUDIO]), {}, {"audio"}),
        (user([IMAGE, AUDIO]), {"tools": [1]}, {"vision", "audio", "tools", "hosted_tools"}),
        (user([{"type": "audio_url", "audio_url": {"url": "u"}}]), {}, {"audio"}),
        (user([{"type": "video_url", "video_url": {"url": "u"}}]), {}, {"video"}),
        (user([{"type": "input_file", "file_id": "f"}]), {}, {"pdf"}),
        (user([{"type": "file", "file": {"file_data": "data:video/mp4;base64,A"}}]), {}, {"video"}),
        (user([{"type": "file", "file": {"file_id": "f", "format": "audio/wav"}}]), {}, {"audio"}),
        (user([{"type": "file", "file": {"file_data": "data:text/csv;base64,A"}}]), {}, {"pdf"}),
        (user([{"type": "image_url", "image_url": {"url": "DATA:Video/MP4,A"}}]), {}, {"video"}),
        (user([{"type": "image", "source": {"media_type": "image/png"}}]), {}, {"vision"}),
        (user([{"type": "image_url", "image_url": {"url": "u", "format": 3}}]), {}, {"vision"}),
        (user([{"type": "tool_result", "content": [IMAGE]}]), {}, {"vision"}),
        (user([{"type": "tool_result", "content": "text"}]), {}, set()),
    ],
)
def test_needs(messages: Any, options: dict[str, Any], needs: set[str]) -> None:
    assert read_messages(messages, **options).needs == needs


def test_no_messages_are_no_tokens() -> None:
    assert read_messages([]) == BodyFacts(0, frozenset())


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 201),
        ("for i in range(10):\n    print(i ** 2)\n" * 20, 280),
        ("3.14159 27182 " * 50, 400),
        ('[{"a": 1, "b": [1, 2, {"c": "x"}]}]' * 30, 691),
        ("Der schnelle braune Fuchs springt über den faulen Hund. " * 20, 301),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 10, 361),
        ("敏捷的棕色狐狸跳过了懒狗。" * 20, 500),
        ("\N{GRINNING FACE}" * 50, 100),
    ],
)
def test_the_estimate_is_above_what_tokenizers_count_and_not_absurd(
    text: str, counted: int
) -> None:
    """counted: the larger of tiktoken's o200k_base and cl100k_base."""
    assert counted <= read_messages(user(text)).tokens <= 3 * counted


def test_media_are_not_counted_as_text() -> None:
    assert 1_000 <= read_messages(user([IMAGE])).tokens <= 2_000
    assert 100 <= read_messages(user([AUDIO])).tokens <= 200


def test_tools_and_schema_count() -> None:
    plain = read_messages(user("hi")).tokens
    tools = [{"type": "function", "function": {"name": "f", "description": "d" * 400}}]
    assert read_messages(user("hi"), tools=tools).tokens >= plain + 100
    schema = {"type": "json_schema", "json_schema": {"description": "d" * 400}}
    assert read_messages(user("hi"), response_format=schema).tokens >= plain + 100


def test_past_tool_calls_count() -> None:
    call = {"function": {"name": "f", "arguments": "x" * 400}}
    body = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    assert read_messages(body).tokens >= 100


@pytest.mark.parametrize(
    "odd",
    [
        *(None, 1, "text", {}, [None], [1], [[]], [{1: 2}]),
        *(user(odd) for odd in (None, 1, [None, 1], math.nan, [{"type": ["x"]}], "\ud800")),
        user([{"type": "input_audio"}]),
    ],
)
def test_odd_input_never_raises(odd: Any) -> None:
    facts = read_messages(odd, tools=odd, response_format=odd)
    assert facts.tokens >= 0


def test_a_hostile_depth_does_not_raise() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert read_messages(user([deep]), tools=deep).needs == {"tools", "hosted_tools"}
    result: Any = "x"
    for _ in range(100_000):
        result = {"type": "tool_result", "content": [result]}
    assert read_messages(user([result])).needs == set()


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}


@pytest.mark.parametrize(
    "tool",
    [
        FUNCTION,
        {**FUNCTION, "cache_control": {"type": "ephemeral"}},
        {"type": "custom", "custom": {"name": "c"}},
    ],
)
def test_tools_that_the_caller_runs(tool: Any) -> None:
    assert read_messages(user("hi"), tools=[tool]).needs == {"tools"}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 50},
        {"type": "web_search_preview"},
        {"type": "code_execution_20250522", "name": "code_execution"},
        {"type": "mcp", "server_label": "e", "server_url": "https://e"},
        {"type": "url", "name": "e", "url": "https://e"},
        {"type": "computer_20250124", "function": {"name": "c", "parameters": {}}},
        {"type": "file_search", "vector_store_ids": ["v"]},
        {"type": "some_tool_of_the_future"},
        {"type": ["function"]},
        {"googleSearch": {}},
        {"function": {"name": "f"}},
        {**FUNCTION, "googleSearch": {}},
        {"type": "custom", "server_url": "https://e"},
        "web_search",
        None,
    ],
)
def test_tools_that_the_provider_may_run(tool: Any) -> None:
    both = {"tools", "hosted_tools"}
    assert read_messages(user("hi"), tools=[tool]).needs == both
    assert read_messages(user("hi"), tools=[FUNCTION, tool]).needs == both
    assert read_messages(user("hi"), tools={"tool": tool}).needs == both


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ({}, set()),
        ({"web_search_options": {}}, {"hosted_tools"}),
        ({"tool_choice": "auto"}, set()),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, set()),
        ({"tool_choice": {"type": "web_search_preview"}}, {"hosted_tools"}),
        ({"tool_choice": {"type": [1]}}, {"hosted_tools"}),
        ({"modalities": ["text"]}, set()),
        ({"modalities": ["text", "image"]}, {"image_output"}),
        ({"modalities": ["audio", 3, "dance"]}, {"audio_output"}),
        ({"modalities": 3, "audio": {"voice": "ash"}}, {"audio_output"}),
    ],
)
def test_needs_in_addition_to_the_messages(body: dict[str, Any], needs: set[str]) -> None:
    assert needs_beside(body) == needs


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, JSON, JSON)
def test_any_json_is_read(messages: Any, tools: Any, form: Any) -> None:
    facts = read_messages(messages, tools=tools, response_format=form)
    assert facts.tokens >= 0
    assert facts.needs <= {"tools", "hosted_tools", "json", "vision", "audio"}


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, two: str) -> None:
    assert read_messages(user(one + two)).tokens >= read_messages(user(one)).tokens
