"""Beliefs about models, derived from the outcomes of past requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Belief:
    """A belief about the share of good answers.

    Attributes:
        mean: The share that is expected, 0..1.
        variance: How far from it the share may be.
        verdicts: Answers with a verdict that it rests on, at its own node.
    """

    mean: float
    variance: float
    verdicts: int = 0


@dataclass(frozen=True, slots=True)
class ModelBelief:
    """The belief about a model, for requests of one node.

    Attributes:
        first: How likely its answer is good.
        after: How likely it is good where another model's answer was flagged.
    """

    first: Belief
    after: Belief


@dataclass(frozen=True, slots=True)
class Rival:
    """A model as the evidence for one node sees it.

    Attributes:
        belief: What is believed of it.
        tier: The number of its tier, 0 for the weakest.
        known: Whether its answers are enough, and enough of them have a verdict.
        truthful: Whether enough verdicts are more than those of structural checks.
        alarmed: Whether its answers have become worse of late.
    """

    belief: ModelBelief
    tier: int
    known: bool
    truthful: bool
    alarmed: bool = False


Rivals: TypeAlias = "Mapping[str, Rival]"
"""The models that one node knows something of, by name."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """The beliefs about models for a request.

    Attributes:
        revision: Which outcomes they rest on; equal revisions are equal beliefs.
        nodes: What is known at each node, from all requests down to those most like this one.
    """

    revision: str
    nodes: tuple[Rivals, ...]


@dataclass(frozen=True, slots=True)
class LearnedOrder:
    """What outcomes changed in the order of a decision, or may have changed.

    Attributes:
        first: Name of the model that goes first.
        written: Name of the model that would go first without what was learned.
        probability: How likely this is better, 0..1; None where nothing was changed, and in a
            trial.
        verdicts: Verdicts that it rests on.
        propensity: Probability with which this model went first, 0..1; less than 1 where other
            models are tried.
        trial: Whether the model is tried, to learn something of it.
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
