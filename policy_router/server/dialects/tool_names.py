"""Gives tools names that every provider accepts.

OpenAI's API takes up to 64 letters, digits, underscores and dashes; clients have longer names, and
names with dots. A name that is changed is changed wherever it occurs in the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from policy_router.providers.anthropic_wire.tool_names import sent_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def with_sent_names(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A chat body whose tools have accepted names.

    Args:
        body: A chat body; it is not changed.

    Returns:
        The body, and the original name of each tool that is sent under another one.
    """
    renamed = {sent: name for name in _names(body) if (sent := sent_name(name)) != name}
    if not renamed:
        return dict(body), {}
    named = {**body, "messages": [_message(message) for message in body["messages"]]}
    if isinstance(body.get("tools"), list):
        named["tools"] = [_with_function(tool) for tool in body["tools"]]
    if "tool_choice" in body:
        named["tool_choice"] = _with_function(body["tool_choice"])
    return named, renamed


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    holders = list(body["tools"]) if isinstance(body.get("tools"), list) else []
    for message in body["messages"]:
        holders += _calls(message)
    for holder in (*holders, body.get("tool_choice")):
        function = holder.get("function") if isinstance(holder, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str) and name:
            yield name


def _calls(message: Mapping[str, Any]) -> list[Any]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = _calls(message)
    return {**message, "tool_calls": [_with_function(c) for c in calls]} if calls else message


def _with_function(holder: Any) -> Any:
    function = holder.get("function") if isinstance(holder, Mapping) else None
    if not isinstance(function, Mapping):
        return holder
    name = function.get("name")
    if not isinstance(name, str) or not name:
        return holder
    return {**holder, "function": {**function, "name": sent_name(name)}}
