"""The sections `outcomes`, `reports`, `alerts` and `discovery`: what is kept and reported, where
alerts are sent, and where to look for new models.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.insight import (
    CHEAPEST_THAT_FITS,
    AlertSettings,
    DiscoverySettings,
    Gpu,
    OutcomeSettings,
    ReportSettings,
)

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_outcomes(resolver: Resolver) -> OutcomeSettings:
    """What the journal keeps."""
    shape = resolver.draft.document.outcomes
    if shape is None or shape.keep is None:
        return OutcomeSettings()
    return OutcomeSettings(shape.keep)


def compile_reports(resolver: Resolver) -> ReportSettings:
    """What reports compare with; a baseline that is no model of the policy is reported."""
    shape = resolver.draft.document.reports
    if shape is None:
        return ReportSettings()
    baselines = shape.baselines or {}
    for name, model in baselines.items():
        if model != CHEAPEST_THAT_FITS:
            resolver.one_model(model, ("reports", "baselines", name))
    gpu = None if shape.gpu is None else Gpu(shape.gpu.memory, shape.gpu.price)
    return ReportSettings(MappingProxyType(dict(baselines)), gpu)


def compile_alerts(resolver: Resolver) -> AlertSettings:
    """Where alerts are sent."""
    shape = resolver.draft.document.alerts
    return AlertSettings() if shape is None else AlertSettings(shape.webhook_env)


def compile_discovery(resolver: Resolver) -> DiscoverySettings:
    """Where new models are looked for; a source that is named twice is reported."""
    shape = resolver.draft.document.discovery
    if shape is None:
        return DiscoverySettings()
    resolver.no_twins(("discovery", "sources"), shape.sources, "source")
    # The models that it finds are not in the policy, so its selectors stay words.
    return DiscoverySettings(tuple(shape.sources), tuple(shape.only or ()), shape.every)
