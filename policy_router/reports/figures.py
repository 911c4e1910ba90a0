"""Computes the figures of a report from sums of outcomes. No IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.domain.durations import percentiles
from policy_router.domain.outcome import Role
from policy_router.journal.query import OutcomeSums
from policy_router.reports.report import Figures, Percentiles, TierShare
from policy_router.reports.savings import savings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.domain.models import Model
    from policy_router.journal.groups import GroupSums


@dataclass(frozen=True, slots=True)
class FigureMaker:
    """Makes figures by what a policy says now of its models.

    Attributes:
        models: The models of the policy, by name.
        baselines: Name of a baseline -> name of its model, or `cheapest_that_fits`.
    """

    models: Mapping[str, Model]
    baselines: Mapping[str, str]

    def figures(self, key: str | None, group: GroupSums) -> Figures:
        """The figures of one group.

        Args:
            key: The value of the group.
            group: What its outcomes add up to.
        """
        sums = group.parts
        total = OutcomeSums.of(sums)
        return Figures(
            key=key,
            requests=total.requests,
            answered=(total.requests - total.denied - total.stopped - total.exhausted - total.poor),
            rejected=total.poor,
            denied=total.denied,
            stopped=total.stopped,
            failed=total.exhausted,
            calls=total.calls,
            failed_calls=total.failed,
            rejected_answers=total.rejected,
            escalations=sum(
                each.calls for each in sums if each.by[-1] == Role.AFTER_REJECTION.value
            ),
            cost=total.cost,
            unsure=total.unsure,
            tokens_in=total.tokens_in,
            tokens_out=total.tokens_out,
            tokens_cached=total.tokens_cached,
            answers=total.served,
            free_answers=sum(each.served for each in sums if self._is_free(each)),
            unpriced_answers=sum(each.served for each in sums if self._is_unpriced(each)),
            latency=_percentiles(group.latencies),
            first_token=_percentiles(group.first_token_latencies),
            tokens_per_second=total.output_rate,
            ratings=total.rated,
            quality=total.feedback,
            savings=savings(sums, self._model, self.baselines, self.models),
        )

    def _model(self, sums: OutcomeSums) -> Model | None:
        return self.models.get(str(sums.by[-2]))

    def _is_free(self, sums: OutcomeSums) -> bool:
        model = self._model(sums)
        return model is not None and model.free

    def _is_unpriced(self, sums: OutcomeSums) -> bool:
        model = self._model(sums)
        return model is not None and model.price is None


def _percentiles(counts: Mapping[int, int]) -> Percentiles:
    return Percentiles(*percentiles(counts, (0.5, 0.95, 0.99)))


def tier_shares(sums: Iterable[OutcomeSums], tiers: Sequence[str]) -> tuple[TierShare, ...]:
    """The answers of each tier.

    Args:
        sums: What outcomes add up to, by tier.
        tiers: The tiers of the policy, the weakest first; others come after them.
    """
    by_tier: dict[str | None, OutcomeSums] = {}
    for each in sums:
        tier = None if each.by[0] is None else str(each.by[0])
        by_tier[tier] = by_tier.get(tier, OutcomeSums()) + each
    answers = sum(each.served for each in by_tier.values())
    places = {tier: place for place, tier in enumerate(tiers)}
    named = sorted(by_tier, key=lambda tier: (places.get(str(tier), len(places)), tier or ""))
    return tuple(
        TierShare(tier, found.served, found.served / answers, found.rated, found.feedback)
        for tier in named
        if (found := by_tier[tier]).served
    )
