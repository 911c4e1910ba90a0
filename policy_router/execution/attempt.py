"""One call of one model, from its reservation to its settlement.

Answers, streams, judges and estimators all call models through a `RunningAttempt`:

    attempt = RunningAttempt(context, model, account=account, cooldown=cooldown, fair=10.0)
    skip = await attempt.reserve()           # None: the call may be made
    attempt.start(limit=30.0)
    answer = await attempt.call(body)        # raises CallFailed
    attempt.end(None)                        # or the failure: charged, and counted for cooldowns
    await attempt.settle()                   # when no further attempt follows on this account
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from policy_router.domain.attempt import Attempt
from policy_router.domain.decision import Reason, Skip
from policy_router.execution.bulkhead import Bulkheads
from policy_router.execution.endpoints import KeyTurns, at_address
from policy_router.execution.health.breaker_scope import user_at_fault
from policy_router.execution.retry_budget import RetryBudget
from policy_router.frozen import maker
from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.deadline import within
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope
from policy_router.providers.http.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

    from policy_router.domain.fallback import Cooldown, Degraded
    from policy_router.domain.models import Model
    from policy_router.execution.accounts.account import RequestAccount
    from policy_router.execution.bulkhead import Place
    from policy_router.execution.health.cooldown import Cooldowns
    from policy_router.execution.model_memory import ModelMemory
    from policy_router.providers.answers.chat import ChatAnswer, Usage
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.caller import Caller, Chunks
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

T = TypeVar("T")
SOON: Final = 1.0
"""Seconds after which it is worth another try where a server had too many calls under way."""
_new_attempt: Final = maker(Attempt)
_ROUNDING: Final = 0.99
"""The limit of an attempt is read from a clock that has moved a little since the request began."""


@dataclass(slots=True)
class CallContext:
    """What every call of a model needs from its surroundings.

    Attributes:
        caller: Calls a model once.
        clock: Unix time in seconds.
        monotonic: Seconds from any origin, for durations.
        cooldowns: Receives how each attempt ended; None when nothing cools down.
        turns: Which of several keys of a model is used next.
        bulkheads: The calls under way, by server.
        retries: How many calls may be repeated.
        environment: The value of an environment variable.
        memory: Keeps models in the memory of their servers; None leaves that to the servers.
    """

    caller: Caller
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    cooldowns: Cooldowns | None
    turns: KeyTurns = field(default_factory=KeyTurns, kw_only=True)
    bulkheads: Bulkheads = field(default_factory=Bulkheads, kw_only=True)
    retries: RetryBudget = field(default_factory=RetryBudget, kw_only=True)
    environment: Callable[[str], str | None] = field(default=os.environ.get, kw_only=True)
    memory: ModelMemory | None = field(default=None, kw_only=True)


class RunningAttempt:
    """One call of one model. Not shared between tasks.

    Attributes:
        model: The model that is called.
        called: The same, with the key that it is called with.
        limit: Seconds that the call may take to its answer, or to its first token.
        started: Unix time at which the call began.
        first_token: Seconds from the start to the first token of a stream; None before it.
        usage: Tokens that the provider counted, as far as they are to be charged.
        produced: Bytes of the answer that are to be charged.
    """

    def __init__(
        self,
        context: CallContext,
        model: Model,
        *,
        account: RequestAccount | None,
        cooldown: Cooldown,
        degraded: Degraded | None = None,
        fair: float,
        tried: Container[str] = (),
        user: str | None = None,
    ) -> None:
        """Prepares an attempt; nothing is reserved or sent yet.

        Args:
            context: How models are called.
            model: The model to call.
            account: Reserves and settles; None when nothing is counted.
            cooldown: When failures put the model in cooldown.
            degraded: When the model counts as worse than usual; None never.
            fair: Seconds from which a timeout is the model's fault. An attempt at the end of a
                request may get less, and then says nothing about the model.
            tried: Variables of keys that the request has tried with this model.
            user: The user of the request; None where it names none.
        """
        self.model = model
        self.called = model
        self.limit = 0.0
        self.started = 0.0
        self.first_token: float | None = None
        self.usage = NO_USAGE
        self.produced = 0
        self._context = context
        self._account = account
        self._cooldown = cooldown
        self._degraded = degraded
        self._fair = fair
        self._tried = tried
        self._user = user
        self._began = 0.0
        self._wire = Wire()
        self._probes: tuple[str, ...] = ()
        self._place: Place | None = None
        self._unused = False
        self._in_memory: Model | None = None

    async def reserve(self, patience: float = 0.0) -> Skip | None:
        """Reserves the most that the attempt may use, ending the attempt before it on the account.

        Args:
            patience: Seconds to wait while the model's server has too many calls under way.

        Returns:
            None when it may be made, else the limit or budget without room for it, the server that
            is busy, or the cooldown of the model: another call may have begun to probe it since the
            decision.
        """
        self._place = await self._context.bulkheads.enter(self.model, patience)
        if self._place is None:
            return self._busy()
        skip: Skip | None = None
        reserved = False
        try:
            skip = await self._admit()
            reserved = self._unused = skip is None
        finally:
            if not reserved:
                self._withdraw()
        return skip

    async def _admit(self) -> Skip | None:
        cooldowns = self._context.cooldowns
        if cooldowns is not None:
            admission = await cooldowns.admitted(self.model, self._user)
            if admission.blocked_until is not None:
                return self._blocked(admission.blocked_until)
            self._probes = admission.probes
        return None if self._account is None else await self._account.open(self.model)

    def _withdraw(self) -> None:
        """Gives back the place at the server, and the right to probe the model."""
        self._leave()
        if self._context.cooldowns is not None:
            self._context.cooldowns.withdrawn(self._probes)
            self._probes = ()

    def _busy(self) -> Skip:
        most = self.model.max_connections
        detail = f"its server has {most} calls under way, the most that `max_connections` allows"
        until = self._context.clock() + SOON
        return Skip(self.model.name, Reason.BUSY, detail, until, self.model.span)

    def _blocked(self, until: float) -> Skip:
        detail = "in cooldown after failures"
        return Skip(self.model.name, Reason.COOLING, detail, until, self.model.span)

    def drop(self) -> None:
        """Gives the reservation back: the call is not made."""
        self._unused = False
        self._withdraw()
        if self._account is not None:
            self._account.unused()

    def start(self, limit: float) -> None:
        """Starts the clock of an attempt that may take `limit` seconds."""
        self.limit, self._unused = limit, False
        context = self._context
        self.started = now = context.clock()
        self.called = context.turns.next(self.model, self._tried, context.cooldowns, now)
        self._began = self._context.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._context.monotonic() - self._began

    async def call(self, body: Body) -> ChatAnswer:
        """Calls the model for a whole answer, which is charged from here on.

        Raises:
            CallFailed: The call failed or took longer than its limit.
        """
        called = await self._ready()
        work = self._context.caller.call(called, self._sent(body), self.limit)
        answer = await self._in_time(work)
        self.usage, self.produced = answer.usage or NO_USAGE, answer.size
        return answer

    async def embed(self, body: EmbeddingBody) -> EmbeddingAnswer:
        """Calls the model for embeddings, which are charged from here on.

        Raises:
            CallFailed: The call failed or took longer than its limit.
        """
        called = await self._ready()
        work = self._context.caller.embed(called, body.sent_to(self.model), self.limit)
        answer = await self._in_time(work)
        self.usage = answer.usage or NO_USAGE
        return answer

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            return await within(self.limit, work, self._wire)
        except TimeoutError:
            raise CallFailed(self.late()) from None

    async def stream(self, body: Body) -> Chunks:
        """Calls the model for a stream of chunks. The reader measures the time of each.

        Raises:
            CallFailed: The call failed.
        """
        called = await self._ready()
        return await self._context.caller.stream(called, self._sent(body), self.limit)

    async def _ready(self) -> Model:
        """The model with its address, loaded by its server first where it has `keep_loaded`."""
        called = at_address(self.called, self._context.environment)
        memory = self._context.memory
        if memory is not None and called.keep_loaded is not None:
            self._in_memory = called
            await self._in_time(memory.enter(called))
        return called

    async def wait(self, seconds: float, work: Awaitable[T]) -> T:
        """Awaits a piece of the call and records what its connection sees.

        Raises:
            TimeoutError: It took longer than `seconds`.
        """
        return await within(seconds, work, self._wire)

    def mark_first_token(self) -> None:
        """Records when the first token arrived."""
        self.first_token = self.elapsed

    def late(self) -> Failure:
        """The failure of an attempt that took longer than its limit."""
        fair = self.limit >= self._fair * _ROUNDING
        kind = FailureKind.TIMEOUT if fair else FailureKind.DEADLINE
        return Failure(kind, f"no answer within {self.limit:.3g} s", sent=not self._wire.unsent)

    def cancelled(self) -> Failure:
        """The failure of an attempt whose caller no longer waits for it."""
        detail = "the caller stopped waiting"
        return Failure(FailureKind.CANCELLED, detail, sent=not self._wire.unsent)

    def record(
        self,
        counted: Usage,
        failure: Failure | None = None,
        cost: int | None = None,
        *,
        estimated: bool = False,
        overrun: bool = False,
    ) -> Attempt:
        """The attempt as it stands now; without a cost as long as it has none."""
        return _new_attempt(
            model=self.model.name,
            provider_model=self.model.provider_model,
            started=self.started,
            seconds=self.elapsed,
            failure=None if failure is None else failure.kind.value,
            status=None if failure is None else failure.status,
            detail="" if failure is None else failure.detail,
            retry_after=None if failure is None else failure.retry_after,
            first_token=self.first_token,
            tokens_in=counted.prompt_tokens,
            tokens_out=counted.completion_tokens,
            tokens_cached=None if counted.prompt_tokens is None else counted.cached_tokens,
            cost_nano_usd=cost,
            estimated=estimated,
            overrun=overrun,
            key_env=self.called.api_key_env,
            prompt=None if self.model.prompt is None else self.model.prompt.name,
        )

    def end(self, failure: Failure | None) -> Attempt:
        """Ends the attempt: notes its charge, and what it shows about the model's health.

        The charge is settled when the account is used next, or by `settle`.
        """
        self._leave()
        if self._in_memory is not None and self._context.memory is not None:
            self._context.memory.leave(self._in_memory)
            self._in_memory = None
        if self._account is None:
            attempt = self.record(self.usage, failure)
        else:
            self._account.ended(self.usage, failure, self.produced, self.started or None)
            actual = self._account.actual
            attempt = self.record(
                self.usage,
                failure,
                0 if actual is None else actual.cost,
                estimated=actual is not None and actual.estimated,
                overrun=self._account.overrun,
            )
        if self._context.cooldowns is not None:
            self._note_health(self._context.cooldowns, failure, attempt)
        return attempt

    def _note_health(self, cooldowns: Cooldowns, failure: Failure | None, attempt: Attempt) -> None:
        if failure is None:
            cooldowns.answered(self.called, self._cooldown, self._probes)
        else:
            cooldowns.failed(self.called, failure, self._cooldown, self._probes, self._user)
        if self._degraded is None or (
            failure is not None and failure.scope is FailureScope.REQUEST
        ):
            return
        latency = attempt.seconds if attempt.first_token is None else attempt.first_token
        cooldowns.degradation.note(
            self.model,
            self._degraded,
            self._context.clock(),
            latency if failure is None else None,
            self._user if failure is None else user_at_fault(self._user, failure),
        )

    async def settle(self) -> None:
        """Settles what is noted on the account; a call that was not made is given back. Never
        raises."""
        if self._unused:
            self.drop()
        if self._account is not None:
            await self._account.close()

    def _leave(self) -> None:
        """Lets another call of the same server begin."""
        if self._place is not None:
            self._place.leave()

    def _sent(self, body: Body) -> Body:
        """The body with what the policy sets for the model, and the cap that was reserved."""
        body = body.sent_to(self.model)
        cap = None if self._account is None else self._account.output_cap
        return body if cap is None else body.capped(cap)
