"""What the outcomes of past requests say about a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value that was measured.

    Attributes:
        value: The value.
        samples: The number of calls, answers or verdicts behind it.
    """

    value: float
    samples: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for one model on requests like the one being decided.

    A value is None if nothing was measured. The policy's `learning.min_samples` decides whether it
    has enough samples.

    Attributes:
        success: Lower bound of its success rate (the share of calls with an answer that no check
            rejected), 0..1; its samples are calls.
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
