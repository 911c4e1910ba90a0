"""Whether a program makes a request for itself, such as for the title of a conversation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.conversation.transcript import OPENING

if TYPE_CHECKING:
    from policy_router.clients.program import Program
    from policy_router.conversation.transcript import Transcript

_WORD: Final = re.compile(r"[^\W\d_]+")
_PRODUCTS: Final = frozenset(
    {
        "title", "titles", "summary", "summarize", "summarise", "summarizing", "summarising",
        "tags", "topic", "headline", "compaction", "queries",
    }
)  # fmt: skip
"""What such requests ask for."""
_SOURCES: Final = frozenset(
    {
        "conversation", "conversations", "chat", "session", "thread", "transcript", "history",
        "dialogue", "messages",
    }
)  # fmt: skip
"""What they are about."""
_TASK: Final = "### task"
"""The beginning of such a request, in lower case, where it is in a message of the user."""
_OPENING: Final = 400


def is_housekeeping(
    program: Program, transcript: Transcript, request: str, *, has_format: bool
) -> bool:
    """Whether a program makes a request for itself.

    Where it does not say so, its other requests tell: an agent offers tools in all that it makes
    for its user. A request of another program is one if its instructions are about the title or
    the summary of a conversation.

    Args:
        program: The sender.
        transcript: The conversation.
        request: What is asked.
        has_format: Whether the format of the answer is fixed.
    """
    if program.housekeeping is not None:
        return program.housekeeping
    opening = request[:_OPENING].lower()
    if program.tools:
        return any(phrase in opening for phrase in program.client.compaction)
    if program.client.name and (has_format or not transcript.answers):
        return True
    typed = opening.lstrip()
    instructions = transcript.system.lower()
    if typed.startswith(_TASK):
        instructions = f"{instructions} {typed}"
    elif not may_be_housekeeping(transcript.system):
        return False
    words = frozenset(_WORD.findall(instructions))
    return not _PRODUCTS.isdisjoint(words) and not _SOURCES.isdisjoint(words)


def may_be_housekeeping(instructions: str) -> bool:
    """Whether the beginning of instructions has a word, or a part of one, for what requests that a
    program makes for itself ask for. That takes less time than to find their words."""
    opening = instructions[:OPENING].lower()
    return any(map(opening.__contains__, _PRODUCTS))
