"""One request under way: its chain, its clock, its attempts. Shared by answers and streams."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from policy_router.acceptance.checks import PASSED
from policy_router.domain.decision import Attempt
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    InvalidRequestError,
    NoCandidateError,
    no_room,
)
from policy_router.events import Answered, Attempted, Decided, Exhausted, NoRoom
from policy_router.execution.chain import LEAST, Chain, Move
from policy_router.providers.chat import Usage
from policy_router.providers.failure import OWN_FAULTS, Failure, FailureKind
from policy_router.providers.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from policy_router.acceptance.checks import Verdict
    from policy_router.acceptance.user_code import Functions
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.errors import RoutingError
    from policy_router.events import Event
    from policy_router.execution.accounting import RequestAccount
    from policy_router.execution.cooldown import Cooldowns
    from policy_router.providers.caller import Body, Caller
    from policy_router.resilience.threads import Threads

_T = TypeVar("_T")
_NOTHING: Final = Usage()
_ROUNDING: Final = 0.99
"""An attempt's limit is taken from a clock that has moved on a little since the request began."""


@dataclass(slots=True)
class ExecutorContext:
    """What an executor needs of the world around it. clock: Unix time; monotonic: any origin.
    tell: gets every event, and raises nothing. functions: what policies may call. checks: where
    answers are checked."""

    caller: Caller
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    random: Random
    tell: Callable[[Event], None]
    health: Cooldowns | None
    functions: Functions
    checks: Threads


@dataclass(slots=True)
class RunningAttempt:
    """An attempt that is running. usage, said: what is known to have come out of it. wire: what
    its connection saw."""

    candidate: Candidate
    clock: float
    monotonic: float
    limit: float
    first_token: float | None = None
    usage: Usage = _NOTHING
    said: int = 0
    wire: Wire = field(default_factory=Wire)


