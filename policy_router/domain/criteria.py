"""Numeric requirements that a rule or a task sets for models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criteria:
    """Bounds on the models that may answer; a model that exceeds one of them is excluded.

    They mean the same as the caller's constraints with these names. Each applies independently, so
    if rules, the task and the caller set several, the strictest one decides. A model whose latency
    or price is unknown fails every bound on it.

    Attributes:
        min_quality: The lowest quality, 0..1.
        max_latency: The longest expected latency, in seconds.
        max_price: The maximum price of a million tokens, for input and for output, in nano-USD.
        max_cost: The maximum estimated cost of the answer, in nano-USD.
    """

    min_quality: float | None = None
    max_latency: float | None = None
    max_price: int | None = None
    max_cost: int | None = None


NO_CRITERIA = Criteria()
