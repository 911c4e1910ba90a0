"""Adds the text of a prompt of the policy to the caller's own system text, in each dialect.

Where the caller has a system text, the two are parts of one message: some models take only one, at
the beginning. Everything else of a body stays as it is, marks for prompt caches included. Nothing
is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.prompts import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.prompts import Prompt

APART: Final = "\n\n"
"""Stands between the text of the policy and that of the caller."""
_ROLES: Final = frozenset({"system", "developer"})


def with_system(messages: Sequence[Any], prompt: Prompt) -> list[Any]:
    """The messages of a chat completion with the text of a prompt.

    The caller's own system text is the messages at the beginning whose role is `system` or
    `developer`. Such messages in the middle are part of the conversation, and stay.

    Args:
        messages: The messages as plain JSON.
        prompt: A prompt.
    """
    text = prompt.system
    if text is None:
        return [*messages]
    own = _leading(messages)
    role = messages[0]["role"] if own else "system"
    if not own or prompt.place is Placement.REPLACE:
        return [{"role": role, "content": text}, *messages[own:]]
    at = 0 if prompt.place is Placement.BEFORE else own - 1
    changed = {**messages[at], "content": _joined(messages[at].get("content"), text, prompt.place)}
    return [*messages[:at], changed, *messages[at + 1 :]]


def with_system_blocks(body: Mapping[str, Any], prompt: Prompt) -> dict[str, Any]:
    """A body in Anthropic's dialect with the text of a prompt in its `system`."""
    if prompt.system is None:
        return {**body}
    return {**body, "system": _joined(body.get("system"), prompt.system, prompt.place)}


def with_instructions(body: Mapping[str, Any], prompt: Prompt) -> dict[str, Any]:
    """A body of the Responses API with the text of a prompt in its `instructions`.

    A text that replaces the caller's also replaces the `system` and `developer` messages at the
    beginning of the input.
    """
    if prompt.system is None:
        return {**body}
    sent = {**body, "instructions": _joined(body.get("instructions"), prompt.system, prompt.place)}
    given = sent.get("input")
    if prompt.place is Placement.REPLACE and isinstance(given, list):
        sent["input"] = given[_leading(given) :]
    return sent


def _leading(messages: Sequence[Any]) -> int:
    """How many messages at the beginning are the caller's system text."""
    for i, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if not isinstance(role, str) or role not in _ROLES:
            return i
    return len(messages)


def _joined(own: Any, text: str, place: Placement) -> Any:
    """The content of the caller with a text: a string, or a list with one part more."""
    if place is Placement.REPLACE or not own:
        return text
    first = place is Placement.BEFORE
    if isinstance(own, str):
        return text + APART + own if first else own + APART + text
    part = {"type": "text", "text": text + APART if first else APART + text}
    return [part, *own] if first else [*own, part]
