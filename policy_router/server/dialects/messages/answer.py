"""Writes an answer in the format of Anthropic's Messages API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.requests.reasoning_origin import marked
from policy_router.server.dialects.messages.endings import stop_reason
from policy_router.server.dialects.pieces import stop_sequence, thinking_blocks
from policy_router.server.dialects.usage import messages_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.answers.message import AnswerMessage
    from policy_router.server.dialects.neutral import Envelope, NeutralRequest


def write_answer(answer: ChatAnswer, request: NeutralRequest, envelope: Envelope) -> dict[str, Any]:
    """The body of the answer: its first choice, since a message has no others.

    Args:
        answer: The answer of the model, with at least one choice.
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    choice = answer.choices[0]
    message = choice.message
    matched = stop_sequence(choice.raw)
    reason = stop_reason(choice.finish_reason or "", matched, calls=message.calls_tools)
    texts = [text for text in (message.content, message.refusal) if text]
    return {
        **frame(envelope),
        "content": [
            *_thoughts(message, envelope),
            *(text_block(text) for text in texts),
            *_calls(message, request, envelope),
        ],
        "stop_reason": reason,
        "stop_sequence": matched if reason == "stop_sequence" and matched else None,
        "usage": messages_usage(answer.usage or NO_USAGE),
    }


def frame(envelope: Envelope) -> dict[str, Any]:
    """The fields of a message besides its content and its ending."""
    return {
        "id": f"msg_{envelope.id}",
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "container": None,
        "stop_details": None,
    }


def text_block(text: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": text, "citations": None}


def tool_block(call_id: str, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A block that calls a tool of the client.

    Args:
        call_id: The id that the result of the call refers to.
        tool: The client's name of the tool.
        arguments: The arguments.
    """
    called = {"id": call_id, "name": tool, "input": arguments}
    return {"type": "tool_use", **called, "caller": {"type": "direct"}}


def _thoughts(message: AnswerMessage, envelope: Envelope) -> list[dict[str, Any]]:
    """The reasoning, signed by its model or marked as unsigned."""
    blocks = []
    for block in thinking_blocks(message):
        if block.get("type") == "redacted_thinking":
            data = marked(str(block.get("data") or ""), envelope.origin)
            blocks.append({"type": "redacted_thinking", "data": data})
        else:
            signature = marked(str(block.get("signature") or ""), envelope.origin)
            written = str(block.get("thinking") or "")
            blocks.append({"type": "thinking", "thinking": written, "signature": signature})
    if message.reasoning_content and not any("thinking" in block for block in blocks):
        unsigned = marked("", envelope.origin)
        written = message.reasoning_content
        blocks.insert(0, {"type": "thinking", "thinking": written, "signature": unsigned})
    return blocks


def _calls(
    message: AnswerMessage, request: NeutralRequest, envelope: Envelope
) -> list[dict[str, Any]]:
    return [
        tool_block(
            call.id or envelope.call_id(number),
            request.client_tool(call.function.name).name,
            read_arguments(call.function.arguments),
        )
        for number, call in enumerate(message.tool_calls)
    ]


def read_arguments(arguments: str) -> dict[str, Any]:
    """The arguments of a call as an object. A model may have written what is none."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}
