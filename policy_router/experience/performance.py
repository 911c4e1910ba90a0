"""The performance of models, as typed values with confidence intervals, and their ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.domain.outcome import Role
from policy_router.experience.counts import OutcomeCounts, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.nodes import OutcomeKey


@dataclass(frozen=True, slots=True)
class Performance:
    """The performance of a model. A value that was not measured is None.

    Attributes:
        model: Name of the model in the policy.
        task: The task; None for all.
        calls: Calls, however they ended.
        answered: Calls that gave an answer.
        failed: Calls with transport failures, such as timeouts.
        declined: Calls that the model declined because of the request.
        success: Share of the first calls that gave an answer which no check rejected.
        quality: Mean of verdicts and feedback on first calls, 0..1.
        latency_p50: Median time of an answer in seconds, within 4.5 percent.
        latency_p95: The 95th percentile of the time of an answer in seconds, within 4.5 percent.
        first_token_p50: Median time until the first token of a stream in seconds.
        tokens_in: Mean input tokens of an answer.
        tokens_out: Mean output tokens of an answer.
        cost_nano_usd: Mean charge of a call in nano-USD.
    """

    model: str
    task: str | None = None
    calls: int = 0
    answered: int = 0
    failed: int = 0
    declined: int = 0
    success: IntervalEstimate | None = None
    quality: IntervalEstimate | None = None
    latency_p50: float | None = None
    latency_p95: float | None = None
    first_token_p50: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None
    cost_nano_usd: float | None = None


def performance_of(
    counted: Mapping[OutcomeKey, OutcomeCounts],
    model: str,
    task: str | None = None,
    sources: Iterable[str] = (),
) -> Performance:
    """How a model did.

    Args:
        counted: The counts.
        model: Its name.
        task: Only requests of this task; None for all.
        sources: What quality is read from: `accept`, `feedback`; both when empty.
    """
    rows = [
        (key.role, row)
        for key, row in counted.items()
        if key.model == model and (task is None or key.node.task == task)
    ]
    every = total(row for _, row in rows)
    first = total(row for role, row in rows if role is Role.FIRST)
    return Performance(
        model=model,
        task=task,
        calls=every.calls,
        answered=every.answered,
        failed=every.failed,
        declined=every.declined,
        success=first.success(),
        quality=first.quality(sources),
        latency_p50=every.latency(),
        latency_p95=every.latency(0.95),
        first_token_p50=every.first_token(),
        tokens_in=every.tokens_in / every.metered if every.metered else None,
        tokens_out=every.output(),
        cost_nano_usd=every.mean_cost(),
    )


def ranked(performances: Iterable[Performance], min_samples: int) -> tuple[Performance, ...]:
    """Those with enough verdicts or calls, the best first.

    They are sorted by the lower bound of the quality where every one has enough verdicts, else by
    that of the success.

    Args:
        performances: How each model did.
        min_samples: Verdicts, or calls, that a model needs.
    """
    enough = [p for p in performances if p.success is not None and p.success.samples >= min_samples]
    judged = all(p.quality is not None and p.quality.samples >= min_samples for p in enough)

    def bound(performance: Performance) -> float:
        estimate = performance.quality if judged else performance.success
        return 0.0 if estimate is None else estimate.low

    return tuple(sorted(enough, key=lambda p: (-bound(p), p.model)))
