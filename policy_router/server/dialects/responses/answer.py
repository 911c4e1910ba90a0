"""Writes an answer in the format of OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.answers.citations import response_citations
from policy_router.providers.requests.packed_reasoning import pack
from policy_router.server.dialects.pieces import thinking_blocks
from policy_router.server.dialects.responses.items import (
    call_item,
    ending,
    message_item,
    reasoning_item,
    refusal_part,
    response,
    text_part,
)

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.answers.message import AnswerMessage
    from policy_router.server.dialects.neutral import Envelope, NeutralRequest


def write_answer(answer: ChatAnswer, request: NeutralRequest, envelope: Envelope) -> dict[str, Any]:
    """The body of the answer: its first choice, since a response has no others.

    Args:
        answer: The answer of the model, with at least one choice.
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    choice = answer.choices[0]
    message = choice.message
    status, incomplete = ending(choice.finish_reason or "")
    items = _thoughts(message, request, envelope)
    parts = [text_part(message.content, response_citations(message.raw))] if message.content else []
    parts += [refusal_part(message.refusal)] if message.refusal else []
    if parts:
        items.append(message_item(f"msg_{envelope.id}_{len(items)}", parts, status))
    for number, call in enumerate(message.tool_calls):
        items.append(
            call_item(
                f"fc_{envelope.id}_{len(items)}",
                call.id or envelope.call_id(number),
                request.client_tool(call.function.name),
                call.function.arguments or "{}",
                status,
            )
        )
    return response(
        request,
        envelope,
        items,
        status=status,
        incomplete=incomplete,
        used=answer.usage or NO_USAGE,
    )


def _thoughts(
    message: AnswerMessage, request: NeutralRequest, envelope: Envelope
) -> list[dict[str, Any]]:
    """The reasoning, in a form that its model can read again if the client wants that."""
    blocks = thinking_blocks(message)
    written = message.reasoning_content or ""
    if not blocks and written:
        return [reasoning_item(f"rs_{envelope.id}_0", written, None)]
    # Where only its model can read the blocks, the first has what people may read.
    shown = "" if any(block.get("thinking") for block in blocks) else written
    return [
        reasoning_item(
            f"rs_{envelope.id}_{number}",
            str(block.get("thinking") or "") or ("" if number else shown),
            pack(block, envelope.origin) if request.wants_thoughts else None,
        )
        for number, block in enumerate(blocks)
    ]
