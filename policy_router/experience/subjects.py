"""Whom the arms of experiments were drawn for, as the outcomes of a journal show it.

An experiment that sticks to users gives all requests of a user the same arm. So these requests are
one draw, and their outcomes say less than as many draws would. A journal has the arms, and not what
an experiment sticks to; that is what never has two arms.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.outcome import Outcome

_KINDS: Final = ("tenant", "team", "key", "user", "session")
"""What an experiment can stick to, from the widest on."""


class Subjects:
    """The subjects of the experiments in a journal.

    Args:
        outcomes: The outcomes of first calls.
    """

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        by_experiment: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            for experiment in outcome.arms:
                by_experiment[experiment].append(outcome)
        self._kinds = {name: _stuck_to(name, of) for name, of in by_experiment.items()}

    def of(self, outcome: Outcome) -> str | None:
        """Whom the first of its arms that is not of this request alone was drawn for; else None."""
        for experiment in outcome.arms:
            kind = self._kinds.get(experiment)
            subject = None if kind is None else getattr(outcome, kind)
            if subject:
                return f"{kind} {subject}"
        return None


def _stuck_to(experiment: str, outcomes: Sequence[Outcome]) -> str | None:
    """What an experiment sticks to; None where it draws each request."""
    for kind in _KINDS:
        arms: dict[str, set[str]] = defaultdict(set)
        calls: dict[str, int] = defaultdict(int)
        for outcome in outcomes:
            subject = getattr(outcome, kind)
            if subject:
                arms[subject].add(outcome.arms[experiment])
                calls[subject] += 1
        if max(calls.values(), default=0) > 1 and all(len(each) == 1 for each in arms.values()):
            return kind
    return None
