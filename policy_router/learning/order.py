"""The model that the evidence puts first instead of the written one.

The written order stands unless another model should go first with a probability of at least SURE.
Then that model moves to the front, and the others keep their order behind it. It is asked node by
node, from all requests down to those most like this one, and a node changes the order only by
evidence of its own. The guards: enough answers of both models at that node, enough of them with a
verdict, and for a weaker model evidence of the truth, because the silence of a structural check
proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.learning.plans import Plan, advantage, expected_cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.beliefs import Rival, Rivals
    from policy_router.learning.plans import Terms

SURE: Final = 0.9
"""The probability from which another model goes first."""
HOPELESS: Final = 0.05
"""The probability below which a model is not even tried."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A model that goes first, against the written order.

    Attributes:
        model: Its name.
        ahead_of: Name of the model that would be first.
        probability: How likely this is better, 0..1.
        gain: The difference that is expected: in nano-USD a request, or in good answers a request
            where the worth of an answer is not stated.
        verdicts: Verdicts on its answers, at the node whose evidence this is.
    """

    model: str
    ahead_of: str
    probability: float
    gain: float
    verdicts: int


def learned_order(
    written: Sequence[str], path: Sequence[Rivals], terms: Terms, *, valued: bool
) -> tuple[tuple[str, ...], Promotion | None]:
    """The order that the evidence asks for.

    Args:
        written: Names of the candidates in the written order.
        path: What is known at each node, from all requests down to those most like this one. A
            model that a node does not know never moves there.
        terms: What plans are compared by; has the costs of all candidates.
        valued: Whether the policy states what an answer is worth. Otherwise a model moves only
            where its answers are better and its plan is not more expensive.

    Returns:
        The order, and the move that leads to it; None for the written order.
    """
    order, made = tuple(written), None
    for rivals in path:
        move = _best_promotion(order, rivals, terms, valued=valued)
        if move is not None:
            order = (move.model, *(name for name in order if name != move.model))
            made = move
    return order, None if order == tuple(written) else made


def plan_of(order: Sequence[str], first: str, rivals: Rivals) -> Plan:
    """The plan of an order with one of its models moved to the front.

    A flagged answer is asked again of the next model of a higher tier.
    """
    tier = rivals[first].tier
    stronger = (name for name in order if name in rivals and rivals[name].tier > tier)
    return Plan(first, next(stronger, None))


def _best_promotion(
    order: Sequence[str], rivals: Rivals, terms: Terms, *, valued: bool
) -> Promotion | None:
    leader = rivals.get(order[0]) if order else None
    if leader is None or not leader.known:
        return None
    beliefs = {name: rival.belief for name, rival in rivals.items()}
    now = plan_of(order, order[0], rivals)
    by = terms if valued else terms.quality_alone
    best: Promotion | None = None
    for name in order[1:]:
        rival = rivals.get(name)
        if rival is None or not _may_lead(rival, leader):
            continue
        plan = plan_of(order, name, rivals)
        if not valued and (
            expected_cost(plan, beliefs, terms) > expected_cost(now, beliefs, terms)
        ):
            continue
        found = advantage(plan, now, beliefs, by)
        if found.probability >= SURE and (best is None or found.mean > best.gain):
            verdicts = rival.belief.first.verdicts + rival.belief.after.verdicts
            best = Promotion(name, order[0], found.probability, found.mean, verdicts)
    return best


def _may_lead(rival: Rival, leader: Rival) -> bool:
    if rival.alarmed or not rival.known:
        return False
    return rival.tier >= leader.tier or rival.truthful
