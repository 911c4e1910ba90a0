"""Counts what happens as metrics for Prometheus.

    metrics = PrometheusMetrics()
    router = Router.open("policies/", on_event=metrics)
    metrics.follow(router)
    text = metrics.exposition()

Names follow the conventions of Prometheus: base units, and `_total` for counters. Labels have only
values that a policy names or that this package defines, so their number is bounded; no label is a
user, a key or a text.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from policy_router.domain.limits import ANYONE
from policy_router.domain.money import NANO_PER_USD
from policy_router.events import (
    AlertSent,
    Answered,
    Attempted,
    BreakerChanged,
    Decided,
    DegradationChanged,
    EstimatedComplexity,
    Exhausted,
    ExperimentEnded,
    FunctionChanged,
    JournalChanged,
    JudgedAnswer,
    NoRoom,
    OfferChanged,
    OutcomesDropped,
    PolicyReloaded,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    SourceChanged,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.observe.policy_metrics import PolicyMetrics

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.events import Event
    from policy_router.observe.policy_metrics import HasPolicy

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
"""Bounds of the histograms: from a cached answer to a long agent turn."""
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder in which several processes count together."""
_SHARED: Final = os.environ.get(SHARED_FOLDER)
"""The folder; Prometheus' own library reads the variable when it is imported, too."""
UNDER_WAY: Final = 100_000
"""The most requests under way whose beginning is remembered."""


