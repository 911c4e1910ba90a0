"""Reads a request body of Anthropic's Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.domain.effort import LEVELS
from policy_router.server.dialects.fields import (
    flag,
    listed,
    mapping,
    model_of,
    one_of,
    refuse,
    text,
    unknown_fields,
)
from policy_router.server.dialects.losses import Losses
from policy_router.server.dialects.messages.blocks import read_content
from policy_router.server.dialects.messages.conversation import read_turns
from policy_router.server.dialects.messages.tools import read_tools
from policy_router.server.dialects.neutral import ClientTool, NeutralRequest
from policy_router.server.dialects.schemas import json_format
from policy_router.server.dialects.tool_names import with_sent_names

if TYPE_CHECKING:
    from collections.abc import Mapping

_COPIED: Final = ("max_tokens", "temperature", "top_p")
_USED: Final = (
    *_COPIED, "model", "messages", "system", "stream", "stop_sequences", "tools", "tool_choice",
    "thinking", "output_config", "output_format", "metadata",
)  # fmt: skip
_THINKING: Final = ("adaptive", "enabled", "disabled")
_USUAL_EFFORT: Final = "high"
"""The effort of Anthropic's models where a request does not state one."""
_BUDGETS: Final = ((2_048, "low"), (8_192, "medium"))
"""Tokens for thinking up to which an effort is meant; above them it is `high`."""


def read_request(body: object) -> NeutralRequest:
    """Read a body.

    Args:
        body: The body as JSON.

    Raises:
        InvalidBodyError: The body is not one of Anthropic's messages.
    """
    fields = mapping(body, "body")
    losses = Losses(unknown_fields(fields, _USED))
    messages = read_turns(fields.get("messages"), losses)
    if fields.get("system"):
        system = read_content(fields["system"], "system", losses)
        messages.insert(0, {"role": "system", "content": system})
    chat: dict[str, Any] = {"messages": messages}
    chat |= {key: fields[key] for key in _COPIED if fields.get(key) is not None}
    stops = listed(fields.get("stop_sequences") or [], "stop_sequences")
    if stops:
        chat["stop"] = [text(stop, f"stop_sequences[{i}]") for i, stop in enumerate(stops)]
    chat |= read_tools(fields, losses)
    chat |= _output(fields, losses.dropped)
    stream = flag(fields.get("stream"), "stream")
    if stream:
        chat["stream_options"] = {"include_usage": True}  # the last event of the stream has it
    sent, renamed = with_sent_names(chat)
    return NeutralRequest(
        Dialect.MESSAGES,
        model_of(fields),
        stream,
        sent,
        wants_usage=True,
        wants_thoughts=True,
        tools={short: ClientTool(long) for short, long in renamed.items()},
        dropped=tuple(losses.dropped),
        needs_original=tuple(losses.needed),
    )


def _output(fields: Mapping[str, Any], dropped: list[str]) -> dict[str, Any]:
    """The effort and the format of the answer."""
    config = mapping(fields.get("output_config") or {}, "output_config")
    dropped += unknown_fields(config, ("effort", "format"), "output_config.")
    wanted: dict[str, Any] = {}
    effort = _effort(fields.get("thinking"), config.get("effort"))
    if effort is not None:
        wanted["reasoning_effort"] = effort
    for holder, key, path in (
        (config, "format", "output_config.format"),
        (fields, "output_format", "output_format"),
    ):
        if holder.get(key) is None:
            continue
        form = mapping(holder[key], path)
        one_of(form.get("type"), f"{path}.type", ("json_schema",))
        wanted["response_format"] = json_format(mapping(form.get("schema"), f"{path}.schema"))
    return wanted


def _effort(thinking: object, stated: object) -> str | None:
    """How much to reason; None where the model decides.

    A stated effort counts unless thinking is switched off.
    """
    effort = None if stated is None else one_of(stated, "output_config.effort", LEVELS)
    if thinking is None:
        return effort
    given = mapping(thinking, "thinking")
    match one_of(given.get("type"), "thinking.type", _THINKING):
        case "disabled":
            return "none"
        case "adaptive":
            return effort or _USUAL_EFFORT
    budget = given.get("budget_tokens")
    if type(budget) is not int:
        refuse("thinking.budget_tokens", "must be an integer")
    return effort or next((level for most, level in _BUDGETS if budget <= most), _USUAL_EFFORT)
