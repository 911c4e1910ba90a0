"""Translates answers in Anthropic's wire format to OpenAI's chat format."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.adapt import to_answer
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatAnswer

FINISH_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)
"""Stop reasons in OpenAI's words. Any other one is kept, and judged like every finish reason."""
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


def read_message(value: dict[str, Any], names: Mapping[str, str]) -> ChatAnswer:
    """The answer in a body.

    Args:
        value: The body, of type `message`.
        names: The original name of each tool that was sent under another one.

    Raises:
        CallFailed: It is not a message.
    """
    content = value.get("content")
    if value.get("type") != "message" or not isinstance(content, list):
        raise CallFailed(Failure(FailureKind.MALFORMED, "the answer is not a message"))
    blocks = [block for block in content if isinstance(block, dict)]
    calls = [_call(block, names) for block in blocks if block.get("type") == "tool_use"]
    text = "".join(_text(block, "text") for block in blocks)
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    thinking = [block for block in blocks if block.get("type") in _THINKING]
    if thinking:
        message["thinking_blocks"] = thinking
        message["reasoning_content"] = "".join(_text(block, "thinking") for block in thinking)
    choice = {"index": 0, "message": message, **ending(value)}
    return to_answer(
        {
            "id": value.get("id"),
            "object": "chat.completion",
            "model": value.get("model"),
            "choices": [choice],
            "usage": usage_of(value.get("usage")),
        }
    )


def _call(block: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = _text(block, "name")
    arguments = json.dumps(block.get("input") or {})
    function = {"name": names.get(name, name), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}


def ending(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a choice that say why it ended, with the stop sequence as vLLM has it."""
    stop = holder.get("stop_sequence")
    reason = finish_reason(holder)
    return {"finish_reason": reason, **({"stop_reason": stop} if isinstance(stop, str) else {})}


def finish_reason(holder: Mapping[str, Any]) -> str | None:
    """Why an answer ended, in OpenAI's words; None while it has not."""
    reason = holder.get("stop_reason")
    return FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else None


def usage_of(used: object) -> dict[str, Any] | None:
    """The usage in OpenAI's words, with the provider's own fields; None when there is none.

    Anthropic counts tokens that are read from its prompt cache, or written to it, apart from the
    input tokens; OpenAI counts them among the prompt tokens.
    """
    if not isinstance(used, dict):
        return None
    counts = [used.get(name) for name in ("input_tokens", *_CACHE)]
    known = [count for count in counts if isinstance(count, int) and count >= 0]
    prompt = sum(known) if isinstance(used.get("input_tokens"), int) else None
    details = {"cached_tokens": used.get(_CACHE[0]), "cache_creation_tokens": used.get(_CACHE[1])}
    output = used.get("output_tokens_details")
    thought = output.get("thinking_tokens") if isinstance(output, dict) else None
    own = {name: value for name, value in used.items() if name not in _RENAMED}
    return {
        **own,
        "prompt_tokens": prompt,
        "completion_tokens": used.get("output_tokens"),
        "prompt_tokens_details": details,
        **({} if thought is None else {"completion_tokens_details": {"reasoning_tokens": thought}}),
    }


_CACHE: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")
_RENAMED: Final = frozenset({"input_tokens", "output_tokens", "output_tokens_details"})


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""
