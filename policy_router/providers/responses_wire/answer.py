"""Translates answers of OpenAI's Responses API to OpenAI's chat format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.adapt import to_answer
from policy_router.providers.answers.citations import chat_citation
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer

_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


def read_response(value: dict[str, Any]) -> ChatAnswer:
    """The answer in a body.

    Args:
        value: The body, of type `response`.

    Raises:
        CallFailed: It is not a response.
    """
    output = value.get("output")
    if value.get("object") != "response" or not isinstance(output, list):
        raise CallFailed(Failure(FailureKind.MALFORMED, "the answer is not a response"))
    items = [item for item in output if isinstance(item, Mapping)]
    calls = [to_call(item) for item in items if item.get("type") == "function_call"]
    text, refusal = _joined_text(items, "text"), _joined_text(items, "refusal")
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if refusal:
        message["refusal"] = refusal
    citations = _citations(items)
    if citations:
        message["annotations"] = citations
    if calls:
        message["tool_calls"] = calls
    reasoning = "\n\n".join(map(_summary, _of_type(items, "reasoning"))).strip()
    if reasoning:
        message["reasoning_content"] = reasoning
    blocks = [block for item in _of_type(items, "reasoning") for block in thinking(item)]
    if blocks:
        message["thinking_blocks"] = blocks
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(value, bool(calls))}
    return to_answer({**frame(value), "choices": [choice], "usage": usage_of(value.get("usage"))})


def frame(response: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer besides what the model says."""
    names = {"id": "id", "model": "model", "created": "created_at", "service_tier": "service_tier"}
    return {name: response.get(own) for name, own in names.items()}


def finish_reason(response: Mapping[str, Any], calls: bool) -> str | None:
    """Why a response ended, in the words of chat completions; None when it did not end."""
    match response.get("status"):
        case "completed":
            return "tool_calls" if calls else "stop"
        case "incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, Mapping) else None
            return _REASONS.get(reason, reason) if isinstance(reason, str) else "length"
    return None


def to_call(item: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call."""
    function = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def thinking(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reasoning in an item that only its model can read, as a block."""
    data = item.get("encrypted_content")
    return [{"type": "redacted_thinking", "data": data}] if isinstance(data, str) and data else []


def usage_of(used: object) -> dict[str, Any] | None:
    """The usage in the words of chat completions; None when there is none."""
    if not isinstance(used, Mapping):
        return None
    return {
        "prompt_tokens": used.get("input_tokens"),
        "completion_tokens": used.get("output_tokens"),
        "total_tokens": used.get("total_tokens"),
        "prompt_tokens_details": used.get("input_tokens_details"),
        "completion_tokens_details": used.get("output_tokens_details"),
    }


def _of_type(items: list[Mapping[str, Any]], item_type: str) -> list[Mapping[str, Any]]:
    return [item for item in items if item.get("type") == item_type]


def _joined_text(items: list[Mapping[str, Any]], field: str) -> str:
    parts = (part for item in _of_type(items, "message") for part in _mappings(item, "content"))
    return "".join(part[field] for part in parts if isinstance(part.get(field), str))


def _citations(items: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    citations, after = [], 0
    for item in _of_type(items, "message"):
        for part in _mappings(item, "content"):
            made = (chat_citation(each, after) for each in _mappings(part, "annotations"))
            citations += [each for each in made if each is not None]
            after += len(part["text"]) if isinstance(part.get("text"), str) else 0
    return citations


def _summary(item: Mapping[str, Any]) -> str:
    parts = [*_mappings(item, "summary"), *_mappings(item, "content")]
    return "\n\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _mappings(item: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    value = item.get(field)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
