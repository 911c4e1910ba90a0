"""What a program says about calls and answers: attempts of its own, outcomes, feedback."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.decision.facts import situation_of
from policy_router.domain.attempt import Attempt
from policy_router.domain.feedback import OF_PEOPLE, Feedback
from policy_router.events import Attempted
from policy_router.execution.program_attempt import (
    ProgramAttempt,
    ProgramCall,
    counted_by,
    most_output,
    verdicts_of,
)
from policy_router.journal.rows import outcome_of_program, with_facts
from policy_router.observe.webhook import AlertSender
from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.models import Model
    from policy_router.domain.situation import Situation
    from policy_router.events import Observer
    from policy_router.execution.accounting import Accounting
    from policy_router.execution.executor import Executor
    from policy_router.experience.history import Experience
    from policy_router.journal.journal import Journal
    from policy_router.observe.router_events import RouterEvents
    from policy_router.router.sync import LoopThread


MOST_REJECTED: Final = 10_000
"""Decisions with a rejected answer that are remembered, at most."""
_LATEST: Final = 253_402_300_799
"""The last Unix time that has a date."""


class RecordingMethods(ABC):
    """The methods of a router for the outcomes of calls and answers."""

    experience: Experience
    _accounting: Accounting
    _executor: Executor
    _events: RouterEvents
    _journal: Journal | None
    _alerts: AlertSender
    _time: Callable[[], float]
    _rejected: dict[str, None]
    """The decisions that the program rejected an answer to, in the order in which it did."""

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    @abstractmethod
    def _own_loop(self, method: str) -> LoopThread: ...

    def _begin_recording(self, events: RouterEvents, journal: Journal | None) -> RouterEvents:
        self._events, self._journal = events, journal
        self._rejected = {}
        self._alerts = AlertSender(lambda: self.policy, events.alert_sent, claim=events.claim)
        events.add(self._alerts)
        if journal is not None:
            journal.report_to(
                events,
                lambda: self.policy.outcomes.keep,
                self._compared_models,
                lambda: self.policy.vocabulary,
            )
            events.add(journal)
        return events

    def _compared_models(self) -> Mapping[str, Model] | None:
        """The models, where a baseline is the cheapest one that fits each request."""
        policy = self.policy
        return policy.models_by_name if policy.reports.compares_cheapest else None

    def _end_recording(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._alerts.close()

    @property
    def journal(self) -> Journal | None:
        """The journal of outcomes; None where the router keeps none."""
        return self._journal

    def observe(self, observer: Observer) -> None:
        """Send every event from now on to one more observer.

        Args:
            observer: Called with each event, as `on_event` of the router is.
        """
        self._events.add(observer)

    def attempt(self, decision: Decision, candidate: Candidate | Model | str) -> ProgramAttempt:
        """Begin a call that the program makes itself; see `ProgramAttempt`.

        It is reserved, settled, kept in the journal and counted for cooldowns as every call of the
        router is.

        Args:
            decision: What `aroute` or `route` decided.
            candidate: The candidate of that decision to call, or its name.

        Raises:
            UsageError: It is no candidate of the decision, or the policy no longer has the model.
        """
        name = candidate if isinstance(candidate, str) else candidate.name
        allowed = {each.name: each.model for each in decision.candidates}
        if name not in allowed:
            raise UsageError(
                unknown("candidate of the decision", name, allowed) if allowed
                else f"`{quoted(name)}` may not be called: the decision has no candidate"
            )  # fmt: skip
        if not decision.id:
            decision = replace(decision, id=self._events.new_id())
        policy, model = self.policy, allowed[name]
        situation = self._situation(policy, decision, name)

        def ended(attempt: Attempt, failure: Failure | None) -> None:
            self._keep(decision, attempt, model, failure)

        def run(work: Awaitable[Any]) -> Any:
            return self._own_loop("attempt").run(work)

        call = ProgramCall(
            decision,
            model,
            policy.fallback,
            self._accounting.account(policy, situation, request_id=decision.id or None),
            self._accounting.sessions.of(policy, decision.request),
            ended,
            run,
        )
        return ProgramAttempt(self._executor.calls, call)

    def record(
        self,
        decision: Decision,
        model: str,
        *,
        seconds: float,
        usage: object = None,
        ok: bool = True,
        failure: str | None = None,
        status: int | None = None,
        first_token: float | None = None,
        checks: Mapping[str, bool] | None = None,
        started: float | None = None,
    ) -> None:
        """Keep the outcome of a call that was made elsewhere, such as by another gateway.

        It goes into the journal and to observers of events. No limit and no budget counts it, and
        it plays no part in cooldowns: for that, make the call in a block of `attempt`.

        Args:
            decision: What the call carried out.
            model: Name of the model in the policy.
            seconds: How long the call took.
            usage: What the provider counted: a `Usage`, or its usage object in any shape.
            ok: Whether the call gave an answer, and a good one.
            failure: The class of the failure, such as `timeout`; `FailureKind` has all. Default:
                `rejected` where the answer is not good.
            status: The HTTP status.
            first_token: Seconds until the first token of a stream.
            checks: The names of checks, and whether the answer passed each.
            started: Unix time at which it began. Default: `seconds` ago.

        Raises:
            UsageError: The policy has no such model, there is no such class of failures, or a value
                has the wrong type or is out of range.
        """
        policy = self.policy
        situation = self._situation(policy, decision, model)
        if failure is not None and failure not in {*FailureKind}:
            raise UsageError(unknown("class of failures", failure, [*FailureKind]))
        _check_times(seconds, first_token, started)
        if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
            raise UsageError(f"`status` must be a number such as 200, not `{quoted(status)}`")
        passed, rejected = verdicts_of(checks)
        if failure is None and (rejected or not ok):
            failure = FailureKind.REJECTED
        began = self._time() - seconds if started is None else started
        counted = counted_by(usage) or NO_USAGE
        kind = None if failure is None else Failure(FailureKind(failure), "", status)
        called = policy.model(model)
        account = self._accounting.account(policy, situation)
        answered = kind is None or kind.kind is FailureKind.REJECTED
        produced = most_output(counted) if answered else 0
        charge = account.cost_of(called, counted, kind, produced, began)
        attempt = Attempt(
            model=model,
            provider_model=called.provider_model,
            started=began,
            seconds=seconds,
            failure=None if failure is None else str(failure),
            status=status,
            first_token=first_token,
            tokens_in=counted.prompt_tokens,
            tokens_out=counted.completion_tokens,
            tokens_cached=None if counted.prompt_tokens is None else counted.cached_tokens,
            cost_nano_usd=0 if charge is None else charge.cost,
            estimated=charge is not None and charge.estimated,
            passed=passed,
            rejected=rejected,
        )
        self._keep(decision, attempt, called, kind)

    async def afeedback(
        self,
        decision: str,
        score: float,
        *,
        label: str | None = None,
        by: str = OF_PEOPLE,
        tenants: Sequence[str | None] | None = None,
    ) -> None:
        """Say how good the answer to a request is, and wait until the journal has it.

        The latest score of each source counts; earlier ones are kept. What the policy's own checks
        say is feedback already, under the name `check`.

        Args:
            decision: The id of the decision, which the answer carries.
            score: From 0, useless, to 1.
            label: A word that says why, such as `wrong_language`; never a text.
            by: The source: who or what judged the answer.
            tenants: The tenants whose requests it may be about. Default: any.

        Raises:
            UnknownDecisionError: The journal has no such decision of a request that has ended.
            UsageError: A value is out of range, or the router keeps no journal.
            StoreError: The journal cannot be reached.
        """
        if self._journal is None:
            raise UsageError(
                "feedback needs a journal: open the router with `journal=`, or serve with --journal"
            )
        await self._journal.feedback(Feedback(decision, score, by, label), tenants)

    def feedback(
        self, decision: str, score: float, *, label: str | None = None, by: str = OF_PEOPLE
    ) -> None:
        """Do the same as `afeedback`, with the same arguments, without an event loop."""
        work = self.afeedback(decision, score, label=label, by=by)
        self._own_loop("feedback").run(work)

    def _situation(self, policy: Policy, decision: Decision, model: str) -> Situation:
        """The request of a decision as the active policy sees it. Raises UsageError."""
        if model not in policy.models_by_name:
            raise UsageError(unknown("model of the policy", model, policy.models_by_name))
        if decision.revision == policy.revision:
            return decision.situation
        return situation_of(policy, decision.request, self._time())

    def _keep(
        self, decision: Decision, attempt: Attempt, model: Model, failure: Failure | None
    ) -> None:
        """Tell observers of a call of the program, and the journal; count it as experience."""
        again = decision.id in self._rejected
        # A decision of `decide` has no id: it cannot be told from others.
        if decision.id and failure is not None and failure.kind is FailureKind.REJECTED:
            self._rejected[decision.id] = None
            if len(self._rejected) > MOST_REJECTED:
                self._rejected.pop(next(iter(self._rejected)), None)
        identity = self._events.identity(decision.id or None, decision.revision)
        self._events.send(Attempted(*identity, attempt, failure))
        if self._journal is not None:
            why = None if failure is None else failure.kind.value
            compared = self._compared_models()
            outcome = outcome_of_program(decision, attempt, model, why, compared, again=again)
            vocabulary = self.policy.vocabulary
            self._journal.add(with_facts(outcome, decision.request, vocabulary))
        self.experience.add_call(decision, attempt, again=again)


def _check_times(seconds: float, first_token: float | None, started: float | None) -> None:
    """Check the times of a call. Raises UsageError."""
    for name, value in (("seconds", seconds), ("first_token", first_token), ("started", started)):
        if value is None and name != "seconds":
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= _LATEST:  # type: ignore[operator]  # a number by now
            raise UsageError(f"`{name}` must be a number of seconds, not `{quoted(value)}`")
