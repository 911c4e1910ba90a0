"""Metrics about the policy: its revision, its models and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from policy_router.domain.limits import ANYONE, Metric
from policy_router.domain.money import NANO_PER_USD
from policy_router.live.status import ReloadState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import CounterKey
    from policy_router.live.status import ReloadStatus


class HasPolicy(Protocol):
    """Something with an active policy, such as a router."""

    def status(self) -> ReloadStatus:
        """Which policy is active, and whether newer files were refused."""
        ...

    @property
    def policy(self) -> Policy:
        """The active policy."""
        ...


class PolicyMetrics(Collector):
    """Reads the metrics of a policy at the moment of a scrape.

    Attributes:
        source: What has the policy; without one there are no metrics.
        readings: What counters showed when they were last read.
    """

    def __init__(self) -> None:
        self.source: HasPolicy | None = None
        self.readings: dict[CounterKey, int] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics."""
        if self.source is None:
            return
        policy = self.source.policy
        active = GaugeMetricFamily(
            "policy_router_policy_info", "The active policy.", labels=["name", "revision"]
        )
        active.add_metric([policy.name, policy.revision], 1)
        yield active
        yield GaugeMetricFamily(
            "policy_router_policy_up_to_date",
            "Whether the files on disk are the active policy, and are followed.",
            value=self.source.status().state is ReloadState.OK,
        )
        models = GaugeMetricFamily(
            "policy_router_model_info",
            "The models of the active policy.",
            labels=["model", "tier", "free"],
        )
        for model in policy.models:
            models.add_metric([model.name, model.tier, str(model.free).lower()], 1)
        yield models
        yield from self._limits(policy)

    def _limits(self, policy: Policy) -> Iterator[GaugeMetricFamily]:
        labels = ["limit", "metric", "window"]
        used = GaugeMetricFamily(
            "policy_router_limit_used",
            "Used of a limit or budget that all requests share, in dollars, tokens or requests.",
            labels=labels,
        )
        cap = GaugeMetricFamily(
            "policy_router_limit_cap",
            "The cap of a limit or budget that all requests share, in the same unit.",
            labels=labels,
        )
        for limit in policy.limits:
            if limit.per is None and limit.cap is not None:
                key = limit.key(ANYONE)
                values = [f"{key.section}/{key.name}", key.metric.value, key.window]
                cap.add_metric(values, _amount(key.metric, limit.cap))
                reading = self.readings.get(key)
                if reading is not None:  # as the latest decision that read it saw it
                    used.add_metric(values, _amount(key.metric, reading))
        yield used
        yield cap


def _amount(metric: Metric, value: int) -> float:
    return value / NANO_PER_USD if metric is Metric.USD else value
