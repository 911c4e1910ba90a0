"""What a program says of calls and answers: attempts of its own, outcomes, feedback."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from policy_router.base_errors import UsageError
from policy_router.decision.facts import situation_of
from policy_router.domain.attempt import Attempt
from policy_router.domain.feedback import OF_PEOPLE, Feedback
from policy_router.events import Attempted
from policy_router.execution.program_attempt import ProgramAttempt, ProgramCall
from policy_router.journal.rows import outcome_of_program
from policy_router.providers.chat import NO_USAGE, Usage
from policy_router.providers.failure import Failure, FailureKind
from policy_router.providers.usage import to_usage
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.models import Model
    from policy_router.domain.situation import Situation
    from policy_router.execution.accounting import Accounting
    from policy_router.execution.executor import Executor
    from policy_router.experience.history import Experience
    from policy_router.journal.journal import Journal
    from policy_router.observe.router_events import RouterEvents
    from policy_router.sync import LoopThread


class RecordingMethods(ABC):
    """The methods of a router that are about what became of calls and answers."""

    experience: Experience
    _accounting: Accounting
    _executor: Executor
    _events: RouterEvents
    _journal: Journal | None
    _time: Callable[[], float]

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    @abstractmethod
    def _own_loop(self, method: str) -> LoopThread: ...

    def _begin_recording(self, events: RouterEvents, journal: Journal | None) -> RouterEvents:
        self._events, self._journal = events, journal
        if journal is not None:
            journal.report_to(events, lambda: self.policy.outcomes.keep)
            events.add(journal)
        return events

    def _end_recording(self) -> None:
        if self._journal is not None:
            self._journal.close()

    @property
    def journal(self) -> Journal | None:
        """The journal of outcomes; None where the router keeps none."""
        return self._journal

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
        usage: object = None,
        ok: bool = True,
        failure: str | None = None,
        status: int | None = None,
        seconds: float = 0.0,
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
            usage: What the provider counted: a `Usage`, or its usage object in any shape.
            ok: Whether the call gave an answer, and a good one.
            failure: The class of the failure, such as `timeout`; `FailureKind` has all. Default:
                `rejected` where the answer is not good.
            status: The HTTP status.
            seconds: How long the call took.
            first_token: Seconds until the first token of a stream.
            checks: The names of checks, and whether the answer passed each.
            started: Unix time at which it began. Default: `seconds` ago.

        Raises:
            UsageError: The policy has no such model, or there is no such class of failures.
        """
        policy = self.policy
        situation = self._situation(policy, decision, model)
        if failure is not None and failure not in {*FailureKind}:
            raise UsageError(unknown("class of failures", failure, [*FailureKind]))
        checks = {} if checks is None else checks
        failed = tuple(name for name, passed in checks.items() if not passed)
        if failure is None and (failed or not ok):
            failure = FailureKind.REJECTED
        began = self._time() - seconds if started is None else started
        counted = usage if isinstance(usage, Usage) else to_usage(usage) or NO_USAGE
        kind = None if failure is None else Failure(FailureKind(failure), "", status)
        called = policy.model(model)
        account = self._accounting.account(policy, situation)
        charge = account.cost_of(called, counted, kind, began)
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
            passed=tuple(name for name, passed in checks.items() if passed),
            rejected=failed,
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
            by: Who or what says it.
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
        self.experience.add_feedback(decision, score, by=by)

    def feedback(
        self, decision: str, score: float, *, label: str | None = None, by: str = OF_PEOPLE
    ) -> None:
        """Do what `afeedback` does, for code without an event loop."""
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
        identity = self._events.identity(decision.id or None, decision.revision)
        self._events.send(Attempted(*identity, attempt, failure))
        if self._journal is not None:
            why = None if failure is None else failure.kind.value
            self._journal.add(outcome_of_program(decision, attempt, model, why))
        self.experience.add_call(decision, attempt)
