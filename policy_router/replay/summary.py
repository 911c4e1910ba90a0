"""The results of a replay: requests, dollars and quality. Memory use is constant."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.replay.decide_again import ReplayChange

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.replay.decide_again import DecidedAgain

MOST_SHOWN: Final = 1_000
"""Maximum number of differing decisions that are kept to be shown."""


@dataclass(slots=True)
class BeforeAndNow:
    """Sums over the requests for which a value is known before and now.

    Attributes:
        requests: How many these are.
        before: The sum by the logged decisions.
        now: The sum by the decisions made now.
    """

    requests: int = 0
    before: float = 0
    now: float = 0

    def add(self, before: float | None, now: float | None) -> None:
        """Count a request, if both are known."""
        if before is not None and now is not None:
            self.requests += 1
            self.before += before
            self.now += now


@dataclass(slots=True)
class ReplaySummary:
    """The results of a replay so far.

    Attributes:
        decisions: How many were decided again.
        own: How many of them the policy itself had made, by its revision.
        broken: How many of those were decided differently; none should be.
        unread: Lines that are no records, and why: the first few.
        unreadable: How many there are.
        changes: How many decisions changed in which way.
        moves: How often one model replaced another in first place; "" means no model.
        cost: Estimated cost of the first candidates, in nano-USD.
        quality: Quality of the first candidates, 0..1: as measured at that time, else as declared.
        charged: What was charged for the calls of the logged requests, in nano-USD.
        shown: The first decisions that changed or are broken.
    """

    shown_most: int = MOST_SHOWN
    decisions: int = 0
    own: int = 0
    broken: int = 0
    unreadable: int = 0
    unread: list[str] = field(default_factory=list)
    changes: Counter[ReplayChange] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    cost: BeforeAndNow = field(default_factory=BeforeAndNow)
    quality: BeforeAndNow = field(default_factory=BeforeAndNow)
    charged: int = 0
    shown: list[DecidedAgain] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """How many decisions changed in a way that a request can notice."""
        return sum(
            count for change, count in self.changes.items() if change is not ReplayChange.SAME
        )

    def add_unread(self, place: str, problem: str) -> None:
        """Count a line that is no record."""
        self.unreadable += 1
        if len(self.unread) < _NAMED:
            self.unread.append(f"{place}: {problem}")

    def add(self, again: DecidedAgain, policy: Policy, old: Policy) -> None:
        """Count a decision.

        Args:
            again: The decision.
            policy: The policy that made it.
            old: The policy whose prices and qualities the logged decision is valued by.
        """
        logged, decision = again.logged, again.decision
        self.decisions += 1
        self.own += logged.revision == policy.revision
        self.broken += bool(again.differs_in)
        self.changes[again.change] += 1
        self.charged += logged.charged
        first = logged.candidates[0] if logged.candidates else ""
        then = decision.candidates[0].name if decision.candidates else ""
        if first != then:
            self.moves[first, then] += 1
        if (again.change is not ReplayChange.SAME or again.differs_in) and (
            len(self.shown) < self.shown_most
        ):
            self.shown.append(again)
        before, now = old.models_by_name.get(first), policy.models_by_name.get(then)
        self.cost.add(_cost(before, again), _cost(now, again))
        self.quality.add(_quality(before, again), _quality(now, again))


_NAMED: Final = 5
"""How many unreadable lines are named."""


def _cost(model: Model | None, again: DecidedAgain) -> float | None:
    logged = again.logged
    return None if model is None else model.estimate(logged.request, logged.snapshot.now)


def _quality(model: Model | None, again: DecidedAgain) -> float | None:
    if model is None:
        return None
    measured = again.logged.snapshot.measured.get(model.name)
    if measured is not None and measured.quality is not None:
        return measured.quality.value
    return model.quality
