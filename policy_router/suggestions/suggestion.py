"""A suggestion: a change to a policy, and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from policy_router.language.write.text_edit import TextEdit
    from policy_router.suggestions.differences import ShareDifference


@dataclass(frozen=True, slots=True)
class SuggestionEvidence:
    """The evidence for a suggestion.

    Attributes:
        text: The evidence in words, with all its numbers.
        samples: The outcomes that were counted; where two models are compared, those of the model
            with fewer.
        difference: The difference of the shares that were compared; None where none were.
    """

    text: str
    samples: int
    difference: ShareDifference | None = None


class EffectMethod(StrEnum):
    """How an effect was found.

    OFF_POLICY estimates what would have come of the other choices, from calls that were drawn by
    chance with known probabilities. REPLAY only decides the logged requests again.
    """

    OFF_POLICY = "off-policy"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class MeasuredEffect:
    """What a change of the policy would have made of logged requests.

    Attributes:
        method: How it was found.
        requests: How many requests were decided again.
        moved: The share of them that another model would have been asked first for, 0..1.
        cost: The change of the mean cost of a first call, in nano-USD; None where it is not known.
        reward: The estimated mean reward of a first call, 0..1, with its 90 % interval; None by
            replay.
        logged: The mean reward that was logged.
    """

    method: EffectMethod
    requests: int
    moved: float
    cost: float | None
    reward: tuple[float, float, float] | None
    logged: float

    def __str__(self) -> str:
        """The effect as a clause."""
        text = (
            f"{self.method} over {self.requests:,} logged requests: {self.moved:.1%} ask another "
            "model first"
        )
        if self.cost is not None:
            sign = "-" if self.cost < 0 else "+"
            text += f", {sign}{spell_usd(round(abs(self.cost)))} per request"
        if self.reward is not None:
            value, low, high = self.reward
            text += (
                f", {value:.1%} good first answers in place of {self.logged:.1%} "
                f"(90 % interval {low:.1%} to {high:.1%})"
            )
        return text


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change to a policy that its outcomes suggest.

    Attributes:
        kind: The kind of suggestion, such as `demote-unreliable`.
        sentence: What to do.
        evidence: Why.
        effect: What would change for requests, where it is known.
        edits: The same as edits of the policy files; empty if there are none.
        measured: What these edits would have made of the logged requests; None without a journal.
    """

    kind: str
    sentence: str
    evidence: SuggestionEvidence
    effect: str | None = None
    edits: tuple[TextEdit, ...] = ()
    measured: MeasuredEffect | None = None
