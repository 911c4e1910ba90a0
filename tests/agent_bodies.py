"""Requests as coding agents send them, made up: one conversation in three dialects.

The shapes (fields, headers, sizes, numbers of tools) are those of Claude Code, Codex and opencode;
every text is generated here.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOUNS: Final = (
    "file", "path", "plan", "step", "line", "result", "tool", "user", "task", "note", "branch",
    "folder", "output", "change", "answer", "message", "command", "project", "request", "limit",
)  # fmt: skip
_VERBS: Final = (
    "read", "keep", "check", "prefer", "avoid", "report", "describe", "open", "follow", "explain",
)  # fmt: skip
CLAUDE_TOOLS: Final = (
    "Agent", "Bash", "CronCreate", "CronDelete", "CronList", "Edit", "EnterWorktree", "Glob",
    "Grep", "NotebookEdit", "Read", "ScheduleWakeup", "SendMessage", "Skill", "TaskCreate",
    "TaskGet", "TaskList", "TaskOutput", "TaskStop", "TaskUpdate", "WebFetch", "WebSearch",
    "Workflow", "Write", "ExitWorktree",
)  # fmt: skip
CODEX_TOOLS: Final = (
    "exec_command", "write_stdin", "request_user_input", "view_image", "get_goal", "create_goal",
    "update_goal",
)  # fmt: skip
OPENCODE_TOOLS: Final = (
    "bash", "edit", "glob", "grep", "read", "skill", "task", "todowrite", "webfetch", "write",
)  # fmt: skip
SESSION: Final = "7f9c1d1e-0000-4000-8000-5a5a5a5a5a5a"


def prose(characters: int, seed: int = 0) -> str:
    """Instructions of about this length, about nothing in particular."""
    source = random.Random(seed)  # noqa: S311  filler, no secret
    parts: list[str] = []
    length = 0
    while length < characters:
        sentence = (
            f"Always {source.choice(_VERBS)} the {source.choice(_NOUNS)} before you "
            f"{source.choice(_VERBS)} the {source.choice(_NOUNS)}."
        )
        parts.append(sentence)
        length += len(sentence) + 1
    return " ".join(parts)[:characters]


@dataclass(frozen=True)
class Human:
    """What a human says."""

    text: str


@dataclass(frozen=True)
class Model:
    """What the model answers."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of a tool, with its result."""

    name: str
    arguments: dict[str, Any]
    result: str
    failed: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool that is offered."""

    name: str
    description: str
    parameters: dict[str, Any] = field(default_factory=lambda: {"type": "object"})


@dataclass(frozen=True)
class Conversation:
    """A conversation, in no dialect."""

    steps: Sequence[Human | Model | Call]
    system: str = ""
    tools: Sequence[Tool] = ()
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None


def chat(talk: Conversation) -> dict[str, Any]:
    """A conversation as a body of OpenAI's chat completions."""
    messages: list[dict[str, Any]] = []
    if talk.system:
        messages.append({"role": "system", "content": talk.system})
    for number, step in enumerate(talk.steps):
        if isinstance(step, Human):
            messages.append({"role": "user", "content": step.text})
        elif isinstance(step, Model):
            messages.append({"role": "assistant", "content": step.text})
        else:
            called = {"name": step.name, "arguments": json.dumps(step.arguments)}
            call = {"id": f"c{number}", "type": "function", "function": called}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            text = f"Error: {step.result}" if step.failed else step.result
            messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": text})
    body: dict[str, Any] = {"model": "auto", "messages": messages, "stream": True}
    if talk.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in talk.tools
        ]
    if talk.schema:
        form = {"name": "answer", "schema": talk.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body | ({"max_tokens": talk.max_tokens} if talk.max_tokens else {})


def messages(talk: Conversation) -> dict[str, Any]:
    """A conversation as a body of Anthropic's messages."""
    said: list[dict[str, Any]] = []
    for number, step in enumerate(talk.steps):
        if isinstance(step, Human):
            said.append({"role": "user", "content": [{"type": "text", "text": step.text}]})
        elif isinstance(step, Model):
            said.append({"role": "assistant", "content": [{"type": "text", "text": step.text}]})
        else:
            use = {
                "type": "tool_use",
                "id": f"c{number}",
                "name": step.name,
                "input": step.arguments,
            }
            result = {
                "type": "tool_result",
                "tool_use_id": f"c{number}",
                "content": step.result,
                "is_error": step.failed,
            }
            said.append({"role": "assistant", "content": [use]})
            said.append({"role": "user", "content": [result]})
    body: dict[str, Any] = {
        "model": "auto",
        "messages": said,
        "max_tokens": talk.max_tokens or 4096,
        "stream": True,
    }
    if talk.system:
        body["system"] = [{"type": "text", "text": talk.system}]
    if talk.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in talk.tools
        ]
    if talk.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": talk.schema}}
    return body


def responses(talk: Conversation) -> dict[str, Any]:
    """A conversation as a body of OpenAI's responses."""
    given: list[dict[str, Any]] = []
    for number, step in enumerate(talk.steps):
        if isinstance(step, Human):
            parts = [{"type": "input_text", "text": step.text}]
            given.append({"type": "message", "role": "user", "content": parts})
        elif isinstance(step, Model):
            parts = [{"type": "output_text", "text": step.text}]
            given.append({"type": "message", "role": "assistant", "content": parts})
        else:
            given.append(
                {
                    "type": "function_call",
                    "call_id": f"c{number}",
                    "name": step.name,
                    "arguments": json.dumps(step.arguments),
                }
            )
            code = 1 if step.failed else 0
            output = f"Process exited with code {code}\nOutput:\n{step.result}"
            given.append(
                {"type": "function_call_output", "call_id": f"c{number}", "output": output}
            )
    body: dict[str, Any] = {"model": "auto", "input": given, "stream": True}
    if talk.system:
        body["instructions"] = talk.system
    if talk.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }
            for tool in talk.tools
        ]
    if talk.schema:
        form = {"type": "json_schema", "name": "answer", "schema": talk.schema}
        body["text"] = {"format": form}
    return body | ({"max_output_tokens": talk.max_tokens} if talk.max_tokens else {})


