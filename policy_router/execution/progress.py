"""One request under way: its chain, its clock, its attempts. Shared by answers and streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from policy_router.acceptance.checked_request import JudgeReply
from policy_router.acceptance.checks import PASSED
from policy_router.classification.tokens.bound import most_tokens
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    InvalidRequestError,
    NoCandidateError,
)
from policy_router.events import Answered, Attempted, Decided, Exhausted, JudgedAnswer, NoRoom
from policy_router.execution.attempt import CallContext, RunningAttempt, side_call
from policy_router.execution.chain import LEAST, Chain, Move
from policy_router.execution.refusal import refusal
from policy_router.providers.caller import Body
from policy_router.providers.failure import OWN_FAULTS, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from random import Random

    from policy_router.acceptance.checked_request import CheckTools
    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.decision import Attempt, Candidate, Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.errors import RoutingError
    from policy_router.events import Event, EventSource, Identity
    from policy_router.execution.accounting import RequestAccount
    from policy_router.execution.attempt import SideCall
    from policy_router.providers.chat import ChatAnswer


@dataclass(slots=True)
class ExecutorContext(CallContext):
    """What an executor needs in addition to calls of models.

    Attributes:
        sleep: Waits for a number of seconds.
        random: Draws the wait before a retry.
        events: Gets what happens.
        tools: What the checks of answers run in.
    """

    sleep: Callable[[float], Awaitable[object]]
    random: Random
    events: EventSource
    tools: CheckTools


class Progress:
    """How far one request has come. Not shared between tasks.

    attempts: those that ended. running: the one under way. served_by: who answered, once somebody
    has, and verdict: what the checks made of that answer. account: reserves and settles, if
    anybody counts. began: when the request did, by the world's monotonic clock; now unless given.
    """

    def __init__(
        self,
        context: ExecutorContext,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        *,
        began: float | None = None,
    ) -> None:
        self.account = account
        self.verdict = PASSED
        self.context = context
        if not decision.id:
            decision = replace(decision, id=context.events.new_id())
        self.decision = decision
        self.fallback = fallback
        self.body = body
        self.chain = Chain(decision.candidates, fallback)
        self.attempts: list[Attempt] = []
        self._failures: list[Failure] = []
        self.running: RunningAttempt | None = None
        self.served_by: str | None = None
        now = context.monotonic()
        self._ends = (now if began is None else began) + fallback.deadline
        self._fair = min(fallback.first_token_within, (self._ends - now) / 2)
        self._send(Decided(*self._identity(), decision))

    def remaining(self) -> float:
        """Seconds until the request's deadline."""
        return self._ends - self.context.monotonic()

    def share(self) -> float:
        """Seconds that one thing may take which gives no sign of life before it is done: half of
        the time left while another model could be asked after it, else all."""
        return self.remaining() / (2 if self.chain.more else 1)

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
        """An attempt at this candidate, or at the next one that has room in every limit and budget,
        with its reservation. Raises when none has."""
        attempt = self._attempt(candidate.model, self.account)
        while (skip := await attempt.reserve()) is not None:
            self._send(NoRoom(*self._identity(), skip))
            following = self.chain.no_room(skip)
            if following is None:
                if self.attempts:
                    raise self._exhausted()
                raise refusal(self.decision, self.chain.skipped, self.context.clock())
            attempt = self._attempt(following.model, self.account)
        return attempt

    def _attempt(self, model: Model, account: RequestAccount | None) -> RunningAttempt:
        return RunningAttempt(
            self.context,
            model,
            account=account,
            cooldown=self.fallback.cooldown,
            fair=self._fair,
        )

    async def close(self) -> None:
        """Settles what the last attempt came to."""
        if self.account is not None:
            await self.account.close()

    def start(self, attempt: RunningAttempt, limit: float) -> None:
        """Begins an attempt that may take `limit` seconds to its answer or first token."""
        self.running = attempt
        attempt.start(limit)

    async def after(self, failure: Failure) -> RunningAttempt:
        """Who is asked next after the current candidate failed, the wait before it included.
        Raises BadRequestError or AllModelsFailedError when nobody is."""
        step = self.chain.failed(failure, self.remaining())
        candidate: Candidate | None = None
        match step.move:
            case Move.STOP:
                skipped = self.chain.give_up(f"the request stops at {failure.kind}")
                status = failure.reaction.status
                raise BadRequestError(self.decision, self.attempts, skipped, status=status)
            case Move.RETRY:
                await self.context.sleep(self.context.random.uniform(*step.wait))
                candidate = self.chain.retry()
            case Move.NEXT:
                candidate = self.chain.next()
        if candidate is None or self.remaining() < LEAST:
            raise self._exhausted()
        return await self._with_room(candidate)

    def failed(self, failure: Failure) -> None:
        """Notes that the running attempt failed."""
        self._end(failure)
        self._failures.append(failure)

    def came_whole(self) -> None:
        """Notes that the running attempt's answer came whole and is checked now."""
        self.chain.came_whole()

    def answered(self, verdict: Verdict = PASSED) -> None:
        """Notes that the running attempt answered, and the request with it."""
        self.chain.answered()
        self._settled(self._end(None), verdict)

    def stand_in(self, served_by: str, verdict: Verdict) -> None:
        """Notes that the answer of an earlier attempt stands in, though checks rejected it."""
        self.chain.stand_in()
        self._settled(served_by, verdict)

    def unanswered(self, error: RoutingError) -> None:
        """Reports that the request ended without a whole answer."""
        self.chain.give_up()
        stopped = isinstance(error, BadRequestError | NoCandidateError | InvalidRequestError)
        self._report_exhausted(stopped, getattr(error, "retry_after", None))

    def cancelled(self) -> None:
        """Notes that the caller stopped waiting, unless it has its whole answer."""
        if self.chain.ended:
            return
        self.chain.give_up()
        if self.running is not None:
            self._end(self.running.cancelled())
        self._report_exhausted(True, None)

    # -- what checks need; see acceptance.checked_request ------------------------------------

    @property
    def tools(self) -> CheckTools:
        """What checks run in."""
        return self.context.tools

    @property
    def messages(self) -> Sequence[object]:
        """The messages of the request."""
        messages: Sequence[object] = self.body["messages"]
        return messages

    async def judge(
        self,
        model: Model,
        messages: Sequence[Mapping[str, str]],
        output: int,
        read: Callable[[ChatAnswer], bool | None],
    ) -> JudgeReply:
        """Calls a judge, pays for it and reports it as an event."""
        limit = min(self.share(), self.fallback.first_token_within)
        not_called = self._not_now(model, limit)
        if not_called is not None:
            return JudgeReply(not_called=not_called)
        account = None
        if self.account is not None:
            account = self.account.beside(most_tokens(messages), output)
        attempt = self._attempt(model, account)
        skip = await attempt.reserve()
        if skip is not None:
            return JudgeReply(not_called=skip.detail)

        def passed(call: SideCall) -> bool | None:
            return None if call.failure is not None else read(call.answer)

        def report(call: SideCall) -> None:
            self._send(JudgedAnswer(*self._identity(), call.attempt, passed(call), call.failure))

        body = Body(messages=messages, max_tokens=output, temperature=0)
        call = await side_call(attempt, limit, body, report)
        failed = None if call.failure is None else call.failure.kind.value
        return JudgeReply(passed(call), failed=failed)

    def _not_now(self, model: Model, limit: float) -> str | None:
        """Why a judge is not called now."""
        cooldowns, now = self.context.cooldowns, self.context.clock()
        until = None if cooldowns is None else cooldowns.until(model, now)
        if until is not None:
            return f"in cooldown until {datetime.fromtimestamp(ceil(until), UTC):%H:%M:%S} UTC"
        return "no time is left" if limit < LEAST else None

    def _exhausted(self) -> RoutingError:
        """The error when nobody is left to ask. Where nothing failed but the request, that is what
        it tells; else the last failure that is not the request's own says the status."""
        skipped = self.chain.give_up(self._why_left())
        telling = [f for f in self._failures if f.fault not in OWN_FAULTS]
        if self._failures and not telling:
            return BadRequestError(self.decision, self.attempts, skipped)
        status = (
            telling[-1].reaction.status
            if telling
            else Failure(FailureKind.DEADLINE).reaction.status
        )
        wait = self._soonest()
        return AllModelsFailedError(
            self.decision, self.attempts, skipped, status=status, retry_after=wait
        )

    def _why_left(self) -> str:
        """Why the candidates that are left are not asked."""
        if self.remaining() < LEAST:
            return f"the deadline of {self.fallback.deadline:.3g} s leaves no time"
        if self.chain.attempts >= self.fallback.max_attempts:
            return f"`max_attempts: {self.fallback.max_attempts}` is reached"
        return "the policy only retries the model that failed"

    def _soonest(self) -> float | None:
        """Seconds until the first of the request's models may be asked again; None when one may be
        at once, or nothing is known."""
        now, cooldowns = self.context.clock(), self.context.cooldowns
        waits = [a.retry_after for a in self.attempts if a.retry_after is not None]
        times = [s.until for s in (*self.decision.skipped, *self.chain.skipped)]
        if cooldowns is not None:
            times += [cooldowns.until(c.model, now) for c in self.decision.candidates]
        waits += [max(until - now, 0.0) for until in times if until is not None]
        return min(waits, default=None)

    def _end(self, failure: Failure | None) -> str:
        """Ends the running attempt and returns the name of its model."""
        running, self.running = self.running, None
        if running is None:
            raise RuntimeError("no attempt is running")
        attempt = running.end(failure)
        self.attempts.append(attempt)
        self._send(Attempted(*self._identity(), attempt, failure))
        return attempt.model

    def _settled(self, served_by: str, verdict: Verdict) -> None:
        """Reports that the request has its answer."""
        self.served_by, self.verdict = served_by, verdict
        attempts, skipped = tuple(self.attempts), self.chain.skipped
        self._send(
            Answered(
                *self._identity(),
                self.decision,
                attempts,
                served_by,
                skipped,
                verdict.rejected,
                verdict.unchecked,
            )
        )

    def _report_exhausted(self, stopped: bool, retry_after: float | None) -> None:
        attempts, skipped = tuple(self.attempts), self.chain.skipped
        identity = self._identity()
        self._send(Exhausted(*identity, self.decision, attempts, stopped, retry_after, skipped))

    def _identity(self) -> Identity:
        return self.context.events.identity(self.decision.id, self.decision.revision)

    def _send(self, event: Event) -> None:
        self.context.events.send(event)
