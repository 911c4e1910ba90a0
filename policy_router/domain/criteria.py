"""Numeric requirements that a rule or a task sets for models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criteria:
    """Bounds on the models that may answer; a model beyond one of them is out.

    They mean the same as the constraints of that name that a caller sets. Each applies on its own,
    so where several are set, by rules, the task and the caller, the strictest decides. A model
    whose latency or price is unknown is beyond every bound on it.

    Attributes:
        min_quality: The lowest quality, 0..1.
        max_latency: The longest expected latency, in seconds.
        max_price: The most that a million tokens may cost, of input and of output alike, in
            nano-USD.
        max_cost: The most that the answer may cost, as estimated, in nano-USD.
    """

    min_quality: float | None = None
    max_latency: float | None = None
    max_price: int | None = None
    max_cost: int | None = None


NO_CRITERIA = Criteria()
