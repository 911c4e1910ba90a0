"""Puts the model first that the evidence asks for, where the policy adjusts its order.

It acts on the order that the keys of `prefer` give, and only among the candidates of the wanted
tiers. What a rule, a task, an alias, a session or an experiment puts first stays first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.draws import draws
from policy_router.decision.measured import ModelEstimates
from policy_router.domain.beliefs import LearnedOrder
from policy_router.domain.ordering import SortKey
from policy_router.learning.evidence import JUDGE, STRUCTURAL
from policy_router.learning.exploration import drawn, trials
from policy_router.learning.order import learned_order
from policy_router.learning.plans import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.beliefs import Rivals
    from policy_router.domain.decision import Candidate
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot
    from policy_router.learning.evidence import CheckRates
    from policy_router.learning.exploration import Trial

LEARNED: Final = "learned"
"""What `Candidate.placed_by` says of a model that evidence puts first."""
TRIAL: Final = "trial"
"""What it says of a model that is tried."""
CRITICAL: Final = 0.8
"""The criticality of a task from which on nothing is tried with its requests."""
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
    beliefs, seed, task = snapshot.beliefs, snapshot.seed, situation.task
    tiers = policy.tiers[floor:]
    wanted = [c for c in candidates if c.model.tier in tiers]
    if beliefs is None or len(wanted) < 2 or candidates[0].placed_by not in _BY_KEYS:
        return candidates, None
    estimates = ModelEstimates(situation.request, task, snapshot, policy.learning.min_samples)
    costs = {c.name: cost for c in wanted if (cost := estimates.cost(c.model)) is not None}
    written = [c.name for c in wanted]
    path = [{name: each for name, each in node.items() if name in costs} for node in beliefs.nodes]
    worth = None if task is None or task.worth is None else float(task.worth)
    terms = Terms(1.0 if worth is None else worth, costs, _check(accept))
    order, promotion = learned_order(written, path, terms, valued=worth is not None)
    first, propensity, tried = order[0], 1.0, False
    # In an experiment, the arms are what is tried.
    share = 0.0 if seed is None or snapshot.arms else _explored(policy, situation)
    if share and path:
        among = _trials(order, path[-1], terms, share, worth)
        trial = drawn(among, draws(seed or "", (_DRAW,))[0] / 2**64)
        propensity -= sum(each.propensity for each in among)
        if trial is not None:
            first, propensity, tried = trial.model, trial.propensity, True
    if promotion is None and propensity == 1.0:
        return candidates, None
    learned = LearnedOrder(
        first=first,
        written=written[0],
        probability=None if promotion is None or tried else promotion.probability,
        verdicts=0 if promotion is None or tried else promotion.verdicts,
        propensity=propensity,
        trial=tried,
        revision=beliefs.revision,
    )
    if first == candidates[0].name:
        return candidates, learned
    chosen = next(c for c in candidates if c.name == first)
    rest = tuple(c for c in candidates if c.name != first)
    placed_by = TRIAL if tried else LEARNED
    return (replace(chosen, placed_by=placed_by, detail=str(learned)), *rest), learned


def _trials(
    order: Sequence[str], rivals: Rivals, terms: Terms, share: float, worth: float | None
) -> tuple[Trial, ...]:
    if worth is not None:
        return trials(order, rivals, terms, share, spendable=worth)
    # A more expensive model could not go first, whatever were learned of it.
    usual = terms.costs.get(order[0], 0.0)
    dearer = {name for name, cost in terms.costs.items() if cost > usual}
    return trials(order, rivals, terms.quality_alone, share, excluded=dearer)


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