class PrometheusMetrics:
    """An observer of events that keeps metrics.

    Attributes:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register the metrics.

        Args:
            registry: Where. Default: a registry of their own, so that several routers of one
                process do not count together.
        """
        self.registry = CollectorRegistry() if registry is None else registry
        self._began: dict[str, float] = {}
        self._policy = PolicyMetrics()
        to = self.registry
        to.register(self._policy)
        self._decisions = Counter(
            "policy_router_decisions",
            "Decisions carried out, by the first candidate.",
            ["task", "complexity", "model"],
            registry=to,
        )
        self._rules = Counter(
            "policy_router_rule_hits", "Decisions that a rule applied to.", ["rule"], registry=to
        )
        self._skipped = Counter(
            "policy_router_skipped", "Models that were out.", ["model", "reason"], registry=to
        )
        self._requests = Counter(
            "policy_router_requests",
            "Requests that have ended: answered, rejected (answered, though checks failed), denied "
            "(no model was called), stopped or failed.",
            ["outcome", "model"],
            registry=to,
        )
        self._duration = Histogram(
            "policy_router_request_duration_seconds",
            "From the decision to the end of a request.",
            ["outcome"],
            buckets=SECONDS,
            registry=to,
        )
        self._attempts = Counter(
            "policy_router_attempts",
            "Calls of models, by the class of the failure or `ok`.",
            ["model", "outcome"],
            registry=to,
        )
        self._attempt_duration = Histogram(
            "policy_router_attempt_duration_seconds",
            "How long calls of models took.",
            ["model"],
            buckets=SECONDS,
            registry=to,
        )
        self._first_token = Histogram(
            "policy_router_time_to_first_token_seconds",
            "Until the first token of a stream.",
            ["model"],
            buckets=SECONDS,
            registry=to,
        )
        self._breaks = Counter(
            "policy_router_stream_breaks",
            "Streams that failed after their first token, by the class of the failure.",
            ["model", "reason"],
            registry=to,
        )
        self._in_flight = Gauge(
            "policy_router_requests_in_flight",
            "Requests that were decided and have not ended.",
            multiprocess_mode="livesum",
            registry=to,
        )
        self._fallbacks = Counter(
            "policy_router_fallbacks",
            "Calls of another model after a failed one.",
            ["from", "to", "reason"],
            registry=to,
        )
        self._tokens = Counter(
            "policy_router_tokens",
            "Tokens that providers counted.",
            ["model", "direction"],
            registry=to,
        )
        self._cost = Counter(
            "policy_router_cost_dollars", "What calls cost.", ["model"], registry=to
        )
        self._unsure = Counter(
            "policy_router_cost_flags",
            "Calls whose cost is an upper bound (estimated) or above what was reserved (overrun).",
            ["model", "flag"],
            registry=to,
        )
        self._judged = Counter(
            "policy_router_judged_answers", "Answers judged by a model.", ["verdict"], registry=to
        )
        self._warnings = Counter(
            "policy_router_budget_warnings",
            "Thresholds that budgets have passed.",
            ["budget", "share"],
            registry=to,
        )
        self._quotas = Counter(
            "policy_router_quota_warnings",
            "Quotas that were about to run out.",
            ["quota", "metric", "window"],
            registry=to,
        )
        self._degraded = Gauge(
            "policy_router_model_degraded",
            "Whether a model does worse than usual.",
            ["model"],
            multiprocess_mode="livemax",
            registry=to,
        )
        self._alerts = Counter(
            "policy_router_alerts",
            "Alerts that were delivered, or given up (failed).",
            ["kind", "result"],
            registry=to,
        )
        self._offers = Counter(
            "policy_router_offer_changes",
            "Differences found between the policy and what sources of models offer.",
            ["kind"],
            registry=to,
        )
        self._sources = Gauge(
            "policy_router_source_up",
            "Whether a source of models gives a list of them.",
            ["source", "address"],
            multiprocess_mode="livemin",
            registry=to,
        )
        self._reloads = Counter(
            "policy_router_policy_reloads", "Changes of the policy files.", ["result"], registry=to
        )
        for result in ("accepted", "refused"):
            self._reloads.labels(result)
        self._store = Gauge(
            "policy_router_store_up",
            "Whether the store of counters is reached.",
            multiprocess_mode="livemin",
            registry=to,
        )
        self._store.set(1)
        self._lost = Gauge(
            "policy_router_store_lost_data",
            "Whether the store has lost counts.",
            multiprocess_mode="livemax",
            registry=to,
        )
        self._journal = Gauge(
            "policy_router_journal_up",
            "Whether the journal of outcomes is reached.",
            multiprocess_mode="livemin",
            registry=to,
        )
        self._journal.set(1)
        self._dropped = Counter(
            "policy_router_outcomes_dropped",
            "Outcomes that the journal did not keep.",
            registry=to,
        )
        self._functions = Gauge(
            "policy_router_function_up",
            "Whether a function of the policy is called.",
            ["function"],
            multiprocess_mode="livemin",
            registry=to,
        )
        self._experiments = Counter(
            "policy_router_experiments_ended",
            "Arms of experiments that get no more requests, by why they ended and what follows.",
            ["experiment", "arm", "reason", "verdict"],
            registry=to,
        )
        self._worse = Gauge(
            "policy_router_quality_alarm",
            "Whether checks reject more answers of a model than usual.",
            ["model", "form"],
            registry=to,
        )
        self._breakers = Gauge(
            "policy_router_breaker_open",
            "Whether a model or a provider is not called because it kept failing.",
            ["scope", "name"],
            multiprocess_mode="livemax",
            registry=to,
        )

    def follow(self, source: HasPolicy) -> None:
        """Show the revision and the limits of the policy that a router follows."""
        self._policy.source = source

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus.

        Where `PROMETHEUS_MULTIPROC_DIR` names a folder, they are those of every process that counts
        in it.
        """
        if _SHARED is None:
            return generate_latest(self.registry)
        every = CollectorRegistry()
        MultiProcessCollector(every, _SHARED)  # type: ignore[no-untyped-call]  # as its library has it
        every.register(self._policy)
        return generate_latest(every)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Decided():
                self._decided(event)
            case NoRoom(skip=skip):
                self._skipped.labels(skip.model, skip.reason.value).inc()
            case Attempted(attempt=attempt) | EstimatedComplexity(attempt=attempt):
                self._attempted(attempt)
            case JudgedAnswer(attempt=attempt, passed=passed):
                verdict = {True: "passed", False: "failed", None: "none"}[passed]
                self._judged.labels(verdict).inc()
                self._attempted(attempt)
            case Answered():
                self._ended(event, "rejected" if event.rejected else "answered", event.served_by)
            case Exhausted():
                stopped = "stopped" if event.stopped else "failed"
                self._ended(event, stopped if event.attempts else "denied", "")
            case _:
                self._changed(event)

    def _changed(self, event: Event) -> None:
        """Count what concerns the router as a whole."""
        match event:
            case PolicyReloaded():
                self._reloads.labels("accepted").inc()
            case ReloadRefused():
                self._reloads.labels("refused").inc()
            case StoreChanged(up=up):
                self._store.set(up)
            case StoreLostData(lost=lost):
                self._lost.set(lost)
            case JournalChanged(up=up):
                self._journal.set(up)
            case OutcomesDropped(number=number):
                self._dropped.inc(number)
            case QualityChanged(model=model, form=form, worse=worse):
                self._worse.labels(model, form).set(worse)
            case ExperimentEnded(experiment=name, arm=arm, reason=reason, verdict=verdict):
                self._experiments.labels(name, arm, reason, verdict).inc()
            case FunctionChanged(function=function, up=up):
                self._functions.labels(function).set(up)
            case BreakerChanged(scope=scope, name=name, step=step) if scope != "user":
                self._breakers.labels(scope, name).set(step in ("opened", "half_open"))
            case _:
                self._warned(event)

    def _warned(self, event: Event) -> None:
        """Count what an operator should know about, and whether that was sent."""
        match event:
            case Warned(budget=budget, share=share):
                self._warnings.labels(budget, f"{share:g}").inc()
            case QuotaLow(section=section, quota=quota, metric=metric, window=window):
                self._quotas.labels(f"{section}/{quota}", metric, window).inc()
            case DegradationChanged(model=model, worse=worse):
                self._degraded.labels(model).set(worse)
            case OfferChanged(kind=kind):
                self._offers.labels(kind).inc()
            case SourceChanged(source=source, address=address, up=up):
                self._sources.labels(source, address).set(up)
            case AlertSent(kind=kind, delivered=delivered):
                self._alerts.labels(kind, "delivered" if delivered else "failed").inc()
            case _:
                pass

    def _decided(self, event: Decided) -> None:
        decision = event.decision
        if event.request_id is not None and len(self._began) < UNDER_WAY:
            self._began[event.request_id] = event.time
            self._in_flight.set(len(self._began))
        first = decision.candidates[0].name if decision.candidates else ""
        self._decisions.labels(decision.task or "", decision.complexity or "", first).inc()
        for rule in decision.rules:
            self._rules.labels(rule).inc()
        for skip in decision.skipped:
            self._skipped.labels(skip.model, skip.reason.value).inc()
        if decision.snapshot is not None:
            for key, reading in decision.snapshot.used.items():
                if reading is not None and key.subject == ANYONE:
                    self._policy.readings[key] = reading.used

    def _attempted(self, attempt: Attempt) -> None:
        model = attempt.model
        self._attempts.labels(model, attempt.failure or "ok").inc()
        self._attempt_duration.labels(model).observe(attempt.seconds)
        if attempt.first_token is not None:
            self._first_token.labels(model).observe(attempt.first_token)
            if attempt.failure is not None:
                self._breaks.labels(model, attempt.failure).inc()
        self._tokens.labels(model, "input").inc(attempt.tokens_in or 0)
        self._tokens.labels(model, "output").inc(attempt.tokens_out or 0)
        self._cost.labels(model).inc((attempt.cost_nano_usd or 0) / NANO_PER_USD)
        for flag in ("estimated", "overrun"):
            if getattr(attempt, flag):
                self._unsure.labels(model, flag).inc()

    def _ended(self, event: Answered | Exhausted, outcome: str, model: str) -> None:
        self._requests.labels(outcome, model).inc()
        began = self._began.pop(event.request_id or "", None)
        if began is not None:
            self._in_flight.set(len(self._began))
            self._duration.labels(outcome).observe(max(0.0, event.time - began))
        for failed, following in pairwise(event.attempts):
            if following.model != failed.model:
                reason = failed.failure or "rejected"
                self._fallbacks.labels(failed.model, following.model, reason).inc()


def forget_process(pid: int | None) -> None:
    """Show no more what only running processes have; what this one has counted stays."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]  # as its library has it
