"""Constructs situations and decisions fast, since every request needs one of each.

The constructor of a frozen class sets each field by a call, which takes longer than the rest of
many decisions: `benchmarks/decide.py` shows it. Here the fields are set on an object of a class
with the same slots that is not frozen, which then becomes one of the frozen class. `frozen.maker`
does so for any class; what is written out here takes a third less time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.decision import Decision
from policy_router.domain.situation import Situation

if TYPE_CHECKING:
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.beliefs import LearnedOrder
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import Candidate, RuleReasons, Skip
    from policy_router.domain.experiments import Assignment
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Task
    from policy_router.domain.sessions import SessionStep
    from policy_router.domain.shadow import ShadowEffect
    from policy_router.domain.snapshot import Snapshot


class _UnfrozenSituation:
    __slots__ = ("band", "facts", "problem", "request", "score", "task", "unknown_model")

    request: Request
    task: Task | None
    band: Band | None
    score: float | None
    facts: Facts
    problem: str | None
    unknown_model: bool


def new_situation(
    request: Request, task: Task | None, band: Band | None, score: float | None, facts: Facts
) -> Situation:
    """The situation of a valid request. The arguments are the fields of `Situation`."""
    made = _UnfrozenSituation()
    made.request, made.task, made.band = request, task, band
    made.score, made.facts, made.problem = score, facts, None
    made.unknown_model = False
    made.__class__ = Situation  # type: ignore[assignment]  # the slots are the same
    return made  # type: ignore[return-value]  # as above


class _UnfrozenDecision:
    __slots__ = (
        "accept",
        "arms",
        "barred",
        "candidates",
        "denied",
        "further",
        "id",
        "learned",
        "now",
        "reasons",
        "revision",
        "session",
        "shadow",
        "situation",
        "snapshot",
        "unmet",
    )

    revision: str
    situation: Situation
    candidates: tuple[Candidate, ...]
    reasons: RuleReasons
    further: tuple[Skip, ...]
    denied: str | None
    accept: tuple[Accept, ...]
    barred: tuple[Skip, ...]
    unmet: tuple[str, ...]
    now: float | None
    shadow: tuple[ShadowEffect, ...]
    session: SessionStep | None
    arms: tuple[Assignment, ...]
    learned: LearnedOrder | None
    id: str
    snapshot: Snapshot | None


def new_decision(  # noqa: PLR0917  the fields of a decision; keywords take longer
    revision: str,
    situation: Situation,
    candidates: tuple[Candidate, ...],
    reasons: RuleReasons,
    further: tuple[Skip, ...],
    accept: tuple[Accept, ...],
    barred: tuple[Skip, ...],
    unmet: tuple[str, ...],
    now: float | None,
    session: SessionStep | None,
    arms: tuple[Assignment, ...] = (),
    learned: LearnedOrder | None = None,
) -> Decision:
    """The decision of a request that no rule denies. The arguments are fields of `Decision`."""
    made = _UnfrozenDecision()
    made.revision, made.situation, made.candidates = revision, situation, candidates
    made.reasons, made.further, made.denied = reasons, further, None
    made.accept, made.barred, made.unmet = accept, barred, unmet
    made.now, made.shadow, made.session, made.id = now, (), session, ""
    made.arms, made.learned, made.snapshot = arms, learned, None
    made.__class__ = Decision  # type: ignore[assignment]  # the slots are the same
    return made  # type: ignore[return-value]  # as above
