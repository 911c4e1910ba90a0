"""a stop reason that no answer has

The reasons of all providers are converted to OpenAI's names: stop, length, tool_calls,
function_call and content_filter. A check for any other rejects every answer, each at the price of a
call.

Bad:
    tasks: { a: { accept: { stop_reason: [end_turn] } }, chat: {} }

Good:
    tasks: { a: { accept: { stop_reason: [stop] } }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.suggest import help_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.acceptance import AcceptShape
    from policy_router.language.source import Path

_KNOWN: Final = ("stop", "length", "tool_calls", "function_call", "content_filter")
_ELSEWHERE: Final = {
    "end_turn": "stop", "stop_sequence": "stop", "eos": "stop", "eos_token": "stop",
    "complete": "stop", "finished": "stop", "STOP": "stop", "max_tokens": "length",
    "MAX_TOKENS": "length", "tool_use": "tool_calls", "refusal": "content_filter",
    "SAFETY": "content_filter", "safety": "content_filter",
}  # fmt: skip


def check(subject: Subject) -> Iterator[Diagnostic]:
    document = subject.draft.document
    sections: list[tuple[Path, AcceptShape | None]] = [
        *((("tasks", name), task.accept) for name, task in (document.tasks or {}).items()),
        *((("rules", i), rule.accept) for i, rule in enumerate(document.rules or ())),
    ]
    for path, accept in sections:
        for i, reason in enumerate((accept.stop_reason if accept else None) or ()):
            if reason not in _KNOWN:
                meant = _ELSEWHERE.get(reason)
                yield warning(
                    "unknown-stop-reason",
                    f"no answer has the stop reason `{reason}`",
                    subject.draft.places.value((*path, "accept", "stop_reason", i)),
                    f"it is converted to `{meant}`" if meant else help_line(reason, _KNOWN),
                )
