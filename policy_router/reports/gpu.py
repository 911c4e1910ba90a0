"""GPU hours that self-hosted models used, and those that were saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.reports.report import CALLS_NEEDED, GpuHours, GpuSaving, GpuUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.insight import ReportSettings
    from policy_router.domain.models import Model
    from policy_router.journal.query import OutcomeSums

_HOUR = 3600.0


def gpu_hours(
    sums: Mapping[str, OutcomeSums], settings: ReportSettings, models: Mapping[str, Model]
) -> GpuHours | None:
    """Work out the hours of cards.

    Args:
        sums: What the outcomes of each model add up to, by its name.
        settings: What the policy says about its cards, and its baselines.
        models: The models of the policy, by name.

    Returns:
        The hours; None unless the policy says what its cards are.
    """
    card = settings.gpu
    if card is None:
        return None
    parts = {
        name: model.gpu_memory / card.memory
        for name, model in models.items()
        if model.gpu_memory is not None
    }
    uses = tuple(
        GpuUse(name, each.calls, each.seconds, each.seconds * parts[name] / _HOUR)
        for name, each in sums.items()
        if name in parts
    )
    hours = sum(use.hours for use in uses)
    tokens = sum(each.compared_out for each in sums.values())
    savings = tuple(
        _saving((name, model), parts[model], sums.get(model), tokens, hours)
        for name, model in settings.baselines.items()
        if model in parts
    )
    return GpuHours(hours, round(hours * card.price), uses, savings)


def _saving(
    baseline: tuple[str, str], part: float, own: OutcomeSums | None, tokens: int, used: float
) -> GpuSaving:
    """What a baseline takes for all output tokens, at the speed that its model was measured at."""
    measured = 0 if own is None else own.calls - own.failed
    rate = None if own is None else own.output_rate
    if measured < CALLS_NEEDED or not rate:
        return GpuSaving(*baseline, None, None, measured)
    hours = tokens / rate / _HOUR * part
    return GpuSaving(*baseline, hours, hours - used, measured)
