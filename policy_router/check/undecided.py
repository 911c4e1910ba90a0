"""Questions about a policy that were too hard to answer, told once, as a note.

Whether some rules together cover another is hard to decide in the worst case. The search stops
after a number of steps, and then nothing is claimed: neither a finding nor that there is none.
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
    "order-conflict": "whether {} and an earlier rule put different models first",
}


class Questions:
    """The questions that stayed open, by the lint rule that asked."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Span | None]] = {}

    def leave_open(self, rule: str, about: str, at: Span | None) -> None:
        """Note that a lint rule could not decide about something, such as "rule `x`"."""
        self._open.setdefault(rule, {}).setdefault(about, at)

    def told(self) -> tuple[Diagnostic, ...]:
        """A note that names them; nothing when every question was answered."""
        if not self._open:
            return ()
        spans = [at for each in self._open.values() for at in each.values()]
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
