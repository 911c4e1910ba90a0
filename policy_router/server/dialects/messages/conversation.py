"""Turns the turns of Anthropic's Messages API into chat messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.requests.reasoning_origin import ORIGIN, unmarked
from policy_router.server.dialects.fields import flag, listed, mapping, name, one_of, refuse, text
from policy_router.server.dialects.messages.blocks import plainest, read_content, read_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses

_ROLES: Final = ("user", "assistant", "system")
_HOSTED: Final = frozenset(
    {
        "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use",
        "mcp_tool_result", "container_upload", "tool_reference",
    }
)  # fmt: skip
"""Results of tools that run at Anthropic; no other provider can read them."""


def read_turns(turns: object, losses: Losses) -> list[dict[str, Any]]:
    """The chat messages of a conversation.

    Args:
        turns: The `messages` of the body.
        losses: Collects the path of each block that is left out.

    Raises:
        InvalidBodyError: It is no conversation.
    """
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(listed(turns, "messages")):
        path = f"messages[{number}]"
        fields = mapping(turn, path)
        role = one_of(fields.get("role"), f"{path}.role", _ROLES)
        content = fields.get("content")
        if content is None:
            refuse(f"{path}.content", "is missing")
        if isinstance(content, str):
            messages.append({"role": role, "content": content})
            continue
        blocks = {
            f"{path}.content[{i}]": mapping(block, f"{path}.content[{i}]")
            for i, block in enumerate(listed(content, f"{path}.content"))
        }
        for place, block in list(blocks.items()):
            if name(block.get("type"), f"{place}.type") in _HOSTED:
                losses.dropped.append(place)
                del blocks[place]
        if role == "assistant":
            messages.append(_answer(blocks, losses))
        else:
            messages += _user_messages(role, blocks, losses)
    if not messages:
        refuse("messages", "must contain at least one message")
    return messages


def _user_messages(
    role: str, blocks: Mapping[str, Mapping[str, Any]], losses: Losses
) -> list[dict[str, Any]]:
    """The results of tools, each as a message of its own, and what else was said after them."""
    results = [(p, b) for p, b in blocks.items() if b["type"] == "tool_result"]
    if results and role != "user":
        refuse(f"{results[0][0]}.type", "is `tool_result`, which only a turn of the user can have")
    read = (read_part(b, p, losses) for p, b in blocks.items() if b["type"] != "tool_result")
    parts = [part for part in read if part is not None]
    messages = [_result(block, path, losses) for path, block in results]
    if parts or not messages:
        messages.append({"role": role, "content": plainest(parts)})
    return messages


def _result(block: Mapping[str, Any], path: str, losses: Losses) -> dict[str, Any]:
    content = block.get("content")
    if isinstance(content, list):
        content = [each for each in content if _type_of(each) not in _HOSTED]
    message: dict[str, Any] = {
        "role": "tool",
        "tool_call_id": name(block.get("tool_use_id"), f"{path}.tool_use_id"),
        "content": read_content(content, f"{path}.content", losses),
    }
    if flag(block.get("is_error"), f"{path}.is_error"):
        message["is_error"] = True
    return _with_mark(message, block)


def _type_of(block: object) -> object:
    return block.get("type") if isinstance(block, dict) else None


def _answer(blocks: Mapping[str, Mapping[str, Any]], losses: Losses) -> dict[str, Any]:
    """An earlier answer. What it thought is marked with whose thoughts they are."""
    parts, calls, thoughts = [], [], []
    reasoning = ""
    for path, block in blocks.items():
        match block["type"]:
            case "thinking":
                written = text(block.get("thinking") or "", f"{path}.thinking")
                own, origin = unmarked(text(block.get("signature") or "", f"{path}.signature"))
                reasoning += written
                if own:
                    signed = {"type": "thinking", "thinking": written, "signature": own}
                    thoughts.append({**signed, ORIGIN: origin})
            case "redacted_thinking":
                own, origin = unmarked(text(block.get("data") or "", f"{path}.data"))
                thoughts.append({"type": "redacted_thinking", "data": own, ORIGIN: origin})
            case "tool_use":
                calls.append(_call(block, path))
            case _:
                part = read_part(block, path, losses)
                parts += [] if part is None else [part]
    message: dict[str, Any] = {"role": "assistant", "content": plainest(parts)}
    if calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = calls
    if reasoning:
        message["reasoning_content"] = reasoning
    if thoughts:
        message["thinking_blocks"] = thoughts
    return message


def _call(block: Mapping[str, Any], path: str) -> dict[str, Any]:
    given = mapping(block.get("input") or {}, f"{path}.input")
    function = {
        "name": name(block.get("name"), f"{path}.name"),
        "arguments": json.dumps(given, ensure_ascii=False),
    }
    call_id = name(block.get("id"), f"{path}.id")
    return _with_mark({"id": call_id, "type": "function", "function": function}, block)


def _with_mark(made: dict[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the mark of a block for the prompt cache."""
    mark = block.get("cache_control")
    return made if mark is None else {**made, "cache_control": mark}
