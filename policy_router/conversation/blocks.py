"""Separates what a human typed from what a program put around it.

Programs mark what they add by tags, such as `<system-reminder>...</system-reminder>` or
`<environment_context>...</environment_context>`; so do people and programs for what they attach,
such as `<document>...</document>`. All of that is context, not the request.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG: Final = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,63})(?:\s[^<>]{0,500})?>")
_ATTACHED: Final = frozenset(
    {
        "attachment", "attachments", "context", "document", "documents", "file", "files",
        "instructions", "memory", "permissions", "rules", "session", "transcript",
    }
)  # fmt: skip
"""Names of blocks around context, in addition to all names with `-` or `_`. Names of HTML have
neither."""
_ASKS: Final = frozenset(
    {"feedback", "query", "question", "task", "user-query", "user_message", "user_query"}
)
"""Names of blocks around what a human typed."""
_ADDED: Final = frozenset(
    {
        "bash-input", "bash-stderr", "bash-stdout", "command-message", "command-name",
        "environment_context", "environment_details", "git_status", "instructions",
        "local-command-caveat", "local-command-stderr", "local-command-stdout", "memory",
        "permissions", "project_layout", "rules", "subagent_notification", "system-reminder",
        "system_reminder", "task-notification", "turn_aborted", "user_info", "user_instructions",
    }
)  # fmt: skip
"""Names of blocks that a program adds on its own, so that no human said anything in them."""
_NOTES: Final = (
    "[request interrupted by user", "# agents.md instructions", "caveat: the messages below were",
)  # fmt: skip
"""Beginnings, in lower case, of messages that a program adds in the name of the user."""
_SUMMARIES: Final = (
    "this session is being continued from a previous conversation",
    "another language model started to solve this problem",
)
"""Beginnings, in lower case, of messages that replace a conversation by a summary of it."""
_LISTED: Final = re.compile(r"(?i)user messages\b.*")
"""The heading over what the user said, in such a summary."""
_BEFORE_LISTED: Final = re.compile(r"(?i)\W*(?:\d{1,6}\.)?\W*(?:all )?")
"""What may stand before it in its line."""
_LONGEST_BEFORE: Final = 64
_HEADING: Final = re.compile(r"(?m)^(?:\d+\.\s|#|\*\*)")
_OPENING: Final = 64


def asked_in(text: str) -> str:
    """Return what a human typed in a text; empty when a program wrote all of it.

    Blocks of context are removed. Where nothing else remains, the last block that a human may
    have typed or attached is what was asked.
    """
    opening = text[:_OPENING].lstrip().lower()
    if opening.startswith(_NOTES):
        return ""
    if opening.startswith(_SUMMARIES):
        return _last_listed(text)
    if "<" not in text or "</" not in text:  # one character is found faster than two
        return text
    return _without_blocks(text)


def may_be_asked(text: str) -> bool:
    """Whether `asked_in` would return anything; a text without marks is not read for that."""
    start = text[:_OPENING].lstrip()
    if start[:1] not in _MARKED:
        return bool(start) or not (len(text) <= _OPENING or text.isspace())
    return bool(asked_in(text).strip())


def is_plain(text: str) -> bool:
    """Whether a text is certainly all typed by a human, and asks for what it says."""
    start = text[:_OPENING].lstrip()
    if start[:1] in _MARKED:
        # A heading may begin what a program asks for itself.
        return start[0] != "#" and asked_in(text) is text
    return bool(start) and ("<" not in text or "</" not in text)


_MARKED: Final = frozenset("<[#cCtTaA")
"""The first characters of texts that a program may have written."""


class _Tag(NamedTuple):
    start: int
    end: int
    closes: bool
    name: str


def _without_blocks(text: str) -> str:
    """Return a text without its blocks of context, in linear time."""
    kept: list[str] = []
    position = 0
    attached = ""
    for opening, closing in _blocks(text):
        kept.append(text[position : opening.start])
        position = closing.end
        inner = text[opening.end : closing.start]
        if opening.name in _ASKS:
            kept.append(inner)
        elif opening.name not in _ADDED and inner.strip():
            attached = inner
    kept.append(text[position:])
    return "".join(kept).strip() or attached.strip()


def _blocks(text: str) -> Iterator[tuple[_Tag, _Tag]]:
    """Yield the outermost blocks of a text, each by the tags that open and close it.

    A tag that is never closed, such as one in a quotation, opens nothing.
    """
    tags = [
        _Tag(match.start(), match.end(), match[1] == "/", match[2].lower())
        for match in _TAG.finditer(text)
    ]
    left = Counter(tag.name for tag in tags if tag.closes)
    opening: _Tag | None = None
    depth = 0
    for tag in tags:
        left[tag.name] -= tag.closes
        if opening is None:
            if not tag.closes and left[tag.name] and (tag.name in _ASKS or _is_context(tag.name)):
                opening, depth = tag, 1
        elif tag.name == opening.name:
            if tag.closes:
                depth -= 1
            elif left[tag.name] > depth:
                depth += 1
            if not depth:
                yield opening, tag
                opening = None


def _is_context(name: str) -> bool:
    return "-" in name or "_" in name or name in _ATTACHED


def _last_listed(summary: str) -> str:
    """Return the last message of the user that a summary lists; empty when it lists none."""
    heading = next(filter(_is_heading, _LISTED.finditer(summary)), None)
    if heading is None:
        return ""
    listed = summary[heading.end() :]
    following = _HEADING.search(listed)
    lines = listed[: following.start() if following else len(listed)].splitlines()
    said = [line.strip(" \t-*•\"'") for line in lines if line.strip()]
    return said[-1] if said else ""


def _is_heading(listed: re.Match[str]) -> bool:
    """Whether nothing else is before these words in their line."""
    near = max(0, listed.start() - _LONGEST_BEFORE)
    begin = listed.string.rfind("\n", near, listed.start()) + 1
    # Without an end of a line nearby, they are in the first line or far from the start of theirs.
    if not begin and near:
        return False
    return _BEFORE_LISTED.fullmatch(listed.string, begin, listed.start()) is not None
