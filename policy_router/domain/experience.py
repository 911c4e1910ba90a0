"""What the outcomes of past requests say about a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value that was measured.

    Attributes:
        value: The value.
        samples: How many calls, answers or verdicts it rests on.
    """

    value: float
    samples: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one model at requests like the one that is decided.

    A value is None where nothing was measured. Whether it rests on enough samples is decided by
    `learning.min_samples` of the policy.

    Attributes:
        success: Lower bound of the share of its calls that gave an answer which no check rejected,
            0..1; its samples are calls.
        latency: Median time of its answers in seconds; its samples are answers.
        quality: Mean of the verdicts of checks and judges and of people's feedback, 0..1.
        accepted: Share of the checked and judged answers that were accepted, 0..1.
        output: Mean number of output tokens of its answers.
    """

    success: Measurement | None = None
    latency: Measurement | None = None
    quality: Measurement | None = None
    accepted: Measurement | None = None
    output: Measurement | None = None
