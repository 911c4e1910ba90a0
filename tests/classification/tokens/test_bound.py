"""The bound of what goes in holds for every text, whatever the tokenizer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.tokens.bound import most_tokens
from policy_router.classification.tokens.parts import pictures
from policy_router.domain.request import UNBOUNDED

TEXTS = st.text(max_size=200)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(st.lists(TEXTS, min_size=1))
def test_never_less_than_the_bytes(texts: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    least = sum(len(t.encode("utf-8", "surrogatepass")) + 16 for t in texts)
    assert most_tokens(messages) >= least


@given(VALUES)
def test_any_value_whatever(value: object) -> None:
    assert most_tokens(value, tools=value, response_format=value) >= 0


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.integers(0, 10**9)))
def test_tools_count_with_their_spelling(schema: dict[str, int]) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    compact = json.dumps(tools, separators=(",", ":"))
    escaped = sum(len(json.dumps(k)) - len(k) - 2 for k in schema)
    assert most_tokens([], tools=tools) >= len(compact) - escaped


@pytest.mark.parametrize(
    ("part", "least", "most"),
    [
        ({"type": "image_url", "image_url": {"url": "data:" + "A" * 10**6}}, 0, 500),
        ({"type": "input_audio", "input_audio": {"data": "A" * 10**6}}, 10_000, 10_500),
        ({"type": "input_audio", "input_audio": "odd"}, 10, 100),
        ({"type": ["odd"], "text": "x"}, 1, 100),
        # A document of pages is charged by its pages, however few bytes it has.
        ({"type": "file", "file": {"file_data": "A" * 1000}}, UNBOUNDED, UNBOUNDED),
        ({"type": "file", "file": {"file_data": ["odd"]}}, UNBOUNDED, UNBOUNDED),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64," + "A" * 1000}},
            1000,
            1200,
        ),
        (
            {"type": "document", "source": {"media_type": "text/plain", "data": "A" * 1000}},
            1000,
            1200,
        ),
        (
            {"type": "image_url", "image_url": {"url": "x"}, "text": "A" * 10**6},
            10**6,
            10**6 + 4000,
        ),
        ({"type": "file", "file": {"file_id": "f-1"}}, UNBOUNDED, UNBOUNDED),
        ({"type": "video_url", "video_url": {"url": "x"}}, UNBOUNDED, UNBOUNDED),
    ],
)
def test_media_are_not_text(part: object, least: int, most: int) -> None:
    assert least <= most_tokens([{"role": "user", "content": [part]}]) <= most


@pytest.mark.parametrize("kind", ["image", "image_url", "input_audio", "file"])
def test_only_parts_of_a_content_are_media(kind: str) -> None:
    message = {"role": "user", "type": kind, "content": "word " * 10_000}
    assert 50_000 <= most_tokens([message]) < 51_000


def test_a_prediction_counts() -> None:
    prediction = {"type": "content", "content": "word " * 1000}
    assert most_tokens([], prediction=prediction) >= 5000


def test_depth_is_no_danger() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    assert most_tokens(deep) >= 1


def test_pictures_are_counted_by_their_detail() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "image_url", "image_url": {"url": "x", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "x", "detail": "low"}},
        {"type": "image", "source": {"data": "x"}},
        {"type": "input_image", "image_url": "x", "detail": "low"},
        {"type": "text", "text": "image_url"},
        {"type": ["image_url"]},
        "odd",
    ]
    assert pictures([{"role": "user", "content": parts}, {"role": "user", "content": "hi"}]) == (
        3,
        2,
    )
    assert pictures("odd") == (0, 0)
    assert pictures(["odd", {"content": None}]) == (0, 0)
