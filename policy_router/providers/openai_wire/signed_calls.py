"""Keeps the signatures of Gemini's thoughts, which stand in its tool calls.

At Google's endpoint for OpenAI's format, a tool call has a signature under `extra_content`, and a
later request that contains the call without it is refused. OpenAI's own clients keep the field.
Anthropic's and OpenAI's other format have no place for it there, but one for reasoning that only
its model can read; so the signature is such a block for them, and returns to its call later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.adapt import to_answer
from policy_router.providers.requests.reasoning_origin import GEMINI, own_reasoning

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer

EXTRA: Final = "extra_content"
"""The field of a tool call, or of a message, that the signature is in."""
_GOOGLE: Final = "google"
_SIGNATURE: Final = "thought_signature"
_BLOCKS: Final = "thinking_blocks"
_CALL: Final = "call"
_UNCHECKED: Final = "skip_thought_signature_validator"
"""What Google takes in place of a signature, for a call that another model made."""
_CHECKING: Final = "gemini-3"
"""Models that refuse a call without a signature."""


def signed_answer(value: dict[str, Any]) -> ChatAnswer:
    """The answer in a body, with its signatures as blocks of reasoning."""
    return to_answer(with_blocks(value, "message"))


def with_blocks(value: dict[str, Any], part: str) -> dict[str, Any]:
    """The body of an answer, or an event of a stream, with its signatures as blocks of reasoning.

    Args:
        value: The body or event.
        part: What of a choice is the answer: `message` or `delta`.
    """
    choices = value.get("choices")
    if not isinstance(choices, list) or not any(map(_blocks, _parts(choices, part))):
        return value
    made = [
        {**choice, part: {**said, _BLOCKS: [*_listed(said.get(_BLOCKS)), *blocks]}}
        if isinstance(said := _field(choice, part), Mapping) and (blocks := _blocks(said))
        else choice
        for choice in choices
    ]
    return {**value, "choices": made}


def with_signatures(messages: Sequence[Any], name: str) -> list[Any]:
    """The messages with each signature at the call that it belongs to.

    Args:
        messages: The messages of a request.
        name: The name of the model that it is sent to.
    """
    stand_in = _UNCHECKED if _CHECKING in name.lower() else ""
    return [_with_signatures(message, stand_in) for message in messages]


def _with_signatures(message: Any, stand_in: str) -> Any:
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return message
    signatures = dict(map(_opened, own_reasoning(message.get(_BLOCKS), GEMINI)))
    sent = {**message, **_extra(signatures.get(None), message)}
    calls = _listed(message.get("tool_calls"))
    if calls:
        made = [_signed(call, signatures.get(_field(call, "id"))) for call in calls]
        if stand_in and not any(map(_signature, made)):
            made[0] = _signed(made[0], stand_in)
        sent["tool_calls"] = made
    return sent


def _signed(call: Any, signature: str | None) -> Any:
    return {**call, **_extra(signature, call)} if isinstance(call, Mapping) else call


def _extra(signature: str | None, holder: Mapping[str, Any]) -> dict[str, Any]:
    """The field with a signature; nothing where there is none, or the client kept it itself."""
    if not signature or _signature(holder):
        return {}
    return {EXTRA: {_GOOGLE: {_SIGNATURE: signature}}}


def _signature(holder: object) -> str:
    """The signature of a call or a message; empty without one."""
    found = _field(_field(_field(holder, EXTRA), _GOOGLE), _SIGNATURE)
    return found if isinstance(found, str) else ""


def _blocks(said: object) -> list[dict[str, Any]]:
    """The signatures of an answer, each as a block."""
    own = _signature(said)
    blocks = [_sealed(None, own)] if own else []
    calls = _listed(_field(said, "tool_calls"))
    return blocks + [
        _sealed(_field(call, "id"), signature) for call in calls if (signature := _signature(call))
    ]


def _sealed(call_id: Any, signature: str) -> dict[str, Any]:
    """A signature as a block that its model alone can read."""
    data = json.dumps({_CALL: call_id, _SIGNATURE: signature}, separators=(",", ":"))
    return {"type": "redacted_thinking", "data": data}


def _opened(block: Mapping[str, Any]) -> tuple[Any, str]:
    """The id of the call in a block, and the signature; empty where it has none."""
    try:
        value = json.loads(block.get("data") or "")
    except (ValueError, TypeError, RecursionError):
        return "", ""
    call, signature = _field(value, _CALL), _field(value, _SIGNATURE)
    usable = isinstance(signature, str) and (call is None or isinstance(call, str))
    return (call, signature) if usable else ("", "")


def _parts(choices: list[Any], part: str) -> list[Any]:
    return [_field(choice, part) for choice in choices]


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
