from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.base_errors import UsageError
from policy_router.classification.classifier import Classifier
from policy_router.classification.reading import RequestReading, read_request
from policy_router.domain.request import UNBOUNDED
from policy_router.loading import load
from tests.agent_bodies import (
    AGENTS,
    CLAUDE_HEADERS,
    CODEX_HEADERS,
    OPENCODE_HEADERS,
    RENDERED,
    SESSION,
    Call,
    Conversation,
    Human,
    Model,
    title_calls,
    toolbox,
)

CLASSIFIER = Classifier(load("policies"))
ASKS = st.sampled_from(
    (
        "hi", "yes", "continue", "thanks", "say done", "why?",
        "Translate 'good morning' into French.",
        "Write a Python function that merges two sorted lists.",
        r"Prove that for every prime $p > 3$ the number $p^2 - 1$ is divisible by $24$.",
        "<system-reminder>Keep it short.</system-reminder>\nRefactor the parser.",
        "Fasse diesen Text in drei Sätzen zusammen.",
    )
)  # fmt: skip
STEPS = st.lists(
    st.builds(Human, ASKS)
    | st.builds(Model, st.sampled_from(("Sure.", "Here it is.", "It is done.")))
    | st.builds(
        Call,
        st.sampled_from(("read", "run")),
        st.just({"path": "a.py"}),
        st.sampled_from(("fine", "1 passed", "no such file")),
        st.booleans(),
    ),
    max_size=12,
)
CONVERSATIONS = st.builds(
    Conversation,
    steps=STEPS,
    system=st.sampled_from(("", "You are kind.", "You edit code. " * 300)),
    tools=st.sampled_from(((), toolbox(("read", "run"), 900), toolbox("abcdefghi", 9_000))),
    schema=st.sampled_from((None, {"type": "object", "properties": {"a": {"type": "string"}}})),
    max_tokens=st.sampled_from((1_000, 8_000)),
)
HEADERS = st.sampled_from(({}, CLAUDE_HEADERS, CODEX_HEADERS, OPENCODE_HEADERS))


@settings(max_examples=200)
@given(CONVERSATIONS, HEADERS)
def test_one_conversation_has_the_same_facts_in_every_dialect(
    talk: Conversation, headers: dict[str, str]
) -> None:
    readings = [
        read_request(render(talk), headers=headers, dialect=name)
        for name, render in RENDERED.items()
    ]
    if "x-claude-code-session-id" not in {name.lower() for name in headers}:
        assert len({reading.asked for reading in readings}) == 1
    tokens = [reading.tokens for reading in readings]
    assert max(tokens) <= 1.15 * min(tokens) + 20 * len(talk.steps) + 60
    alike = {
        replace(reading, tokens=0, context=0, max_input_tokens=0, max_tokens=None)
        for reading in readings
    }
    assert len(alike) == 1, alike
    seen = [CLASSIFIER.classify_reading(reading) for reading in readings]
    assert len({(each.task, each.by, each.band, each.score) for each in seen}) == 1
    for reading in readings:
        assert reading.max_input_tokens >= reading.tokens / 2


@pytest.mark.parametrize("name", AGENTS)
def test_what_an_agent_sends_is_read(name: str) -> None:
    steps: list[Human | Model | Call] = [
        Human("say done"),
        Call("Bash", {"command": "make"}, "no rule", failed=True),
    ]
    sent = AGENTS[name](steps)
    reading = read_request(sent.body, headers=sent.headers, dialect=sent.dialect)
    assert (reading.asked, reading.asked_turn, reading.turn) == ("say done", 1, 1)
    assert (reading.client, reading.session) == (name, SESSION)
    assert (reading.tool_errors, reading.tool_results) == (1, 1)
    assert not reading.housekeeping
    assert not reading.subagent
    assert reading.agentic
    assert reading.stream
    assert reading.needs == {"tools"}
    assert reading.tokens > 5_000
    assert reading.max_input_tokens > 20_000


@pytest.mark.parametrize("name", ["claude-code", "opencode"])
def test_a_call_for_a_title_is_housekeeping(name: str) -> None:
    sent = title_calls("Prove that there are infinitely many primes.")[name]
    assert read_request(sent.body, headers=sent.headers, dialect=sent.dialect).housekeeping
    assert read_request(sent.body, dialect=sent.dialect).housekeeping


@pytest.mark.parametrize(
    ("steps", "headers", "expected"),
    [
        ([Human("Summarize this conversation: A: hi. B: hi.")], {}, False),
        ([Human("### Task:\nGenerate a concise title of the chat history.")], {}, True),
        ([Human("### Task:\nSort these numbers.")], {}, False),
        ([Human("hi")], OPENCODE_HEADERS, True),
        ([Human("hi"), Model("hi"), Human("and now?")], OPENCODE_HEADERS, False),
        ([Human("hi")], {**OPENCODE_HEADERS, "x-claude-code-request-class": "main"}, False),
    ],
)
def test_what_is_housekeeping_without_tools(
    steps: list[Human | Model], headers: dict[str, str], expected: bool
) -> None:
    given_body = RENDERED["chat"](Conversation(steps))
    assert read_request(given_body, headers=headers).housekeeping is expected


