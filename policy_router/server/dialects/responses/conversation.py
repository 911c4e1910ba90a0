"""Turns the items of OpenAI's Responses API into chat messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.requests.packed_reasoning import unpack
from policy_router.quoting import quoted
from policy_router.server.dialects.fields import listed, mapping, name, one_of, refuse, text
from policy_router.server.dialects.responses.parts import output_text, read_content
from policy_router.server.dialects.responses.tools import group_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses

_ROLES: Final = ("user", "assistant", "system", "developer")
_RUN_BY_CLIENTS: Final = {
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
"""Calls of tools that OpenAI defines and clients run, and the field with what is to be done."""
_RUN_BY_OPENAI: Final = frozenset(
    {
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "computer_call", "computer_call_output", "mcp_call", "mcp_list_tools",
        "mcp_approval_request", "mcp_approval_response", "tool_search_call", "tool_search_output",
    }
)  # fmt: skip
"""Items of tools that OpenAI ran: the answer that followed says what came of them."""


def read_items(given: object, losses: Losses) -> list[dict[str, Any]]:
    """The chat messages of a conversation.

    Args:
        given: The `input` of the body: a text or a list of items.
        losses: Collects the path of each item that is left out.

    Raises:
        InvalidBodyError: It is no conversation.
    """
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    talk = _Conversation(losses)
    for number, item in enumerate(listed(given, "input")):
        path = f"input[{number}]"
        talk.add(mapping(item, path), path)
    if not talk.messages:
        refuse("input", "must contain at least one message")
    return talk.messages


class _Conversation:
    """The messages so far. An answer is one message, though it consists of several items."""

    def __init__(self, losses: Losses) -> None:
        self.messages: list[dict[str, Any]] = []
        self._losses = losses

    def add(self, item: Mapping[str, Any], path: str) -> None:
        """Take the next item."""
        item_type = item.get("type") or "message"
        match item_type:
            case "message":
                self._message(item, path)
            case "reasoning":
                self._reasoning(item, path)
            case "function_call":
                self._call(item, path, text(item.get("arguments") or "{}", f"{path}.arguments"))
            case "custom_tool_call":
                written = text(item.get("input") or "", f"{path}.input")
                self._call(item, path, json.dumps({"input": written}, ensure_ascii=False))
            case kind if kind in _RUN_BY_CLIENTS:
                given = mapping(item.get(_RUN_BY_CLIENTS[kind]) or {}, path)
                own_name = kind.removesuffix("_call")
                self._call({"name": own_name, **item}, path, json.dumps(given, ensure_ascii=False))
            case (
                "function_call_output"
                | "custom_tool_call_output"
                | "local_shell_call_output"
                | "shell_call_output"
                | "apply_patch_call_output"
            ):
                self._output(item, path)
            case kind if kind in _RUN_BY_OPENAI:
                self._losses.dropped.append(path)
            case "item_reference":
                refuse(path, "refers to an item that this server does not keep: send the item")
            case _:
                problem = f"is `{quoted(item_type)}`, which only its own provider can read"
                self._losses.need(path, problem)

    def _message(self, item: Mapping[str, Any], path: str) -> None:
        role = one_of(item.get("role"), f"{path}.role", _ROLES)
        content = read_content(item.get("content"), f"{path}.content", self._losses)
        if role == "assistant":
            answer = self._answer(("content", "tool_calls"))
            answer["content"] = content
        else:
            # Every provider knows `system`, and OpenAI's models take it as `developer`.
            own_role = "system" if role == "developer" else role
            self.messages.append({"role": own_role, "content": content})

    def _answer(self, ended_by: tuple[str, ...]) -> dict[str, Any]:
        """The message of the answer that an item belongs to.

        Args:
            ended_by: The item begins another answer where the last has one of these fields.
        """
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant" or any(last.get(field) for field in ended_by):
            last = {"role": "assistant", "content": None}
            self.messages.append(last)
        return last

    def _reasoning(self, item: Mapping[str, Any], path: str) -> None:
        answer = self._answer(("content", "tool_calls"))
        written = [
            text(mapping(part, path).get("text") or "", f"{path}.{field}")
            for field in ("content", "summary")
            for part in listed(item.get(field) or [], f"{path}.{field}")
        ]
        if any(written):
            before = answer.get("reasoning_content")
            answer["reasoning_content"] = "\n\n".join([*([before] if before else []), *written])
        sealed = item.get("encrypted_content")
        if sealed is None:
            return
        block = unpack(text(sealed, f"{path}.encrypted_content"))
        if block is None:
            self._losses.dropped.append(f"{path}.encrypted_content")
        else:
            answer.setdefault("thinking_blocks", []).append(block)

    def _call(self, item: Mapping[str, Any], path: str, arguments: str) -> None:
        own_name = name(item.get("name"), f"{path}.name")
        group = text(item.get("namespace") or "", f"{path}.namespace")
        call = {
            "id": name(item.get("call_id") or item.get("id"), f"{path}.call_id"),
            "type": "function",
            "function": {"name": group_name(group, own_name), "arguments": arguments},
        }
        self._answer(()).setdefault("tool_calls", []).append(call)

    def _output(self, item: Mapping[str, Any], path: str) -> None:
        self.messages.append(
            {
                "role": "tool",
                "tool_call_id": name(item.get("call_id"), f"{path}.call_id"),
                "content": output_text(item.get("output"), f"{path}.output", self._losses),
            }
        )
