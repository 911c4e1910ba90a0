"""The items of an answer in OpenAI's Responses API, and the response that contains them."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.server.dialects.usage import responses_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.providers.answers.chat import Usage
    from policy_router.server.dialects.neutral import (
        ClientTool,
        Envelope,
        ErrorNotice,
        NeutralRequest,
    )

_INCOMPLETE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "length": "max_output_tokens",
        "max_tokens": "max_output_tokens",
        "model_context_window_exceeded": "max_output_tokens",
        "content_filter": "content_filter",
    }
)
"""Why an answer is not complete, by finish reason; for every other one it is."""


def ending(finish_reason: str) -> tuple[str, dict[str, Any] | None]:
    """The status of a response that ended for a reason, and why it is incomplete, if it is."""
    reason = _INCOMPLETE.get(finish_reason.lower())
    return ("completed", None) if reason is None else ("incomplete", {"reason": reason})


def response(
    request: NeutralRequest,
    envelope: Envelope,
    output: Sequence[Mapping[str, Any]],
    *,
    status: str,
    incomplete: Mapping[str, Any] | None = None,
    error: ErrorNotice | None = None,
    used: Usage | None = None,
) -> dict[str, Any]:
    """A response.

    Args:
        request: What the client asked for; the response repeats some of its fields.
        envelope: The metadata of the answer: id, model, time.
        output: The items so far.
        status: How far it is.
        incomplete: Why it is not complete.
        error: Why it failed.
        used: What was used, when it ended.
    """
    return {
        **_USUAL,
        **_repeated(request),
        "id": f"resp_{envelope.id}",
        "object": "response",
        "created_at": envelope.created,
        "status": status,
        "model": envelope.model,
        "output": list(output),
        "incomplete_details": incomplete,
        "error": None if error is None else _error(error),
        "usage": None if used is None else responses_usage(used),
    }


_REASONING: Final[Mapping[str, Any]] = MappingProxyType({"effort": None, "summary": None})
"""A request for reasoning that states nothing."""
_USUAL: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "background": False,
        "completed_at": None,
        "frequency_penalty": 0,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "presence_penalty": 0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": dict(_REASONING),
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 1,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1,
        "truncation": "disabled",
    }
)
"""The fields of a response where its request does not state them."""
_FUNCTION: Final[Mapping[str, Any]] = MappingProxyType(
    {"description": None, "parameters": None, "strict": None}
)
"""A function that states nothing besides its name."""


def _repeated(request: NeutralRequest) -> dict[str, Any]:
    """The fields of the request that its response repeats; each object in them is complete."""
    fields = dict(request.repeated)
    if isinstance(fields.get("reasoning"), dict):
        fields["reasoning"] = {**_REASONING, **fields["reasoning"]}
    if isinstance(fields.get("tools"), list):
        fields["tools"] = [
            {**_FUNCTION, **tool} if tool.get("type") == "function" else tool
            for tool in fields["tools"]
        ]
    return fields


_LIMITED: Final = 429
_SERVER: Final = 500


def _error(error: ErrorNotice) -> dict[str, str]:
    """An error in the words that responses have for it."""
    code = "server_error" if error.status >= _SERVER else "invalid_prompt"
    code = "rate_limit_exceeded" if error.status == _LIMITED else code
    return {"code": code, "message": error.message}


def text_part(text: str, citations: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A part of a message that is text.

    Args:
        text: The text.
        citations: The pages that it cites.
    """
    return {"type": "output_text", "text": text, "annotations": [*citations], "logprobs": []}


def refusal_part(text: str) -> dict[str, Any]:
    """A part of a message that says why the model refuses."""
    return {"type": "refusal", "refusal": text}


def message_item(item_id: str, parts: Sequence[Mapping[str, Any]], status: str) -> dict[str, Any]:
    """An item with what the model says."""
    return {
        "type": "message",
        "id": item_id,
        "status": status,
        "role": "assistant",
        "content": list(parts),
    }


def reasoning_item(item_id: str, text: str, sealed: str | None) -> dict[str, Any]:
    """An item with what the model thought.

    Args:
        item_id: Its id.
        text: The part of it that people may read.
        sealed: The form in which its model can read it again; None leaves it out.
    """
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: dict[str, Any] = {"type": "reasoning", "id": item_id, "summary": summary}
    return item if sealed is None else {**item, "encrypted_content": sealed}


def call_item(
    item_id: str, call_id: str, tool: ClientTool, arguments: str, status: str
) -> dict[str, Any]:
    """An item with a call of a tool, in the form that its client gave the tool.

    Args:
        item_id: Its id.
        call_id: The id that the output of the call refers to.
        tool: The tool as its client knows it.
        arguments: The arguments, as JSON text.
        status: How far it is.
    """
    grouped = {"namespace": tool.namespace} if tool.namespace else {}
    called = {"id": item_id, "call_id": call_id, "name": tool.name, **grouped}
    if tool.is_custom:
        return {"type": "custom_tool_call", **called, "input": free_text(arguments)}
    return {"type": "function_call", **called, "arguments": arguments, "status": status}


def free_text(arguments: str) -> str:
    """The input of a custom tool, out of the object that the model had to put it into."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    given = value.get("input") if isinstance(value, dict) else None
    return given if isinstance(given, str) else arguments
