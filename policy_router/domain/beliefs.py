"""Beliefs about models, derived from the outcomes of past requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Belief:
    """The posterior distribution of a share of good answers.

    Attributes:
        mean: The expected share, 0..1.
        variance: The variance of the share.
        verdicts: The number of answers with a verdict behind it, at its own node.
    """

    mean: float
    variance: float
    verdicts: int = 0


@dataclass(frozen=True, slots=True)
class ModelBelief:
    """The belief about a model, for requests of one node.

    Attributes:
        first: The probability that its answer is good.
        after: The same when another model's answer was flagged before.
    """

    first: Belief
    after: Belief


@dataclass(frozen=True, slots=True)
class Rival:
    """A model as the evidence for one node sees it.

    Attributes:
        belief: How good its answers are believed to be.
        tier: The number of its tier, 0 for the weakest.
        known: Whether it has enough answers, and enough of them have a verdict.
        truthful: Whether enough of the verdicts come from more than structural checks.
        alarmed: Whether its answers have recently become worse.
    """

    belief: ModelBelief
    tier: int
    known: bool
    truthful: bool
    alarmed: bool = False


Rivals: TypeAlias = "Mapping[str, Rival]"
"""The models with evidence at a node, by name."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """The beliefs about models for a request.

    Attributes:
        revision: Identifies the outcomes that they are based on; equal revisions mean equal
            beliefs.
        nodes: What is known at each node, from all requests down to those most like this one.
    """

    revision: str
    nodes: tuple[Rivals, ...]


@dataclass(frozen=True, slots=True)
class LearnedOrder:
    """How outcomes changed the order of a decision, or could have changed it.

    Attributes:
        first: Name of the model that goes first.
        written: Name of the model that would go first without learning.
        probability: The probability that it is better, 0..1; None if nothing changed, and in a
            trial.
        verdicts: The number of verdicts behind it.
        propensity: Probability with which this model went first, 0..1; less than 1 where other
            models are tried.
        trial: Whether the model is tried first in order to learn about it.
        revision: The revision of the beliefs.
    """

    first: str
    written: str
    probability: float | None
    verdicts: int
    propensity: float
    trial: bool
    revision: str

    def __str__(self) -> str:
        """Why the model goes first, as part of a sentence."""
        if self.trial:
            return f"tried before `{self.written}` in {self.propensity:.1%} of such requests"
        if self.probability is None:
            return "as written"
        return (
            f"better than `{self.written}` with a probability of {self.probability:.0%},"
            f" by {self.verdicts:,} verdicts"
        )

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "first": self.first,
            "written": self.written,
            "probability": self.probability,
            "verdicts": self.verdicts,
            "propensity": self.propensity,
            "trial": self.trial,
            "revision": self.revision,
        }
