"""Turns the tools of Anthropic's Messages API into tools of a chat body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.quoting import quoted
from policy_router.server.dialects.fields import (
    flag,
    listed,
    mapping,
    name,
    one_of,
    text,
    unknown_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses

_FIELDS: Final = ("type", "name", "description", "input_schema", "strict", "cache_control")
_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "any": "required", "none": "none"}


def read_tools(body: Mapping[str, Any], losses: Losses) -> dict[str, Any]:
    """The `tools`, `tool_choice` and `parallel_tool_calls` of the chat body.

    A tool that Anthropic runs, such as a web search, is left out, since no other provider has it.

    Args:
        body: The client's body.
        losses: Collects the path of each tool that is left out.

    Raises:
        InvalidBodyError: A tool is invalid.
    """
    tools, hosted = [], {}
    for number, given in enumerate(listed(body.get("tools") or [], "tools")):
        path = f"tools[{number}]"
        tool = mapping(given, path)
        if tool.get("type") in (None, "custom", "function"):
            tools.append(_tool(tool, path))
            losses.dropped.extend(unknown_fields(tool, _FIELDS, f"{path}."))
        else:
            hosted[str(tool.get("name") or tool["type"])] = f"{path} (`{quoted(tool['type'])}`)"
    losses.dropped.extend(hosted.values())
    if hosted and not tools:
        names = ", ".join(hosted.values())
        losses.need("tools", f"contains only what a provider runs itself: {names}")
    if not tools:
        return {}
    return {"tools": tools, **_choice(body.get("tool_choice"), hosted, losses)}


def _tool(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name(tool.get("name"), f"{path}.name")}
    if tool.get("description"):
        function["description"] = text(tool["description"], f"{path}.description")
    schema = mapping(tool.get("input_schema") or {}, f"{path}.input_schema")
    function["parameters"] = schema or {"type": "object", "properties": {}}
    if tool.get("strict") is not None:
        function["strict"] = flag(tool["strict"], f"{path}.strict")
    made: dict[str, Any] = {"type": "function", "function": function}
    if tool.get("cache_control") is not None:
        made["cache_control"] = tool["cache_control"]
    return made


def _choice(given: object, hosted: Mapping[str, str], losses: Losses) -> dict[str, Any]:
    if given is None:
        return {}
    choice = mapping(given, "tool_choice")
    kind = one_of(choice.get("type"), "tool_choice.type", (*_CHOICES, "tool"))
    wanted: dict[str, Any] = {}
    if kind != "tool":
        wanted["tool_choice"] = _CHOICES[kind]
    else:
        called = name(choice.get("name"), "tool_choice.name")
        if called in hosted:
            losses.need("tool_choice.name", f"is what a provider runs itself: {hosted[called]}")
            return {}
        wanted["tool_choice"] = {"type": "function", "function": {"name": called}}
    if flag(choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use"):
        wanted["parallel_tool_calls"] = False
    return wanted
