"""The stop reason of an answer, in the terms of Anthropic's Messages API."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "length": "max_tokens",
        "max_tokens": "max_tokens",
        "model_context_window_exceeded": "model_context_window_exceeded",
        "content_filter": "refusal",
        "refusal": "refusal",
        "stop_sequence": "stop_sequence",
        "pause_turn": "pause_turn",
    }
)
"""Stop reasons, by finish reason. For every other one, the answer is what its model meant it to be:
whether a reason ends a usable answer is judged before an answer gets here."""


def stop_reason(finish_reason: str, matched: str, *, calls: bool) -> str:
    """The stop reason of an answer.

    Args:
        finish_reason: The reason in the chat format.
        matched: The stop sequence at which the answer ended; empty when it is unknown.
        calls: Whether it calls tools. Some servers end such an answer with `stop`.
    """
    reason = _REASONS.get(finish_reason.lower())
    if reason is not None:
        return reason
    if calls:
        return "tool_use"
    return "stop_sequence" if matched else "end_turn"
