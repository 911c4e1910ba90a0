"""Turns notifications of the parts of a router into events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from policy_router.diagnostics import Severity, headline
from policy_router.event_source import EventSource
from policy_router.events import (
    AlertSent,
    BreakerChanged,
    DegradationChanged,
    EstimatedComplexity,
    ExperimentEnded,
    FunctionChanged,
    JournalChanged,
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
from policy_router.observe.logs import is_logged, log_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.diagnostics import Diagnostic
    from policy_router.events import Event, Observer
    from policy_router.execution.estimators import EstimatorCall
    from policy_router.execution.health.breaker_changes import BreakerChange
    from policy_router.experience.verdicts import ArmReport, ExperimentReport
    from policy_router.ledger.store import Crossing


def ignore(_: Event) -> None:
    """The observer of a program that has none."""


class RouterEvents(EventSource):
    """The events of one router, which the log and the program's own observer get.

    Its methods are the callbacks of the parts that notice something.

    Attributes:
        claim: Whether this process is to send an alert of what others may have noticed as well.
    """

    def __init__(
        self,
        on_event: Observer = ignore,
        clock: Callable[[], float] = time.time,
        *,
        claim: Callable[[str], bool] = lambda _: True,
    ) -> None:
        super().__init__(clock=clock)
        self.add(log_event, is_logged)
        if on_event is not ignore:
            self.add(on_event)
        self.claim = claim

    @classmethod
    def of(cls, on_event: Observer, clock: Callable[[], float]) -> RouterEvents:
        """Return events for an observer, which may be such events already."""
        return on_event if isinstance(on_event, RouterEvents) else cls(on_event, clock)

    def breaker_changed(self, change: BreakerChange) -> None:
        """Send that a breaker opened, is probed, closed or was lifted."""
        self.send(
            BreakerChanged(
                *self.identity(), change.scope.value, change.name, change.step.value, change.until,
                change.cause,
            )
        )  # fmt: skip

    def alert_sent(self, kind: str, delivered: bool, detail: str) -> None:
        """Send that an alert was delivered, or was given up."""
        self.send(AlertSent(*self.identity(), kind, delivered, detail))

    def degradation_changed(self, model: str, worse: bool, detail: str) -> None:
        """Send that a model does worse than usual, or as usual again (not `worse`)."""
        self.send(DegradationChanged(*self.identity(), model, worse, detail))

    def experiment_ended(self, report: ExperimentReport, arm: ArmReport) -> None:
        """Send that an arm of an experiment gets no more requests."""
        guards = (guard for guard in arm.guards if guard.measure is arm.broken)
        found = next(guards, arm.comparison)
        reason = "" if arm.ended is None else arm.ended.value
        self.send(
            ExperimentEnded(
                *self.identity(), report.experiment.name, arm.arm.name, reason, arm.verdict.value,
                found.measure.value, found.difference, found.low, found.high, arm.requests,
            )
        )  # fmt: skip

    def complexity_estimated(self, call: EstimatorCall) -> None:
        """Send that a model was called to estimate the complexity of a request."""
        identity = self.identity(call.request_id, call.revision)
        outcome = call.outcome
        self.send(EstimatedComplexity(*identity, call.request, outcome.attempt, outcome.failure))

    def function_changed(self, function: str, up: bool, detail: str) -> None:
        """Send that a function was suspended (not `up`), or is called again."""
        self.send(FunctionChanged(*self.identity(), function, up, detail))

    def journal_changed(self, up: bool, detail: str) -> None:
        """Send that the journal cannot be reached (not `up`), or can be reached again."""
        self.send(JournalChanged(*self.identity(), up, detail))

    def offer_changed(self, kind: str, model: str, source: str, detail: str, remedy: str) -> None:
        """Send that what a source of models offers differs from the policy."""
        self.send(OfferChanged(*self.identity(), kind, model, source, detail, remedy))

    def outcomes_dropped(self, number: int, detail: str) -> None:
        """Send that the journal did not keep some outcomes."""
        self.send(OutcomesDropped(*self.identity(), number, detail))

    def policy_reloaded(self, previous: str, revision: str) -> None:
        """Send that the policy of another revision is active."""
        self.send(PolicyReloaded(*self.identity(None, revision), previous))

    def quality_changed(self, model: str, form: str, worse: bool, usual: float) -> None:
        """Send that the answers of a model have become worse, or are as before (not `worse`)."""
        self.send(QualityChanged(*self.identity(), model, form, worse, usual))

    def reload_refused(self, revision: str, errors: tuple[Diagnostic, ...]) -> None:
        """Send that newer files are not used, and that the policy of a revision stays active."""
        detail = headline(errors) or "compiling gave no policy"
        serious = sum(each.severity is Severity.ERROR for each in errors)
        self.send(ReloadRefused(*self.identity(None, revision), detail, serious))

    def source_changed(self, source: str, address: str, up: bool, detail: str) -> None:
        """Send that a source of models gives no list (not `up`), or gives one again."""
        self.send(SourceChanged(*self.identity(), source, address, up, detail))

    def store_changed(self, up: bool, detail: str) -> None:
        """Send that the store of counters cannot be reached (not `up`), or can be reached again."""
        self.send(StoreChanged(*self.identity(), up, detail))

    def store_lost_data(self, lost: bool, detail: str) -> None:
        """Send that the store of counters lost data, or that the loss is settled (not `lost`)."""
        self.send(StoreLostData(*self.identity(), lost, detail))

    def threshold_passed(self, crossing: Crossing, request_id: str | None, revision: str) -> None:
        """Send that a budget has passed one of its thresholds, or that a quota runs out."""
        key, amounts = crossing.key, (crossing.share, crossing.spent, crossing.cap)
        identity = self.identity(request_id, revision)
        if not key.is_budget:
            names = key.section, key.name, key.metric.value
            self.send(QuotaLow(*identity, *names, *amounts, key.window))
            return
        self.send(Warned(*identity, key.name, key.subject, key.metric.value, *amounts, key.window))
