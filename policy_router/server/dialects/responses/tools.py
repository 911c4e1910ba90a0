"""Turns the tools of OpenAI's Responses API into tools of a chat body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.quoting import quoted
from policy_router.server.dialects.fields import flag, listed, mapping, name, one_of, refuse, text
from policy_router.server.dialects.neutral import ClientTool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses

_MODES: Final = ("none", "auto", "required")
_NAMED: Final = ("function", "custom")


def group_name(group: str, own_name: str) -> str:
    """The name under which models get a tool of a group."""
    return f"{group}__{own_name}" if group else own_name


class ToolReader:
    """Reads the tools of one body.

    Attributes:
        tools: The tools as functions.
        renamed: The tools whose form differs for models, by the name that models see.
        hosted: The tools that OpenAI runs, by their type, with their path.
    """

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self.tools: list[dict[str, Any]] = []
        self.renamed: dict[str, ClientTool] = {}
        self.hosted: dict[str, str] = {}

    def read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The `tools`, `tool_choice` and `parallel_tool_calls` of the chat body.

        A tool that OpenAI runs, such as a web search, is left out, since no other provider has it.

        Raises:
            InvalidBodyError: A tool is invalid.
        """
        for number, tool in enumerate(listed(body.get("tools") or [], "tools")):
            self._add(mapping(tool, f"tools[{number}]"), f"tools[{number}]", "")
        self._losses.dropped.extend(self.hosted.values())
        if self.hosted and not self.tools:
            names = ", ".join(self.hosted.values())
            self._losses.need("tools", f"contains only what a provider runs itself: {names}")
        if not self.tools:
            return {}
        chosen = self._choice(body.get("tool_choice"))
        if body.get("parallel_tool_calls") is not None:
            parallel = flag(body["parallel_tool_calls"], "parallel_tool_calls")
            chosen["parallel_tool_calls"] = parallel
        return {"tools": self.tools, **chosen}

    def _add(self, tool: Mapping[str, Any], path: str, group: str) -> None:
        kind = name(tool.get("type"), f"{path}.type")
        if kind == "namespace" and not group:
            own_name = name(tool.get("name"), f"{path}.name")
            for number, inner in enumerate(listed(tool.get("tools") or [], f"{path}.tools")):
                place = f"{path}.tools[{number}]"
                self._add(mapping(inner, place), place, own_name)
        elif kind in _NAMED:
            own_name = name(tool.get("name"), f"{path}.name")
            unique_name = group_name(group, own_name)
            if group or kind == "custom":
                self.renamed[unique_name] = ClientTool(own_name, group, kind == "custom")
            function = _custom(tool, path) if kind == "custom" else _function(tool, path)
            self.tools.append({"type": "function", "function": {"name": unique_name, **function}})
        else:
            self.hosted[kind] = f"{path} (`{quoted(kind)}`)"

    def _choice(self, given: object) -> dict[str, Any]:
        if given is None:
            return {}
        if isinstance(given, str):
            return {"tool_choice": one_of(given, "tool_choice", _MODES)}
        choice = mapping(given, "tool_choice")
        kind = name(choice.get("type"), "tool_choice.type")
        if kind == "allowed_tools":
            return self._allowed(choice)
        if kind in _NAMED:
            return {"tool_choice": {"type": "function", "function": {"name": _chosen_name(choice)}}}
        self._losses.need("tool_choice", f"names `{quoted(kind)}`, which a provider runs itself")
        return {}

    def _allowed(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """A choice among some of the tools; models see only those."""
        tools = listed(choice.get("tools"), "tool_choice.tools")
        allowed = {
            _chosen_name(mapping(tool, f"tool_choice.tools[{number}]"))
            for number, tool in enumerate(tools)
            if mapping(tool, f"tool_choice.tools[{number}]").get("type") in _NAMED
        }
        kept = [tool for tool in self.tools if tool["function"]["name"] in allowed]
        if not kept:
            refuse("tool_choice.tools", "must name at least one of the functions in `tools`")
        self.tools[:] = kept
        return {"tool_choice": one_of(choice.get("mode"), "tool_choice.mode", _MODES)}


def _chosen_name(choice: Mapping[str, Any]) -> str:
    group = text(choice.get("namespace") or "", "tool_choice.namespace")
    return group_name(group, name(choice.get("name"), "tool_choice.name"))


def _function(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    function: dict[str, Any] = {}
    if tool.get("description"):
        function["description"] = text(tool["description"], f"{path}.description")
    schema = mapping(tool.get("parameters") or {}, f"{path}.parameters")
    function["parameters"] = schema or {"type": "object", "properties": {}}
    if tool.get("strict") is not None:
        function["strict"] = flag(tool["strict"], f"{path}.strict")
    return function


def _custom(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A tool whose input is free text, as a function with one argument."""
    described = [text(tool.get("description") or "", f"{path}.description")]
    form = mapping(tool.get("format") or {}, f"{path}.format")
    if form.get("type") == "grammar":
        syntax, definition = form.get("syntax"), form.get("definition")
        described.append(f"The input must match this {syntax} grammar:\n{definition}")
    schema = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The whole input, as text."}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return {"description": "\n\n".join(filter(None, described)), "parameters": schema}
