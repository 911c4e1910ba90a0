"""Questions about a policy that lint rules could not answer, reported in one note.

Whether some rules together cover another is hard to decide in the worst case. The search stops
after a fixed number of steps, and then nothing is claimed: neither a finding nor its absence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Span

UNDECIDED: Final = "undecided"

_SHOWN: Final = 5
_QUESTIONS: Final = {
    "unreachable-model": "whether any request can get {}",
    "dead-rule": "whether any request can meet the condition of {}",
    "rule-without-effect": "whether {} changes a decision",
    "contradicting-rules": "whether {} and an earlier rule leave a request without a model",
    "prompt-never-used": "whether a model gets {} with any request",
    "out-of-reach": "whether any request reaches a model with {}",
    "first-without-effect": "whether any model comes first by {}",
    "order-conflict": "whether {} and an earlier rule put different models first",
}


class Questions:
    """The open questions, by the lint rule that asked them."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Span | None]] = {}

    def leave_open(self, rule: str, about: str, span: Span | None) -> None:
        """Record that a lint rule could not decide about something.

        Args:
            rule: The lint rule.
            about: What it could not decide about, such as "rule `x`".
            span: The place of that in the policy.
        """
        self._open.setdefault(rule, {}).setdefault(about, span)

    def as_note(self) -> tuple[Diagnostic, ...]:
        """Return a note that lists the questions; nothing when every question was answered."""
        if not self._open:
            return ()
        spans = [span for asked in self._open.values() for span in asked.values()]
        return (
            Diagnostic(
                UNDECIDED,
                Severity.NOTE,
                "too many combinations to decide "
                + "; ".join(
                    _QUESTIONS[rule].format(_listed(about)) for rule, about in self._open.items()
                ),
                spans[0],
                "the policy can be used; fewer or simpler conditions make this decidable",
            ),
        )


def _listed(names: Mapping[str, object]) -> str:
    shown = list(names)[:_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" or any of {more:,} more" if more else "")
