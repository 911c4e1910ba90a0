"""The probability that a model's answer to a kind of request is good.

Requests form a tree: all of them; those of one form; of one kind as well; of one band as well. What
is believed of a node starts from what is believed of its parent, as if a few answers had been seen,
and moves with the node's own answers. So a node with few answers believes what its parent does.

A model has two roles: it is asked first, or after another model's answer was rejected. Requests
whose answers are rejected are harder than others, for all models, so the second share is not above
the first one. This makes the many answers of a model that is asked second count for what it would
do as the first, of which a few trials say little.
"""

from __future__ import annotations

from dataclasses import replace
from math import erfc, exp, pi, sqrt
from typing import TYPE_CHECKING, Final

from policy_router.domain.beliefs import Belief, ModelBelief
from policy_router.learning.evidence import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT_MASS: Final = 20
"""Answers that the prior of the root is worth."""
CHILD_MASS: Final = 10
"""Answers that a parent's belief is worth to its child."""
LEAF_MASS: Final = 3
"""Answers that the share of all leaves is worth to one of them."""
_HARDER: Final = 0.2
"""By how much fewer answers are expected to be good after another model's answer was rejected."""
_CONTRADICTED: Final = -8.0
"""Standard deviations by which the first share lies below the second one, from which on the two
move no further: the evidence contradicts that it cannot."""


def belief(share: float, path: Iterable[Answers]) -> Belief:
    """The belief at a node.

    Args:
        share: The declared share of good answers, 0..1.
        path: The evidence at the root, and at each node from there down to this one.
    """
    believed, mass = Belief(share, 0.0), ROOT_MASS
    for seen in path:
        answers = seen.good + seen.bad
        total = mass + answers
        mean = (mass * believed.mean + seen.good) / total
        inherited = (mass / total) ** 2 * believed.variance
        believed = Belief(mean, inherited + mean * (1 - mean) / (total + 1), seen.verdicts)
        mass = CHILD_MASS
    return believed


def model_belief(share: float, first: Sequence[Answers], after: Sequence[Answers]) -> ModelBelief:
    """The belief about a model in both roles, at a node.

    Args:
        share: The declared share of good answers, 0..1.
        first: The evidence of its answers when it was asked first, at the root and at each node
            from there down to this one.
        after: That of its answers after a rejection.
    """
    leading, second = belief(share, first), belief(share_after(share), after)
    if not any(answers.verdicts for answers in after):
        return ModelBelief(leading, second)  # what is only supposed bounds nothing
    return _consistent(leading, second)


def share_after(share: float) -> float:
    """The share of good answers after a rejection, before any outcome.

    Args:
        share: The declared share of good answers, 0..1.
    """
    return max(0.01, share - _HARDER)


def _consistent(first: Belief, after: Belief) -> ModelBelief:
    """Both beliefs as normal distributions, given that the first share is not the smaller one."""
    variance = first.variance + after.variance
    spread = sqrt(variance)
    ahead = max(_CONTRADICTED, (first.mean - after.mean) / spread)
    hazard = exp(-(ahead**2) / 2) / sqrt(2 * pi) / (0.5 * erfc(-ahead / sqrt(2)))
    narrowed = hazard * (hazard + ahead) / variance
    # Normal distributions have no bounds: the means move at most half way to those of shares.
    highest = (1 + max(first.mean, after.mean)) / 2
    lowest = min(first.mean, after.mean) / 2
    return ModelBelief(
        _narrowed(first, min(highest, first.mean + hazard * first.variance / spread), narrowed),
        _narrowed(after, max(lowest, after.mean - hazard * after.variance / spread), narrowed),
    )


def _narrowed(belief: Belief, mean: float, narrowed: float) -> Belief:
    return Belief(mean, belief.variance * (1 - narrowed * belief.variance), belief.verdicts)


def pooled(leaves: Sequence[tuple[Answers, int]], share: float) -> Answers:
    """The evidence at a node, from that at the leaves below it.

    Once models are chosen by what was learned, each answers the requests that it is good at, so its
    answers say too much good of it. Here every leaf counts as much as its part of all requests, not
    as its part of the model's answers; a leaf with few answers of the model makes the whole less
    certain.

    Args:
        leaves: For each leaf the evidence of the model, and the requests of all models.
        share: The declared share of good answers, 0..1.
    """
    seen = sum((each for each, _ in leaves), start=Answers())
    requests = sum(count for _, count in leaves)
    answers = seen.good + seen.bad
    if not answers or not requests:
        return seen
    usual = (seen.good + LEAF_MASS * share) / (answers + LEAF_MASS)
    mean = spread = 0.0
    for own, count in leaves:
        size, weight = own.good + own.bad + LEAF_MASS, count / requests
        mean += weight * (own.good + LEAF_MASS * usual) / size
        spread += weight**2 / size
    certain = min(answers, 1 / spread)
    return replace(seen, good=certain * mean, bad=certain * (1 - mean))
