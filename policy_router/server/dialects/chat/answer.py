"""Writes an answer as a chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.providers.requests.reasoning_origin import ORIGIN
from policy_router.server.dialects.usage import chat_usage

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.server.dialects.neutral import Envelope, NeutralRequest


def write_answer(answer: ChatAnswer, request: NeutralRequest, envelope: Envelope) -> dict[str, Any]:
    """The body of the answer. Fields that only its provider knows are kept.

    Args:
        answer: The answer of the model.
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    body: dict[str, Any] = answer.model_dump()
    for number, choice in enumerate(answer.choices):
        message = body["choices"][number]["message"]
        restore(message, request, envelope)
        message.setdefault("refusal", choice.message.refusal)
        message.setdefault("annotations", [])
        for index, call in enumerate(message.get("tool_calls") or ()):
            call["id"] = call.get("id") or envelope.call_id(index)
        body["choices"][number].setdefault("logprobs", None)
    return framed(body, "chat.completion", envelope, answer)


def framed(
    body: dict[str, Any], object_type: str, envelope: Envelope, answer: ChatAnswer | None = None
) -> dict[str, Any]:
    """A body with the id, the model and the time of the answer, and what it used.

    Args:
        body: The fields of the answer or of a chunk.
        object_type: OpenAI's name of what it is.
        envelope: The metadata of the answer: id, model, time.
        answer: The answer, whose usage is written; None leaves it out.
    """
    used = None if answer is None else answer.usage
    fields = {name: value for name, value in body.items() if name != "usage"}
    fields |= {
        "id": f"chatcmpl-{envelope.id}",
        "object": object_type,
        "created": envelope.created,
        "model": envelope.model,
    }
    return fields if used is None else {**fields, "usage": chat_usage(used)}


def restore(message: dict[str, Any], request: NeutralRequest, envelope: Envelope) -> None:
    """Give the tools of a message or a delta the client's names, and mark whose reasoning it has.

    Args:
        message: The message; it is changed.
        request: What the client asked for.
        envelope: The metadata of the answer: id, model, time.
    """
    for call in message.get("tool_calls") or ():
        function = call.get("function")
        if isinstance(function, dict) and function.get("name"):
            function["name"] = request.client_tool(function["name"]).name
    blocks = message.get("thinking_blocks")
    if envelope.origin and isinstance(blocks, list):
        for block in blocks:
            if isinstance(block, dict):
                block[ORIGIN] = envelope.origin
