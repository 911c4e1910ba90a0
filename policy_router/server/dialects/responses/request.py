"""Reads a request body of OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.domain.effort import LEVELS
from policy_router.server.dialects.fields import (
    flag,
    listed,
    mapping,
    model_of,
    name,
    one_of,
    refuse,
    text,
    unknown_fields,
)
from policy_router.server.dialects.losses import Losses
from policy_router.server.dialects.neutral import ClientTool, NeutralRequest
from policy_router.server.dialects.responses.conversation import read_items
from policy_router.server.dialects.responses.tools import ToolReader
from policy_router.server.dialects.schemas import json_format
from policy_router.server.dialects.tool_names import with_sent_names

if TYPE_CHECKING:
    from collections.abc import Mapping

_COPIED: Final = ("temperature", "top_p", "user")
_USED: Final = (
    *_COPIED, "model", "input", "instructions", "stream", "tools", "tool_choice",
    "parallel_tool_calls", "max_output_tokens", "reasoning", "text", "include", "metadata",
)  # fmt: skip
_KEPT_BY_A_SERVER: Final = ("previous_response_id", "conversation", "prompt")
_ENCRYPTED: Final = "reasoning.encrypted_content"
_WITHOUT_EFFECT: Final[Mapping[str, object]] = {
    "store": False,
    "background": False,
    "truncation": "disabled",
    "service_tier": "auto",
}
"""Fields, and the value with which each asks for nothing."""
REPEATED: Final = (
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls",
    "prompt_cache_key", "reasoning", "safety_identifier", "temperature", "text", "tool_choice",
    "tools", "top_logprobs", "top_p", "truncation", "user",
)  # fmt: skip
"""Fields that an answer repeats."""
_FORMATS: Final = ("text", "json_object", "json_schema")


def read_request(body: object) -> NeutralRequest:
    """Read a body.

    Args:
        body: The body as JSON.

    Raises:
        InvalidBodyError: The body is not one of OpenAI's responses, or it refers to what a server
            keeps between them.
    """
    fields = mapping(body, "body")
    for key in _KEPT_BY_A_SERVER:
        if fields.get(key) is not None:
            problem = "refers to what this server does not keep: send the whole conversation"
            refuse(key, f"{problem} in `input`")
    if flag(fields.get("background"), "background"):
        refuse("background", "is not possible: wait for the answer, or stream it")
    losses = Losses(unknown_fields(fields, (*_USED, *_WITHOUT_EFFECT)))
    losses.dropped.extend(
        key
        for key, nothing in _WITHOUT_EFFECT.items()
        if fields.get(key) is not None and fields[key] != nothing
    )
    chat: dict[str, Any] = {"messages": read_items(fields.get("input"), losses)}
    if fields.get("instructions"):
        system = text(fields["instructions"], "instructions")
        chat["messages"].insert(0, {"role": "system", "content": system})
    chat |= {key: fields[key] for key in _COPIED if fields.get(key) is not None}
    if fields.get("max_output_tokens") is not None:
        chat["max_tokens"] = fields["max_output_tokens"]
    reader = ToolReader(losses)
    chat |= reader.read(fields)
    chat |= _output(fields, losses)
    include = listed(fields.get("include") or [], "include")
    losses.dropped.extend(f"include[{i}]" for i, each in enumerate(include) if each != _ENCRYPTED)
    stream = flag(fields.get("stream"), "stream")
    if stream:
        chat["stream_options"] = {"include_usage": True}  # the last event of the stream has it
    sent, shortened = with_sent_names(chat)
    tools = dict(reader.renamed)
    for short, long in shortened.items():
        tools[short] = tools.pop(long, ClientTool(long))
    return NeutralRequest(
        Dialect.RESPONSES,
        model_of(fields),
        stream,
        sent,
        wants_usage=True,
        wants_thoughts=_ENCRYPTED in include,
        tools=tools,
        dropped=tuple(losses.dropped),
        needs_original=tuple(losses.needed),
        repeated={key: fields[key] for key in REPEATED if fields.get(key) is not None},
    )


def _output(fields: Mapping[str, Any], losses: Losses) -> dict[str, Any]:
    """The effort, the format and the length of the answer."""
    wanted: dict[str, Any] = {}
    reasoning = mapping(fields.get("reasoning") or {}, "reasoning")
    known = ("effort", "summary", "generate_summary")
    losses.dropped.extend(unknown_fields(reasoning, known, "reasoning."))
    if reasoning.get("effort") is not None:
        wanted["reasoning_effort"] = one_of(reasoning["effort"], "reasoning.effort", LEVELS)
    config = mapping(fields.get("text") or {}, "text")
    losses.dropped.extend(unknown_fields(config, ("format", "verbosity"), "text."))
    if config.get("verbosity") is not None:
        wanted["verbosity"] = text(config["verbosity"], "text.verbosity")
    form = mapping(config.get("format") or {"type": "text"}, "text.format")
    match one_of(form.get("type"), "text.format.type", _FORMATS):
        case "json_object":
            wanted["response_format"] = {"type": "json_object"}
        case "json_schema":
            schema = mapping(form.get("schema"), "text.format.schema")
            strict = flag(form.get("strict"), "text.format.strict")
            named = name(form.get("name") or "answer", "text.format.name")
            wanted["response_format"] = json_format(schema, named, strict=strict)
    return wanted
