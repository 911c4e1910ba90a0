"""Tries another model first for a small share of requests, to learn about it.

A model is tried the more often, the likelier it is to be better than the first one; one that is
almost surely worse is not tried at all. What trials cost is bounded: the more a model costs than
the first one, the more rarely it is tried, so that all trials together are expected to add no more
than their share to what requests cost or, where it is stated, to what answers are worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.learning.order import HOPELESS, plan_of
from policy_router.learning.plans import advantage

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from policy_router.domain.beliefs import Rivals
    from policy_router.learning.plans import Terms


@dataclass(frozen=True, slots=True)
class Trial:
    """A model that may be tried before the first one.

    Attributes:
        model: Its name.
        propensity: The probability with which it is tried, 0..1.
    """

    model: str
    propensity: float


def trials(
    order: Sequence[str],
    rivals: Rivals,
    terms: Terms,
    share: float,
    *,
    spendable: float = 0.0,
    excluded: Container[str] = (),
) -> tuple[Trial, ...]:
    """Which models to try before the first one, and how often.

    Args:
        order: Names of the candidates, the one to be asked first at the front.
        rivals: What is known about them.
        terms: What plans are compared by.
        share: The share of requests that may try another model, 0..1.
        spendable: What an answer is worth, in nano-USD; 0 where that is not stated.
        excluded: Names of models that are not tried.

    Returns:
        The trials, in the order of the candidates. Their propensities add up to `share` where one
        of them is as likely better as not, and to less where all are likely worse.
    """
    if share <= 0 or not order or order[0] not in rivals:
        return ()
    beliefs = {name: rival.belief for name, rival in rivals.items()}
    now = plan_of(order, order[0], rivals)
    chances: dict[str, float] = {}
    for name in order[1:]:
        if name in rivals and name not in excluded and not rivals[name].alarmed:
            plan = plan_of(order, name, rivals)
            chance = advantage(plan, now, beliefs, terms).probability
            if chance >= HOPELESS:
                chances[name] = chance
    if not chances:
        return ()
    each = share * min(1.0, 2 * max(chances.values())) / sum(chances.values())
    usual = terms.costs[order[0]]
    bound = share * max(usual, spendable) / len(chances)
    made = []
    for name, chance in chances.items():
        more = terms.costs[name] - usual
        propensity = each * chance if more <= 0 else min(each * chance, bound / more)
        if propensity > 0:
            made.append(Trial(name, propensity))
    return tuple(made)


def drawn(among: Sequence[Trial], draw: float) -> Trial | None:
    """The trial that a request makes.

    Args:
        among: The trials that it may make.
        draw: A number drawn for the request, 0..1.

    Returns:
        None for the order as it is.
    """
    for each in among:
        if draw < each.propensity:
            return each
        draw -= each.propensity
    return None
