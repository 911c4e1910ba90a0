"""Learning: what the outcomes of past requests may change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LearningMode(StrEnum):
    """What is done with the outcomes of past requests."""

    OFF = "off"
    SHADOW = "shadow"  # recorded only
    SUGGEST = "suggest"  # proposed as a change of the policy, for review
    ADJUST = "adjust"  # the order of models follows them


@dataclass(frozen=True, slots=True)
class Learning:
    """How the policy learns. No decision depends on it in this version.

    Attributes:
        mode: What is done with outcomes.
        min_samples: Outcomes of a model that are needed before they count; None when the policy
            does not set it.
        quality: What the quality of an answer is read from: `accept`, `feedback`.
        explore: Share of requests that try another model, 0..1.
    """

    mode: LearningMode = LearningMode.OFF
    min_samples: int | None = None
    quality: tuple[str, ...] = ()
    explore: float = 0.0
