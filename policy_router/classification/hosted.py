"""Finds, or leaves out, the tools of a body that the provider runs, such as web search.

Such tools are charged by use, send data to third parties and feed the model any number of tokens. A
body that is sent as it came must not contain them unless its request needs `hosted_tools`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS: Final = frozenset(
    {
        "compound_custom", "container", "data_sources", "enable_search", "mcp_servers", "plugins",
        "search_options", "search_parameters", "search_settings", "web_search",
        "web_search_options",
    }
)  # fmt: skip
"""Fields next to the tools that have a provider search, read other sources or run code."""
_OF_THE_CLIENT: Final[Mapping[Dialect, frozenset[object]]] = MappingProxyType(
    {
        Dialect.CHAT: frozenset({"function", "custom"}),
        Dialect.MESSAGES: frozenset({None, "custom", "function"}),
        Dialect.RESPONSES: frozenset({"function", "custom", "namespace"}),
    }
)
"""The types of the tools that the client runs."""
_CHOICES: Final = frozenset({"auto", "any", "none", "required", "tool", "allowed_tools"})
"""The types of choices among tools, besides those of the tools themselves."""
_ABOUT_TOOLS: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls"})


def hosted_parts(body: Mapping[str, Any], dialect: Dialect) -> tuple[str, ...]:
    """Name what a body asks its provider to run.

    Args:
        body: The body, as the client sent it.
        dialect: Its format.

    Returns:
        The fields and the tools, by their path.
    """
    fields: list[str] = []
    if not _FIELDS.isdisjoint(body):
        fields = [name for name in sorted(_FIELDS & body.keys()) if body[name] is not None]
    tools = body.get("tools")
    return (*fields, *(_hosted_tools(tools, dialect, "tools") if tools else ()))


def without_hosted(body: Mapping[str, Any], dialect: Dialect) -> Mapping[str, Any]:
    """The body without what `hosted_parts` names, and without a choice of such a tool."""
    if not hosted_parts(body, dialect):
        return body
    sent = {name: value for name, value in body.items() if name not in _FIELDS}
    if not isinstance(sent.get("tools"), list):
        return sent
    sent["tools"] = _client_tools(sent["tools"], dialect)
    if not sent["tools"]:
        return {name: value for name, value in sent.items() if name not in _ABOUT_TOOLS}
    choice = sent.get("tool_choice")
    if isinstance(choice, Mapping) and not _may_be_chosen(choice, sent["tools"], dialect):
        del sent["tool_choice"]
    return sent


def _hosted_tools(tools: object, dialect: Dialect, path: str) -> Iterator[str]:
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        place = f"{path}[{number}]"
        if not _is_of_the_client(tool, dialect):
            yield place
        elif tool.get("type") == "namespace":
            yield from _hosted_tools(tool.get("tools"), dialect, f"{place}.tools")


def _client_tools(tools: list[Any], dialect: Dialect) -> list[Any]:
    return [
        {**tool, "tools": _client_tools(tool["tools"], dialect)}
        if tool.get("type") == "namespace" and isinstance(tool.get("tools"), list)
        else tool
        for tool in tools
        if _is_of_the_client(tool, dialect)
    ]


def _is_of_the_client(tool: object, dialect: Dialect) -> bool:
    kind = tool.get("type") if isinstance(tool, Mapping) else ""
    return (kind is None or isinstance(kind, str)) and kind in _OF_THE_CLIENT[dialect]


def _may_be_chosen(choice: Mapping[str, Any], tools: list[Any], dialect: Dialect) -> bool:
    kind = choice.get("type")
    if dialect is Dialect.MESSAGES and kind == "tool":
        return any(tool.get("name") == choice.get("name") for tool in tools)
    return isinstance(kind, str) and kind in _CHOICES | _OF_THE_CLIENT[dialect]
