"""Puts the model first that past outcomes speak for, where the policy lets them adjust its order.

This acts on the order that the keys of `prefer` give, and only among the candidates of the required
tiers. What a rule, a task, an alias, a session or an experiment puts first stays first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.order.draws import draws
from policy_router.domain.beliefs import LearnedOrder
from policy_router.domain.decision import Candidate
from policy_router.domain.ordering import SortKey
from policy_router.learning.evidence import JUDGE, STRUCTURAL
from policy_router.learning.exploration import drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot
    from policy_router.learning.evidence import CheckRates

LEARNED: Final = "learned"
"""`Candidate.placed_by` of a model that evidence puts first."""
TRIAL: Final = "trial"
"""`Candidate.placed_by` of a model that is put first as a trial, to explore."""
CRITICAL: Final = 0.8
"""Requests of tasks with at least this criticality are never used for trials."""
_BY_KEYS: Final = frozenset(SortKey) | {"written order"}
_DRAW: Final = "trial"


def by_evidence(  # noqa: PLR0917  what a decision has worked out by then
    policy: Policy,
    situation: Situation,
    snapshot: Snapshot,
    candidates: tuple[Candidate, ...],
    floor: int,
    accept: Sequence[Accept],
) -> tuple[tuple[Candidate, ...], LearnedOrder | None]:
    """The candidates in the order that the evidence asks for.

    Args:
        policy: The policy.
        situation: The request as the policy sees it.
        snapshot: The state of the world, with what is believed of the models.
        candidates: The candidates in the written order.
        floor: Rank of the lowest tier that is wanted.
        accept: The checks of the answer.

    Returns:
        The candidates, and what was learned about their order; None where nothing was.
    """
    beliefs, seed = snapshot.beliefs, snapshot.seed
    if beliefs is None or not candidates or candidates[0].placed_by not in _BY_KEYS:
        return candidates, None
    wanted = candidates if not floor else [c for c in candidates if c.model.rank >= floor]
    # In an experiment, the arms are what is tried.
    share = 0.0 if seed is None or snapshot.arms else _explored(policy, situation)
    evidence, least = policy._index.evidence, policy.learning.min_samples
    asked = evidence.of(least, situation, snapshot, beliefs, wanted, _check(accept), share)
    learned, detail, placed_by = asked.learned, asked.detail, LEARNED
    if learned is not None and asked.trials:
        trial = drawn(asked.trials, draws(seed or "", (_DRAW,))[0] / 2**64)
        if trial is not None:
            learned = LearnedOrder(
                first=trial.model,
                written=learned.written,
                probability=None,
                verdicts=0,
                propensity=trial.propensity,
                trial=True,
                revision=learned.revision,
            )
            detail, placed_by = str(learned), TRIAL
    if learned is None or learned.first == candidates[0].name:
        return candidates, learned
    chosen = next(c for c in candidates if c.name == learned.first)
    rest = tuple(c for c in candidates if c is not chosen)
    return (Candidate(chosen.model, placed_by, detail), *rest), learned


def _check(accept: Sequence[Accept]) -> CheckRates | None:
    """How often the checks of an answer are right; None without checks."""
    if any(each.llm is not None for each in accept):
        return JUDGE
    return STRUCTURAL if accept else None


def _explored(policy: Policy, situation: Situation) -> float:
    """The share of such requests that may try another model."""
    request, task = situation.request, situation.task
    if request.session is not None and policy.sessions.remember(request):
        return 0.0  # another model would have to read all of its conversation
    if task is not None and task.criticality >= CRITICAL:
        return 0.0
    return policy.learning.explore
