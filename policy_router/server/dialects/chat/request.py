"""Reads a request body of OpenAI's Chat Completions API."""

from __future__ import annotations

from typing import Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.frozen import maker
from policy_router.providers.requests.body import PARAMETERS
from policy_router.server.dialects.fields import (
    flag,
    listed,
    mapping,
    model_of,
    name,
    one_of,
    refuse,
    unknown_fields,
)
from policy_router.server.dialects.neutral import ClientTool, NeutralRequest
from policy_router.server.dialects.tool_names import with_sent_names

_new_request: Final = maker(NeutralRequest)
_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_CHOICES: Final = ("none", "auto", "required")
_USED: Final = PARAMETERS | {"model", "stream", "metadata", "models"}
"""Fields that have an effect: `metadata` and `models` by what they say to this server."""
_TEXT: Final = {"role", "content"}
_OLD: Final = {"functions": "tools", "function_call": "tool_choice"}


def read_request(body: object) -> NeutralRequest:
    """Read a body.

    The fields that a model may be sent are taken by name and not looked into more than is needed:
    what is wrong with them is for the provider to say, whose clients know its words.

    Args:
        body: The body as JSON.

    Raises:
        InvalidBodyError: The body is not one of a chat completion.
    """
    fields = mapping(body, "body")
    if not _OLD.keys().isdisjoint(fields):
        for old, new in _OLD.items():
            if fields.get(old) is not None:
                refuse(old, f"is the older form of `{new}`, and is not taken: send `{new}`")
    messages = listed(fields.get("messages"), "messages")
    if not messages:
        refuse("messages", "must contain at least one message")
    texts = True
    for number, message in enumerate(messages):
        if not _is_text(message):
            texts = False
            _check_message(message, f"messages[{number}]")
    tools, choice = fields.get("tools"), fields.get("tool_choice")
    for number, tool in enumerate(listed(tools, "tools") if tools else ()):
        name(mapping(tool, f"tools[{number}]").get("type"), f"tools[{number}].type")
    if isinstance(choice, str):
        one_of(choice, "tool_choice", _CHOICES)
    options = mapping(fields.get("stream_options") or {}, "stream_options")
    stream = flag(fields.get("stream"), "stream")
    kept = {key: value for key, value in fields.items() if key in PARAMETERS and value is not None}
    if not stream:
        kept.pop("stream_options", None)
    # Texts alone name no tools.
    sent, renamed = (kept, {}) if texts and not tools and not choice else with_sent_names(kept)
    return _new_request(
        Dialect.CHAT,
        model_of(fields),
        stream,
        sent,
        wants_usage=options.get("include_usage") is True,
        wants_thoughts=True,
        tools={short: ClientTool(long) for short, long in renamed.items()},
        dropped=tuple(unknown_fields(fields, _USED)),
    )


def _is_text(message: Any) -> bool:
    """Whether a message is a text and no more, as most are: nothing in it is to be checked."""
    return (
        type(message) is dict
        and message.keys() == _TEXT
        and type(message["content"]) is str
        and message["role"] in _ROLES
    )


def _check_message(message: Any, path: str) -> None:
    fields = mapping(message, path)
    one_of(fields.get("role"), f"{path}.role", _ROLES)
    content = fields.get("content")
    if content is not None and not isinstance(content, str):
        for number, part in enumerate(listed(content, f"{path}.content")):
            mapping(part, f"{path}.content[{number}]")
    for number, call in enumerate(listed(fields.get("tool_calls") or [], f"{path}.tool_calls")):
        mapping(call, f"{path}.tool_calls[{number}]")
