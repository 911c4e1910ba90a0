"""Carries decisions out, as whole answers or as streams."""

from __future__ import annotations

import asyncio
import random as _random
import time
from typing import TYPE_CHECKING, Final, Unpack

from policy_router.acceptance.checked_request import CheckTools
from policy_router.acceptance.user_code import Functions
from policy_router.event_source import EventSource
from policy_router.execution.answer import Answer
from policy_router.execution.delivery import ChatDelivery, EmbeddingDelivery
from policy_router.execution.embeddings import Embeddings
from policy_router.execution.fallback_loop import answer_parts, answer_whole
from policy_router.execution.progress import ExecutorContext, Progress, RequestTerms
from policy_router.execution.stream import AnswerStream
from policy_router.execution.stream_delivery import StreamDelivery
from policy_router.frozen import maker
from policy_router.providers.user_caller import AdaptedCaller
from policy_router.resilience.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.domain.decision import Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.execution.accounts.account import RequestAccount
    from policy_router.execution.attempt import CallContext
    from policy_router.execution.bulkhead import Bulkheads
    from policy_router.execution.health.cooldown import Cooldowns
    from policy_router.providers.caller import UserCaller
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody
    from policy_router.providers.user_caller import CallFunction


_new_answer: Final = maker(Answer)
_CHECKING: Final = 2
"""Answers that are checked at a time, in threads: more would keep the event loop waiting for its
turn."""


class Executor:
    """Carries out decisions. Holds no state of a request; use one for all of them."""

    def __init__(
        self,
        caller: UserCaller | CallFunction,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: _random.Random | None = None,
        events: EventSource | None = None,
        cooldowns: Cooldowns | None = None,
        functions: Functions | None = None,
    ) -> None:
        """Makes an executor.

        Args:
            caller: Calls a model once.
            clock: Unix time in seconds.
            monotonic: Seconds from any origin, for durations.
            sleep: Waits for a number of seconds.
            random: Draws the wait before a retry.
            events: Receives the events of each request. Default: they are dropped.
            cooldowns: Receives how each call ended. Default: nothing cools down.
            functions: The functions that policies may call. Default: none.
        """
        dice = _random.Random() if random is None else random  # noqa: S311  jitter, not a secret
        functions = Functions() if functions is None else functions
        self._context = ExecutorContext(
            caller if isinstance(caller, AdaptedCaller) else AdaptedCaller(caller),
            clock,
            monotonic,
            cooldowns,
            sleep,
            dice,
            EventSource(clock=clock) if events is None else events,
            CheckTools(functions, Threads(_CHECKING, "policy-router-checks")),
        )

    @property
    def calls(self) -> CallContext:
        """What every call of a model needs, for a program that makes calls itself."""
        return self._context

    @property
    def bulkheads(self) -> Bulkheads:
        """The calls under way, by server, for others that call the same models."""
        return self._context.bulkheads

    async def run(
        self,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        **terms: Unpack[RequestTerms],
    ) -> Answer:
        """Returns a whole answer.

        Args:
            decision: What to carry out. One without an id gets one.
            fallback: What follows a failure.
            body: What is sent.
            account: Reserves and settles each attempt; None when nothing is counted.
            terms: When it began, how long it may take, and the session that it belongs to.

        Raises:
            NoCandidateError: No model may be called.
            BadRequestError: The request itself was refused.
            AllModelsFailedError: No model is left, or the deadline passed.
        """
        progress = Progress(self._context, decision, fallback, body["messages"], account, **terms)
        response = await answer_whole(progress, ChatDelivery(body))
        verdict, served_by = progress.verdict, progress.served_by or ""
        attempts = tuple(progress.attempts)
        return _new_answer(
            response, progress.decision, attempts, served_by, verdict.rejected, verdict.unchecked
        )

    async def embed(
        self,
        decision: Decision,
        fallback: Fallback,
        body: EmbeddingBody,
        account: RequestAccount | None = None,
        **terms: Unpack[RequestTerms],
    ) -> Embeddings:
        """Returns embeddings. Takes and raises what `run` does, without a session."""
        progress = Progress(self._context, decision, fallback, (), account, **terms)
        response = await answer_whole(progress, EmbeddingDelivery(body))
        attempts = tuple(progress.attempts)
        return Embeddings(response, progress.decision, attempts, progress.served_by or "")

    async def stream(
        self,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        **terms: Unpack[RequestTerms],
    ) -> AnswerStream:
        """Returns a stream once its first chunk is there: until then, another model can take over.

        Takes and raises what `run` does; iterating may raise StreamBrokenError.
        """
        progress = Progress(self._context, decision, fallback, body["messages"], account, **terms)
        stream = AnswerStream(progress, answer_parts(progress, StreamDelivery(progress, body)))
        await stream.begin()
        return stream