RENDERED: Final = {"chat": chat, "messages": messages, "responses": responses}
"""What renders a conversation, by dialect."""


def toolbox(names: Sequence[str], characters: int) -> list[Tool]:
    """Tools of these names whose descriptions have about so many characters together."""
    each = characters // len(names)
    return [
        Tool(
            name,
            prose(each - 200, number),
            {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "description": prose(60, number + 1)},
                    "limit": {"type": "integer", "description": prose(40, number + 2)},
                },
                "required": ["path"],
            },
        )
        for number, name in enumerate(names)
    ]


@dataclass(frozen=True)
class Sent:
    """A request as it arrives: its dialect, headers and body."""

    dialect: str
    headers: dict[str, str]
    body: dict[str, Any]


def claude_code(steps: Sequence[Human | Model | Call], *, tools: int = 65_000) -> Sent:
    """A request of Claude Code: reminders before the first words of the user, a system message in
    the middle, long system prompts and tools, and adaptive thinking."""
    body = messages(Conversation(steps, tools=toolbox(CLAUDE_TOOLS, tools), max_tokens=64_000))
    body["system"] = [
        {"type": "text", "text": prose(70, 1)},
        {"type": "text", "text": prose(60, 2), "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": prose(6_000, 3), "cache_control": {"type": "ephemeral"}},
    ]
    first = next((each for each in body["messages"] if each["role"] == "user"), None)
    if first is not None:
        reminder = f"<system-reminder>\n{prose(1_200, 4)}\n</system-reminder>\n\n"
        first["content"].insert(0, {"type": "text", "text": reminder})
        body["messages"].insert(1, {"role": "system", "content": prose(6_000, 5)})
    body["thinking"] = {"type": "adaptive"}
    body["output_config"] = {"effort": "high"}
    body["metadata"] = {"user_id": json.dumps({"device_id": "d", "session_id": SESSION})}
    return Sent("messages", dict(CLAUDE_HEADERS), body)


CLAUDE_HEADERS: Final = {
    "User-Agent": "claude-cli/2.1 (external, cli)",
    "X-Claude-Code-Session-Id": SESSION,
    "anthropic-version": "2023-06-01",
    "x-app": "cli",
}


def codex(steps: Sequence[Human | Model | Call]) -> Sent:
    """A request of Codex: developer messages, the environment as a message of the user, and tools
    of several types."""
    body = responses(Conversation(steps, tools=toolbox(CODEX_TOOLS, 20_000)))
    body["tools"].append(
        {"type": "namespace", "name": "multi_agent_v1", "description": prose(80), "tools": []}
    )
    body["input"] = [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": prose(17_000, 6)}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {
                    "type": "input_text",
                    "text": f"<environment_context>\n{prose(400, 7)}\n</environment_context>",
                }
            ],
        },
        *body["input"],
    ]
    body |= {
        "tool_choice": "auto",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": SESSION,
        "reasoning": {"summary": "auto"},
    }
    return Sent("responses", dict(CODEX_HEADERS), body)


CODEX_HEADERS: Final = {
    "session-id": SESSION,
    "thread-id": SESSION,
    "x-codex-turn-metadata": "{}",
    "originator": "codex_exec",
    "user-agent": "codex_exec/0.171.0",
}


def opencode(steps: Sequence[Human | Model | Call]) -> Sent:
    """A request of opencode: a long system prompt and ten tools."""
    body = chat(
        Conversation(
            steps,
            system=prose(9_500, 8),
            tools=toolbox(OPENCODE_TOOLS, 20_000),
            max_tokens=32_000,
        )
    )
    body["stream_options"] = {"include_usage": True}
    return Sent("chat", dict(OPENCODE_HEADERS), body)


OPENCODE_HEADERS: Final = {
    "user-agent": "opencode/1.18.33",
    "x-session-affinity": SESSION,
    "x-session-id": SESSION,
}

AGENTS: Final = {"claude-code": claude_code, "codex": codex, "opencode": opencode}
"""What makes a request of an agent, by its name."""


def title_calls(ask: str) -> dict[str, Sent]:
    """The calls by which agents get a title for a session that begins with this."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    instruction = "You write a short title for a coding session. Answer with the title alone."
    claude = messages(
        Conversation(
            [Human(f"<session>\n{ask}\n</session>\n\nWrite the title of this session.")],
            system=f"{instruction} {prose(800)}",
            schema=schema,
            max_tokens=64_000,
        )
    )
    claude["thinking"] = {"type": "disabled"}
    claude["tools"] = []
    opened = chat(
        Conversation(
            [Human("Make a title for this conversation:"), Human(ask)],
            system=f"You only make the title of a thread. {prose(2_000)}",
            max_tokens=32_000,
        )
    )
    return {
        "claude-code": Sent("messages", dict(CLAUDE_HEADERS), claude),
        "opencode": Sent("chat", dict(OPENCODE_HEADERS), opened),
    }
