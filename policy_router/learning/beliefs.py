"""The probability that a model's answer to a kind of request is good.

Requests form a tree: all of them; those of one form; of one kind as well; of one band as well. What
is believed of a node starts from what is believed of its parent, as if a few answers had been seen,
and moves with the node's own answers. So a node with few answers believes what its parent does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.beliefs import Belief
from policy_router.learning.evidence import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT_MASS: Final = 20
"""Answers that the prior of the root is worth."""
CHILD_MASS: Final = 10
"""Answers that a parent's belief is worth to its child."""
LEAF_MASS: Final = 3
"""Answers that the share of all leaves is worth to one of them."""


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
