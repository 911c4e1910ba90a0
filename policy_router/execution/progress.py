"""One request under way: its chain, its clock and its attempts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from policy_router.acceptance.checks import PASSED
from policy_router.errors import BadRequestError, InvalidRequestError, NoCandidateError
from policy_router.execution.accounts.holds import settled_within
from policy_router.execution.attempt import SOON, CallContext, RunningAttempt
from policy_router.execution.chain import LEAST, Chain, Move
from policy_router.execution.endpoints import usable_keys
from policy_router.execution.refusal import exhausted, refusal, stopped
from policy_router.execution.reporting import RequestReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from policy_router.acceptance.checked_request import CheckTools
    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Task
    from policy_router.errors import RoutingError
    from policy_router.event_source import EventSource
    from policy_router.execution.accounts.account import RequestAccount
    from policy_router.execution.sessions import RequestSession
    from policy_router.providers.answers.chat import Usage
    from policy_router.providers.failures.failure import Failure


@dataclass(slots=True)
class ExecutorContext(CallContext):
    """What an executor needs in addition to calls of models.

    Attributes:
        sleep: Waits for a number of seconds.
        random: Draws the wait before a retry.
        events: Receives the events of each request.
        tools: What the checks of answers run in.
    """

    sleep: Callable[[float], Awaitable[object]]
    random: Random
    events: EventSource
    tools: CheckTools


def for_task(fallback: Fallback, task: Task | None) -> Fallback:
    """What follows a failure of a request of a task, whose own bounds replace the policy's."""
    if task is None or (task.deadline is None and task.max_attempts is None):
        return fallback
    return replace(
        fallback,
        deadline=fallback.deadline if task.deadline is None else task.deadline,
        max_attempts=fallback.max_attempts if task.max_attempts is None else task.max_attempts,
    )


def lowered(fallback: Fallback, deadline: float | None) -> Fallback:
    """Return these limits with the deadline of the caller, if that is the shorter one."""
    if deadline is None or deadline >= fallback.deadline:
        return fallback
    return replace(fallback, deadline=deadline)


class RequestTerms(TypedDict, total=False):
    """When a request began, how long it may take, and the session that it belongs to.

    Attributes:
        began: When it began, by `ExecutorContext.monotonic`. Default: now.
        deadline: Seconds that the caller gives the request; it can only shorten the policy's.
        session: Remembers how the request ends; None where it belongs to no session that the policy
            keeps.
    """

    began: float | None
    deadline: float | None
    session: RequestSession | None


