from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.clients.program import Program, read_program
from policy_router.clients.table import CLIENTS, HOUSEKEEPING_CLASSES, NAMES, SUBAGENT_CLASSES
from tests.agent_bodies import AGENTS, CLAUDE_HEADERS, CODEX_HEADERS, SESSION, Human


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_known_by_its_headers(name: str) -> None:
    sent = AGENTS[name]([Human("say done")])
    program = read_program(sent.headers, sent.body)
    assert (program.name, program.session) == (name, SESSION)
    assert (program.subagent, program.housekeeping) == (False, None)
    assert program.tools == len(sent.body["tools"])


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_known_by_its_tools_where_no_header_tells(name: str) -> None:
    sent = AGENTS[name]([Human("say done")])
    assert read_program(None, sent.body).name == name
    assert read_program({"user-agent": "curl/8.5"}, sent.body).name == "curl"


def test_few_tools_of_the_same_name_are_no_agent() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("read", "write", "list")]
    assert read_program(None, {"tools": tools}).name is None


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, None),
        ({"user-agent": "OpenAI/Python 2.1"}, "openai"),
        ({"user-agent": "curl/8"}, "curl"),
        ({"User-Agent": "OpenAI/Python 2.1", "X-Title": "Open WebUI"}, "open-webui"),
        ({"x-title": "x" * 65, "user-agent": "aider"}, "aider"),
        ({"user-agent": "/"}, None),
        ({"user-agent": "claude-cli/2.1.197 (external)"}, "claude-code"),
        ({"originator": "codex_vscode"}, "codex"),
        ({"user-agent": "x", "x-opencode-client": "cli"}, "opencode"),
    ],
)
def test_the_name_of_a_program(headers: dict[str, str], name: str | None) -> None:
    assert read_program(headers, {}).name == name


OLD_ID = "user_aa_account_bb_session_1234"


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({}, {}, None),
        ({"X-Session-Id": "s1"}, {}, "s1"),
        ({"x-session-affinity": "s2"}, {}, "s2"),
        ({"thread-id": "t"}, {}, "t"),
        ({"session-id": "s", "thread-id": "t"}, {}, "s"),
        ({"x-session-id": "bad\x01"}, {"session_id": "b"}, "b"),
        ({"x-session-id": "x" * 300}, {}, None),
        (CLAUDE_HEADERS, {"metadata": {"user_id": OLD_ID}}, SESSION),
        ({}, {"metadata": {"user_id": OLD_ID}}, "1234"),
        ({}, {"metadata": {"user_id": json.dumps({"session_id": "j"})}}, "j"),
        ({}, {"metadata": {"user_id": '{"session_id": 7}'}}, None),
        ({}, {"metadata": {"user_id": "{" * 4_000}}, None),
        ({}, {"metadata": {"user_id": '{"a":' * 700}}, None),
        ({}, {"metadata": {"user_id": "{" + " " * 5_000}}, None),
        ({}, {"metadata": {"user_id": "u-17"}}, None),
        ({}, {"metadata": {"session_id": "m"}}, "m"),
        ({}, {"metadata": "m"}, None),
        ({}, {"conversation": "c1"}, "c1"),
        ({}, {"conversation": {"id": "c2"}}, "c2"),
        ({"originator": "codex_exec"}, {"prompt_cache_key": "k"}, "k"),
        ({}, {"prompt_cache_key": "k", "tools": [{}]}, "k"),
        ({}, {"prompt_cache_key": "k"}, None),
    ],
)
def test_the_session_of_a_request(headers: Any, body: Any, session: str | None) -> None:
    assert read_program(headers, body).session == session


@pytest.mark.parametrize(
    ("headers", "subagent", "housekeeping"),
    [
        (CLAUDE_HEADERS, False, None),
        ({**CLAUDE_HEADERS, "x-claude-code-agent-id": "a"}, False, None),
        ({**CLAUDE_HEADERS, "X-Claude-Code-Parent-Agent-Id": "a"}, True, None),
        ({**CLAUDE_HEADERS, "x-claude-code-request-class": "main"}, False, False),
        ({**CLAUDE_HEADERS, "x-claude-code-request-class": "Subagent"}, True, False),
        ({**CLAUDE_HEADERS, "x-claude-code-request-class": "workflow"}, True, False),
        ({**CLAUDE_HEADERS, "x-claude-code-request-class": "auxiliary"}, False, True),
        ({**CLAUDE_HEADERS, "x-claude-code-request-class": "compaction"}, False, True),
        ({**CODEX_HEADERS, "x-openai-subagent": "review"}, True, False),
        ({**CODEX_HEADERS, "x-openai-subagent": "compact"}, False, True),
        ({"x-session-id": "s", "x-parent-session-id": "p"}, True, None),
    ],
)
def test_on_whose_behalf_a_request_is_made(
    headers: dict[str, str], subagent: bool, housekeeping: bool | None
) -> None:
    program = read_program(headers, {})
    assert (program.subagent, program.housekeeping) == (subagent, housekeeping)


def test_the_table_has_no_two_programs_with_one_mark() -> None:
    marks = [mark for client in CLIENTS for mark in client.marks]
    assert len(marks) == len(set(marks))
    assert all(name == name.lower() for name in NAMES)
    assert not HOUSEKEEPING_CLASSES & SUBAGENT_CLASSES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("tools", "name", "function", "metadata", "user_id", "conversation")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(sorted(NAMES)) | st.text(), st.text() | st.none()) | JSON, JSON
)
def test_any_headers_and_any_body_are_read(headers: Any, body: Any) -> None:
    program = read_program(headers, body)
    assert isinstance(program, Program)
    for value in (program.name, program.session):
        assert value is None or (value.isprintable() and 0 < len(value) <= 256)
