"""Finds content of an unknown type in the body of a request, which no model may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from policy_router.conversation.dialect import Dialect
from policy_router.conversation.transcript import items
from policy_router.domain.content import ITEMS, PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTRUCTIONS: Final = "system"


def unknown_part(body: Mapping[str, object], dialect: Dialect) -> str | None:
    """The first type of content that is unknown; None when all are known.

    It would be unknown which models can read it. Content without a type is left to the provider.

    Args:
        body: The body, from JSON.
        dialect: Its format.
    """
    return next(_unknown(body, dialect), None)


def _unknown(body: Mapping[str, object], dialect: Dialect) -> Iterator[str]:
    yield from _in_parts(body.get(_INSTRUCTIONS))
    is_responses = dialect is Dialect.RESPONSES
    for message in items(body.get("input" if is_responses else "messages")):
        if not isinstance(message, Mapping):
            continue
        kind = message.get("type")
        if is_responses and isinstance(kind, str) and kind not in ITEMS:
            yield kind
        yield from _in_parts(message.get("content"))
        yield from _in_parts(message.get("output"))


def _in_parts(content: object, *, within: bool = False) -> Iterator[str]:
    """Yield the unknown types of a message's parts, and of those in the result of a tool."""
    for part in items(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(kind, str) and kind not in PARTS:
            yield kind
        elif kind == "tool_result" and isinstance(part, Mapping) and not within:
            yield from _in_parts(part.get("content"), within=True)