class Progress:
    """How far one request has come. Not shared between tasks.

    attempts: those that ended. running: the one under way. served_by: who answered, once somebody
    has, and verdict: what the checks made of that answer. account: reserves and settles, if
    anybody counts. began: when the request did, by the world's monotonic clock; now unless given.
    """

    def __init__(
        self,
        world: ExecutorContext,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        *,
        began: float | None = None,
    ) -> None:
        self.account = account
        self.verdict = PASSED
        self.world = world
        self.decision = decision
        self.fallback = fallback
        self.body = body
        self.chain = Chain(decision.candidates, fallback)
        self.attempts: list[Attempt] = []
        self._failures: list[Failure] = []
        self.running: RunningAttempt | None = None
        self.served_by: str | None = None
        now = world.monotonic()
        self._ends = (now if began is None else began) + fallback.deadline
        self._fair = min(fallback.first_token_within, (self._ends - now) / 2)
        world.tell(Decided(decision))

    def remaining(self) -> float:
        """Seconds until the request's deadline."""
        return self._ends - self.world.monotonic()

    def share(self) -> float:
        """Seconds that one thing may take which gives no sign of life before it is done: half of
        the time left while another model could be asked after it, else all."""
        return self.remaining() / (2 if self.chain.more else 1)

    async def first(self) -> Candidate:
        """The first candidate that has room. Raises NoCandidateError when there is none,
        AllModelsFailedError when the policy leaves no time for an attempt."""
        if not self.decision.candidates:
            raise no_room(self.decision, now=self.world.clock())
        candidate = self.chain.next() if self.remaining() >= LEAST else None
        if candidate is None:
            raise self._exhausted()
        return await self._with_room(candidate)

    async def _with_room(self, candidate: Candidate) -> Candidate:
        """This candidate or the next one that has room in every limit and budget, reserved.
        Raises when none has."""
        if self.account is None:
            return candidate
        while (skip := await self.account.open(candidate.model)) is not None:
            self.world.tell(NoRoom(self.decision, skip))
            following = self.chain.refused(skip)
            if following is None:
                if self.attempts:
                    raise self._exhausted()
                raise no_room(self.decision, self.chain.skipped, self.world.clock())
            candidate = following
        return candidate

    @property
    def request_body(self) -> Body:
        """What is sent in the running attempt: with the cap on the answer that was reserved."""
        cap = None if self.account is None else self.account.output_cap
        return self.body if cap is None else self.body.capped(cap)

    async def close(self) -> None:
        """Settles what the last attempt came to."""
        if self.account is not None:
            await self.account.close()

    def start(self, candidate: Candidate, limit: float) -> RunningAttempt:
        """Begins an attempt that may take `limit` seconds to its answer or first token."""
        self.running = RunningAttempt(candidate, self.world.clock(), self.world.monotonic(), limit)
        return self.running

    async def after(self, failure: Failure) -> Candidate:
        """Who is asked next after the current candidate failed, the wait before it included.
        Raises BadRequestError or AllModelsFailedError when nobody is."""
        step = self.chain.failed(failure, self.remaining())
        if step.move is Move.STOP:
            skipped = self.chain.leave(f"the request stops at {failure.kind}")
            status = failure.reaction.status
            raise BadRequestError(self.decision, self.attempts, skipped, status=status)
        if step.move is Move.RETRY:
            await self.world.sleep(self.world.random.uniform(*step.wait))
            candidate = self.chain.current
        else:
            candidate = self.chain.next() if step.move is Move.NEXT else None
        if candidate is None or self.remaining() < LEAST:
            raise self._exhausted()
        return await self._with_room(candidate)

    def failed(self, failure: Failure, usage: Usage = _NOTHING, said: int = 0) -> None:
        """Notes that the running attempt failed. said: bytes that had come out of it."""
        model = self._end(usage, failure, said)
        self._failures.append(failure)
        if self.world.health is not None:
            self.world.health.failed(model, failure, self.fallback.cooldown)

    def came(self, usage: Usage, said: int) -> None:
        """Notes that the running attempt has given an answer, before it is checked."""
        if self.running is not None:
            self.running.usage, self.running.said = usage, said

    def answered(self, usage: Usage, said: int, verdict: Verdict = PASSED) -> None:
        """Notes that the running attempt answered, and the request with it."""
        model = self._end(usage, None, said)
        if self.world.health is not None:
            self.world.health.answered(model)
        self.settled(model.name, verdict)

    def settled(self, served_by: str, verdict: Verdict) -> None:
        """Tells that the request has its answer."""
        self.served_by, self.verdict = served_by, verdict
        attempts, skipped = tuple(self.attempts), self.chain.skipped
        self.world.tell(
            Answered(
                self.decision, attempts, served_by, skipped, verdict.rejected, verdict.unchecked
            )
        )

    def unanswered(self, error: RoutingError) -> None:
        """Tells that the request ended without an answer."""
        stopped = isinstance(error, BadRequestError | NoCandidateError | InvalidRequestError)
        self._tell_exhausted(stopped, getattr(error, "retry_after", None))

    def cancelled(self) -> None:
        """Notes that the caller went away, unless it has its whole answer."""
        if self.served_by is not None:
            return
        if self.running is not None:
            unsent = self.running.wire.unsent
            gone = Failure(FailureKind.CANCELLED, "the caller went away", sent=not unsent)
            self._end(self.running.usage, gone, self.running.said)
        self._tell_exhausted(True, None)

    def late(self, started: RunningAttempt) -> Failure:
        """What it is when an attempt was cut off: the model's fault only when it had a fair
        amount of time, as an attempt at the end of a request has not."""
        kind = (
            FailureKind.TIMEOUT if started.limit >= self._fair * _ROUNDING else FailureKind.DEADLINE
        )
        detail = f"no answer within {started.limit:.3g} s"
        return Failure(kind, detail, sent=not started.wire.unsent)

    def attempt(
        self, started: RunningAttempt, usage: Usage, failure: Failure | None = None
    ) -> Attempt:
        """An attempt as it stands now."""
        model = started.candidate.model
        return Attempt(
            model=model.name,
            provider_model=model.provider_model,
            started=started.clock,
            seconds=self.world.monotonic() - started.monotonic,
            failure=None if failure is None else failure.kind.value,
            status=None if failure is None else failure.status,
            detail="" if failure is None else failure.detail,
            retry_after=None if failure is None else failure.retry_after,
            first_token=started.first_token,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
        )

    def _exhausted(self) -> RoutingError:
        """The error when nobody is left to ask. Where nothing failed but the request, that is what
        it tells; else the last failure that is not the request's own says the status."""
        skipped = self.chain.leave(self._why_left())
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
        now, health = self.world.clock(), self.world.health
        waits = [a.retry_after for a in self.attempts if a.retry_after is not None]
        times = [s.until for s in (*self.decision.skipped, *self.chain.skipped)]
        if health is not None:
            times += [health.until(c.model, now) for c in self.decision.candidates]
        waits += [max(until - now, 0.0) for until in times if until is not None]
        return min(waits, default=None)

    def _end(self, usage: Usage, failure: Failure | None, said: int) -> Model:
        """Files the running attempt; its model."""
        started, self.running = self.running, None
        if started is None:
            raise RuntimeError("no attempt is running")
        attempt = self.attempt(started, usage, failure)
        if self.account is not None:
            self.account.ended(usage, failure, said)
            actual = self.account.actual
            attempt = replace(
                attempt,
                cost=0 if actual is None else actual.cost,
                estimated=actual is not None and actual.estimated,
                overrun=self.account.overrun,
            )
        self.attempts.append(attempt)
        self.world.tell(Attempted(self.decision, attempt, failure))
        return started.candidate.model

    def _tell_exhausted(self, stopped: bool, wait: float | None) -> None:
        attempts = tuple(self.attempts)
        self.world.tell(Exhausted(self.decision, attempts, stopped, wait, self.chain.skipped))