@pytest.mark.parametrize("name", AGENTS)
def test_a_summary_of_the_conversation_is_housekeeping_with_tools_too(name: str) -> None:
    asks = {
        "claude-code": "Your task is to write a detailed summary of the conversation so far.",
        "codex": "You do a CONTEXT CHECKPOINT COMPACTION: write what the next model must know.",
        "opencode": "Write a prompt for continuing our conversation above.",
    }
    sent = AGENTS[name]([Human("Write a parser"), Model("It is done."), Human(asks[name])])
    assert read_request(sent.body, headers=sent.headers, dialect=sent.dialect).housekeeping


def test_a_reading_shows_nothing_of_the_text() -> None:
    assert "hunter2" not in repr(read_request({"messages": "hunter2"}))


@pytest.mark.parametrize(
    ("body", "dialect", "expected"),
    [
        ({"model": "gpt-4o", "n": 3, "max_tokens": 9}, "chat",
         {"model": "gpt-4o", "answers": 3, "max_tokens": 9}),
        ({"max_completion_tokens": 8, "max_tokens": 9}, "chat", {"max_tokens": 8}),
        ({"max_output_tokens": 7, "stream": True}, "responses", {"max_tokens": 7, "stream": True}),
        ({"max_tokens": "9", "n": True, "model": "x\n", "stream": 1}, "chat",
         {"max_tokens": None, "answers": 1, "model": "x", "stream": False}),
        ({"previous_response_id": "r"}, "responses", {"max_input_tokens": UNBOUNDED}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
         "chat", {"pictures": 1, "needs": {"vision"}, "asked_needs": {"vision"}}),
        ({"input": [{"type": "function_call_output",
                     "output": [{"type": "input_image", "detail": "low"}]}]},
         "responses", {"thumbnails": 1, "needs": {"vision"}, "asked_needs": frozenset()}),
        ({"tools": [{"type": "web_search"}]}, "responses", {"needs": {"tools", "hosted_tools"}}),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "messages",
         {"needs": {"tools", "hosted_tools"}}),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "messages", {"needs": {"tools"}}),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "chat",
         {"needs": {"tools", "hosted_tools"}}),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [
            {"type": "function", "name": "f"}]}]}, "responses", {"needs": {"tools"}}),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [
            {"type": "namespace", "name": "f"}]}]}, "responses",
         {"needs": {"tools", "hosted_tools"}}),
        ({"text": {"format": {"type": "text"}}}, "responses", {"needs": frozenset()}),
        ({"output_config": 7}, "messages", {"needs": frozenset()}),
    ],
)  # fmt: skip
def test_what_a_body_says(body: dict[str, Any], dialect: str, expected: dict[str, Any]) -> None:
    reading = read_request(body, dialect=dialect)
    assert {name: getattr(reading, name) for name in expected} == expected


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(UsageError, match="must be one of `chat`, `messages`, `responses`"):
        read_request({}, dialect="gemini")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ("role", "content", "text", "type", "messages", "input", "tools", "n", "model",
                 "format", "output_config", "response_format", "system", "instructions")
            ) | st.text(max_size=4),
            inner | st.sampled_from(("user", "assistant", "tool", "function", "message")),
            max_size=5,
        )
    ),
    max_leaves=25,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(("messages", "input", "tools", "system", "metadata")), JSON),
    st.dictionaries(st.text(), st.text()),
    st.sampled_from(("chat", "messages", "responses")),
)
def test_any_body_is_read(body: dict[str, Any], headers: dict[str, str], dialect: str) -> None:
    reading = read_request(body, headers=headers, dialect=dialect)
    assert isinstance(reading, RequestReading)
    assert reading.tokens >= 0
    assert 0 <= reading.context <= reading.tokens
    assert 0 <= CLASSIFIER.classify_reading(reading).score <= 1


def test_headers_cannot_change_what_a_body_needs() -> None:
    sent = AGENTS["claude-code"]([Human("say done")])
    plain = read_request(sent.body, dialect=sent.dialect)
    for headers in (CLAUDE_HEADERS, {"x-claude-code-request-class": "auxiliary"}, {"a": "b" * 9}):
        reading = read_request(sent.body, headers=headers, dialect=sent.dialect)
        assert reading.needs == plain.needs
        assert reading.tokens == plain.tokens
        assert reading.max_input_tokens == plain.max_input_tokens


def test_a_body_read_from_json_and_one_with_tuples_are_alike() -> None:
    body = RENDERED["chat"](Conversation([Human("hi")], tools=toolbox(("a", "b"), 900)))
    tuples = {**body, "messages": tuple(body["messages"]), "tools": tuple(body["tools"])}
    assert read_request(tuples) == read_request(json.loads(json.dumps(body)))