class Progress:
    """The progress of one request. Not shared between tasks.

    Attributes:
        context: What it needs of the world.
        decision: The decision that is carried out; it has an id.
        fallback: What follows a failure.
        messages: The messages of the request, for checks; none for embeddings.
        account: Reserves and settles each attempt; None when nothing is counted.
        chain: Which model is called next.
        attempts: The attempts that ended.
        running: The attempt under way.
        served_by: Name of the model that answered, once there is an answer.
        verdict: The result of the checks of that answer.
        report: The request's events.
    """

    def __init__(
        self,
        context: ExecutorContext,
        decision: Decision,
        fallback: Fallback,
        messages: Sequence[object],
        account: RequestAccount | None = None,
        **terms: Unpack[RequestTerms],
    ) -> None:
        """Begins a request, and reports its decision.

        Args:
            context: What it needs of the world.
            decision: One without an id gets one.
            fallback: What follows a failure, where the task of the request does not say otherwise.
            messages: The messages of the request; none for embeddings.
            account: Reserves and settles each attempt; None when nothing is counted.
            terms: When it began, how long it may take, and the session that it belongs to.
        """
        self.account = account
        self._session = terms.get("session")
        self._usage: Usage | None = None
        self.verdict = PASSED
        self.context = context
        if not decision.id:
            decision = replace(decision, id=context.events.new_id())
        self.decision = decision
        fallback = for_task(fallback, decision.situation.task)
        now = context.monotonic()
        began = terms.get("began")
        began = now if began is None else began
        # By the policy's own deadline: a caller in a hurry says nothing about a model's health.
        self._fair = min(fallback.first_token_within, (began + fallback.deadline - now) / 2)
        fallback = self.fallback = lowered(fallback, terms.get("deadline"))
        self._ends = ends = began + fallback.deadline
        if account is not None:
            # Not by `self.remaining`: objects in a circle stay until the collector looks for them.
            account.end_within(lambda: ends - context.monotonic())
        self.messages = messages
        self.chain = Chain(decision.candidates, fallback)
        self.attempts: list[Attempt] = []
        self._failures: list[Failure] = []
        self.running: RunningAttempt | None = None
        self._called: Model | None = None
        self._tried: dict[str, set[str]] = {}
        self.served_by: str | None = None
        self.report = RequestReport(context.events, decision)
        self.report.decided()

    def remaining(self) -> float:
        """Seconds until the request's deadline."""
        return self._ends - self.context.monotonic()

    def share(self) -> float:
        """Seconds that a step without intermediate results may take.

        Half of the time that is left while another model could be called after it, else all of it.
        """
        return self.remaining() / (2 if self.chain.more else 1)

    def patience(self, model: Model) -> float:
        """Seconds that a model may take to the first token of a stream."""
        own = model.first_token_within
        return self.fallback.first_token_within if own is None else own

    def stall(self, model: Model) -> float:
        """Seconds that a model may pause in a stream."""
        return self.fallback.stall if model.stall is None else model.stall

    async def first(self) -> RunningAttempt:
        """An attempt at the first candidate that has room, with its reservation.

        Raises:
            NoCandidateError: No candidate has room, or there is none.
            AllModelsFailedError: The policy leaves no time for an attempt.
        """
        if not self.decision.candidates:
            raise refusal(self.decision, now=self.context.clock())
        candidate = self.chain.next() if self.remaining() >= LEAST else None
        if candidate is None:
            raise self._exhausted()
        return await self._with_room(candidate)

    async def _with_room(self, candidate: Candidate) -> RunningAttempt:
        """An attempt, with its reservation, at the next candidate that every limit has room for.

        Raises when none has room, or reserving took too long.
        """
        attempt = self.attempt(candidate.model, self.account)
        while (skip := await attempt.reserve(self._patience_for_place())) is not None:
            self.report.no_room(skip)
            following = self.chain.no_room(skip)
            if following is None:
                if self.attempts:
                    raise self._exhausted()
                raise refusal(self.decision, self.chain.skipped, self.context.clock())
            attempt = self.attempt(following.model, self.account)
        if self.remaining() < LEAST:
            attempt.drop()
            raise self._exhausted()
        return attempt

    def _patience_for_place(self) -> float:
        """Seconds to wait while a server has too many calls under way."""
        half = self.remaining() / 2
        return min(half, SOON) if self.chain.more else half

    def attempt(self, model: Model, account: RequestAccount | None) -> RunningAttempt:
        """Prepares a call of a model that this request needs, paid from an account."""
        return RunningAttempt(
            self.context,
            model,
            account=account,
            cooldown=self.fallback.cooldown,
            degraded=self.fallback.degraded,
            fair=min(
                self._fair, model.deadline or self._fair, model.first_token_within or self._fair
            ),
            tried=self._tried.get(model.name, ()),
            user=self.decision.situation.request.user,
        )

    async def close(self) -> None:
        """Settles the charge of the last attempt, and remembers how the request ended."""
        settling = [] if self.account is None else [self.account.close()]
        if self._session is not None:
            ending = self._session.ended(self.decision, self.attempts, self.served_by, self._usage)
            settling.append(settled_within(self.remaining(), ending))
        if len(settling) == 1:
            await settling[0]
        else:
            await asyncio.gather(*settling)  # one round trip for both

    def start(self, attempt: RunningAttempt, limit: float) -> None:
        """Begins an attempt that may take `limit` seconds to its answer or first token."""
        self.running = attempt
        if self._called is None or self._called.name != attempt.model.name:
            self.context.retries.earn(attempt.model)
        attempt.start(limit)

    async def after(self, failure: Failure) -> RunningAttempt:
        """Waits where a retry demands it, and returns the next attempt with its reservation.

        Args:
            failure: Why the attempt before it failed.

        Raises:
            BadRequestError: The request itself was refused, or the policy stops here.
            AllModelsFailedError: No model is left to call, or the deadline passed.
            NoCandidateError: No candidate has room, and none was called.
        """
        step = self.chain.failed(
            failure,
            self.remaining(),
            called=self._called,
            keys=self._other_keys(),
            retries=self._called is None or self.context.retries.allows(self._called),
        )
        candidate: Candidate | None = None
        match step.move:
            case Move.STOP:
                skipped = self.chain.give_up(f"the request stops at {failure.kind}")
                raise stopped(self.decision, self.attempts, failure, skipped)
            case Move.RETRY:
                if not step.other_key and self._called is not None:
                    self.context.retries.spend(self._called)
                if step.wait[1]:
                    await self.context.sleep(self.context.random.uniform(*step.wait))
                candidate = self.chain.retry()
            case Move.NEXT:
                candidate = self.chain.next()
        if candidate is None or self.remaining() < LEAST:
            raise self._exhausted()
        return await self._with_room(candidate)

    def failed(self, failure: Failure, verdict: Verdict = PASSED) -> None:
        """Notes that the running attempt failed, with the result of the checks of its answer."""
        self._end(failure, verdict)
        self._failures.append(failure)

    def answer_complete(self) -> None:
        """Notes that the running attempt's answer is complete and is checked now."""
        self.chain.answer_complete()

    def answered(self, verdict: Verdict = PASSED) -> None:
        """Notes that the running attempt answered, and the request with it."""
        self.chain.answered()
        self._settled(self._end(None, verdict), verdict)

    def stand_in(self, served_by: str, verdict: Verdict) -> None:
        """Notes that the answer of an earlier attempt is given out, though checks rejected it."""
        self.chain.stand_in()
        self._settled(served_by, verdict)

    def unanswered(self, error: RoutingError) -> None:
        """Reports that the request ended without a whole answer."""
        self.chain.give_up()
        stopped = isinstance(error, BadRequestError | NoCandidateError | InvalidRequestError)
        self._unanswered(stopped=stopped, retry_after=getattr(error, "retry_after", None))

    def cancelled(self) -> None:
        """Notes that the caller stopped waiting, unless it has its whole answer."""
        if self.chain.ended:
            return
        self.chain.give_up()
        if self.running is not None:
            self._end(self.running.cancelled())
        self._unanswered(stopped=True, retry_after=None)

    def _other_keys(self) -> int:
        """How many keys of the model that failed last may still be tried."""
        called, context = self._called, self.context
        if called is None or len(called.api_key_envs) < 2:
            return 0
        tried = self._tried[called.name]
        return len(usable_keys(called, tried, context.cooldowns, context.clock()))

    def _exhausted(self) -> RoutingError:
        """The error when no model is left to call."""
        return exhausted(
            self.decision,
            self.attempts,
            self._failures,
            self.chain.give_up(self._reason_to_end()),
            self._retry_after(),
        )

    def _reason_to_end(self) -> str:
        """Why the candidates that are left are not called."""
        if self.remaining() < LEAST:
            return f"the deadline of {self.fallback.deadline:.3g} s leaves no time"
        if self.chain.attempts >= self.fallback.max_attempts:
            return f"`max_attempts: {self.fallback.max_attempts}` is reached"
        return "the policy only retries the model that failed"

    def _retry_after(self) -> float | None:
        """Seconds until one of the request's models may be called again; None when one may be
        called at once, or nothing is known."""
        now, cooldowns = self.context.clock(), self.context.cooldowns
        waits = [a.retry_after for a in self.attempts if a.retry_after is not None]
        times = [s.until for s in (*self.decision.skipped, *self.chain.skipped)]
        if cooldowns is not None:
            times += [cooldowns.until(c.model, now) for c in self.decision.candidates]
        waits += [max(until - now, 0.0) for until in times if until is not None]
        return min(waits, default=None)

    def _end(self, failure: Failure | None, verdict: Verdict = PASSED) -> str:
        """Ends the running attempt and returns the name of its model."""
        running, self.running = self.running, None
        if running is None:
            raise RuntimeError("no attempt is running")
        called = self._called = running.called
        if len(called.api_key_envs) > 1:
            self._tried.setdefault(called.name, set()).add(str(called.api_key_env))
        attempt = running.end(failure)
        if verdict is not PASSED:
            rejected = tuple(finding.check for finding in verdict.rejected)
            attempt = replace(attempt, passed=verdict.passed, rejected=rejected)
        self._usage = running.usage if failure is None else None
        self.attempts.append(attempt)
        self.report.attempted(attempt, failure)
        return attempt.model

    def _settled(self, served_by: str, verdict: Verdict) -> None:
        self.served_by, self.verdict = served_by, verdict
        self.report.answered(tuple(self.attempts), served_by, self.chain.skipped, verdict)

    def _unanswered(self, *, stopped: bool, retry_after: float | None) -> None:
        attempts, skipped = tuple(self.attempts), self.chain.skipped
        self.report.exhausted(attempts, skipped, stopped=stopped, retry_after=retry_after)
