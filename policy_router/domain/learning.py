"""Learning: what the outcomes of past requests may change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIN_SAMPLES: Final = 30
"""The default number of outcomes that a model needs before they count: with fewer, a share is
uncertain by 17 points or more."""


class LearningMode(StrEnum):
    """How the outcomes of past requests are used."""

    OFF = "off"
    SHADOW = "shadow"  # recorded; what they would change is shown
    SUGGEST = "suggest"  # as shadow; changes of the policy are proposed, for review
    ADJUST = "adjust"  # the order of models follows them


@dataclass(frozen=True, slots=True)
class Learning:
    """How the policy learns.

    Attributes:
        mode: How outcomes are used.
        min_samples: Outcomes of a model that are needed before they count.
        quality: The sources of an answer's quality: `accept`, `feedback`; empty for both.
        explore: Share of requests that try another model, 0..1.
    """

    mode: LearningMode = LearningMode.OFF
    min_samples: int = MIN_SAMPLES
    quality: tuple[str, ...] = ()
    explore: float = 0.0

    @property
    def is_on(self) -> bool:
        """Whether outcomes are recorded."""
        return self.mode is not LearningMode.OFF
