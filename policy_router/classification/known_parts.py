"""Finds content of an unknown type in the body of a request, which no model may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from policy_router.conversation.transcript import items
from policy_router.domain.content import ITEMS, PARTS
from policy_router.domain.dialect import Dialect

_INSTRUCTIONS: Final = "system"
_CONTENTS: Final = ("content", "output")


def unknown_part(body: Mapping[str, object], dialect: Dialect) -> str | None:
    """The first type of content that is unknown; None when all are known.

    It would be unknown which models can read it. Content without a type is left to the provider.

    Args:
        body: The body, from JSON.
        dialect: Its format.
    """
    prompt = _in_parts(body.get(_INSTRUCTIONS))
    if prompt is not None:
        return prompt
    is_responses = dialect is Dialect.RESPONSES
    for message in items(body.get("input" if is_responses else "messages")):
        if not isinstance(message, Mapping):
            continue
        kind = message.get("type") if is_responses else None
        if isinstance(kind, str) and kind not in ITEMS:
            return kind
        for name in _CONTENTS:
            content = message.get(name)
            part = None if content is None or isinstance(content, str) else _in_parts(content)
            if part is not None:
                return part
    return None


def _in_parts(content: object, *, within: bool = False) -> str | None:
    """Return the first unknown type of a message's parts, or of those in the result of a tool."""
    for part in items(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(kind, str) and kind not in PARTS:
            return kind
        if kind == "tool_result" and isinstance(part, Mapping) and not within:
            inner = _in_parts(part.get("content"), within=True)
            if inner is not None:
                return inner
    return None
