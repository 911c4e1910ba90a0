"""A body with one plain text is read as any other, only faster."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.reading import RequestReading, read_request
from policy_router.conversation.blocks import asked_in, is_plain
from policy_router.domain.detection import Sensitive

HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-unrelated": st.just("1"),
        "user-agent": st.sampled_from(
            ["curl/8.5.0", "OpenAI/Python 2.1.0", "claude-cli/2.0 (external, cli)", "opencode/1.2"]
        ),
        "x-title": st.sampled_from(["Open WebUI", "Cline"]),
        "x-session-id": st.just("s1"),
        "session_id": st.just("s2"),
        "x-parent-session-id": st.just("p1"),
        "x-openai-subagent": st.sampled_from(["review", "compact"]),
    },
)
"""Headers of programs that are listed, that are not, and of none."""

MARKS = (
    "", " ", "\n\n", "hello ", "What is 2 + 2? ", "The ", "a < b ", "<b>", "</b>",
    "<document>", "</document>", "<user_query>", "</user_query>", "<system-reminder>",
    "</system-reminder>", "# AGENTS.md instructions ", "### Task:\n", "title of the conversation ",
    "[Request interrupted by user] ", "Caveat: the messages below were ",
    "This session is being continued from a previous conversation ", "User messages:\n- x\n",
    "Another language model started to solve this problem ", "continue", "yes", "Fähre ", "漢字",
    "\ud800", "\x00", "x" * 80,
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=20), max_size=6).map("".join)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["gpt-5", "", "\n", 7, None, "m" * 300]),
        "max_tokens": st.sampled_from([0, 100, 5_000, True, None, "7"]),
        "max_completion_tokens": st.sampled_from([None, 50]),
        "max_output_tokens": st.sampled_from([None, 60]),
        "n": st.sampled_from([None, 0, 2]),
        "stream": st.sampled_from([None, True, False, 1]),
        "temperature": st.just(0.5),
        "stop": st.just(["\n"]),
        "user": st.just("u"),
        "system": st.sampled_from([None, "Write a title for this conversation."]),
        "tools": st.sampled_from([None, [], [{"type": "function", "function": {"name": "f"}}]]),
        "response_format": st.sampled_from([None, {"type": "json_object"}]),
        "prediction": st.just({"type": "content", "content": "x"}),
        "metadata": st.just({"user_id": "a_session_b"}),
        "prompt_cache_key": st.just("k"),
        "session_id": st.just("s"),
        "web_search_options": st.just({}),
        "modalities": st.just(["audio"]),
    },
)
PROMPTS = st.lists(
    st.sampled_from(
        ["You write ", "a title ", "TAGS ", "for the conversation ", "\u0130" * 200, "x" * 390]
    )
    | st.text(max_size=20),
    max_size=5,
).map("".join)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "system", "assistant", "tool", None, 3]),
        "content": TEXTS | st.none() | st.just([{"type": "text", "text": "hi"}]),
        "name": st.just("Ann"),
    },
)


def _same(body: dict[str, Any], headers: dict[str, str] | None = None) -> RequestReading:
    fast = read_request(body, headers=headers)
    slow = read_request(
        body, headers=headers, detect=list(Sensitive)
    )  # which is never the fast way
    for each in fields(RequestReading):
        if each.name != "detected":
            assert getattr(fast, each.name) == getattr(slow, each.name), each.name
    return fast


@given(TEXTS, FIELDS, HEADERS)
def test_one_text_is_read_as_in_a_conversation(
    text: str, others: dict[str, Any], headers: dict[str, str]
) -> None:
    _same({"messages": [{"role": "user", "content": text}], **others}, headers)


@given(PROMPTS, TEXTS, FIELDS)
def test_a_system_prompt_before_it_is_read_alike(
    prompt: str, text: str, others: dict[str, Any]
) -> None:
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": text}]
    _same({"messages": messages, **others})


@given(st.lists(MESSAGES, max_size=2), FIELDS)
def test_any_messages_are_read_alike(
    messages: list[dict[str, Any]], others: dict[str, Any]
) -> None:
    _same({"messages": messages, **others})


@given(TEXTS)
def test_a_plain_text_is_all_that_is_asked(text: str) -> None:
    if is_plain(text):
        assert asked_in(text) is text
        assert text.strip()


@pytest.mark.parametrize(
    "text", ["hello", "The plan: a < b", "Compare <b>this</b", "  What?", "Add 2", "x" * 100_000]
)
def test_texts_without_marks_are_plain(text: str) -> None:
    assert is_plain(text)
    assert _same({"messages": [{"role": "user", "content": text}]}).asked == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        " " * 70 + "hello",
        "### Task:",
        "<document>b</document>",
        "Caveat: the messages below were",
        "#",
    ],
)
def test_others_are_read_in_full(text: str) -> None:
    assert not is_plain(text)
    _same({"messages": [{"role": "user", "content": text}]})
