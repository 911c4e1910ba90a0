"""Carries decisions out, as whole answers or as streams."""

from __future__ import annotations

import asyncio
import random as _random
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from policy_router.acceptance.asking import CheckTools
from policy_router.acceptance.user_code import Functions
from policy_router.events import harmless
from policy_router.execution.answer import Answer
from policy_router.execution.delivery import WholeAnswer
from policy_router.execution.fallback_loop import answer_parts
from policy_router.execution.progress import ExecutorContext, Progress
from policy_router.execution.stream import AnswerStream
from policy_router.execution.stream_delivery import StreamDelivery
from policy_router.providers.user_caller import AdaptedCaller
from policy_router.resilience.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.domain.decision import Decision
    from policy_router.domain.fallback import Fallback
    from policy_router.events import Event
    from policy_router.execution.accounting import RequestAccount
    from policy_router.execution.cooldown import Cooldowns
    from policy_router.providers.caller import Body, UserCaller
    from policy_router.providers.user_caller import CallFunction


_CHECKING: Final = 2
"""Answers that are checked at a time, in threads: more would keep the event loop waiting for its
turn."""


def _ignore(_: Event) -> None:
    """The observer when there is none."""


class Executor:
    """Calls models as decisions say. Holds no state of a request; use one for all of them.

    caller: calls one model once. clock: Unix time; monotonic: for durations. observe: gets every
    event; what it raises is logged once and harms nobody. cooldowns: told of every failure.
    functions: those that policies may call; none unless given.
    """

    def __init__(
        self,
        caller: UserCaller | CallFunction,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: _random.Random | None = None,
        observe: Callable[[Event], None] = _ignore,
        cooldowns: Cooldowns | None = None,
        functions: Functions | None = None,
    ) -> None:
        dice = _random.Random() if random is None else random  # noqa: S311  jitter, not a secret
        functions = Functions() if functions is None else functions
        self._context = ExecutorContext(
            caller if isinstance(caller, AdaptedCaller) else AdaptedCaller(caller),
            clock,
            monotonic,
            cooldowns,
            sleep,
            dice,
            harmless(observe),
            CheckTools(functions, Threads(_CHECKING, "policy-router-checks")),
        )

    async def run(
        self,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        *,
        began: float | None = None,
    ) -> Answer:
        """A whole answer. account: reserves and settles each attempt; None when nobody counts.
        began: when the request did, by the monotonic clock, for its deadline; now unless given.

        Raises NoCandidateError, BadRequestError (the failure ends the request),
        AllModelsFailedError (no model is left, or the deadline passed).
        """
        progress = Progress(self._context, decision, fallback, body, account, began=began)
        async with aclosing(answer_parts(progress, WholeAnswer(progress))) as parts:
            (response,) = [part async for part in parts]
        verdict, served_by = progress.verdict, progress.served_by or ""
        attempts = tuple(progress.attempts)
        return Answer(response, decision, attempts, served_by, verdict.rejected, verdict.unchecked)

    async def stream(
        self,
        decision: Decision,
        fallback: Fallback,
        body: Body,
        account: RequestAccount | None = None,
        *,
        began: float | None = None,
    ) -> AnswerStream:
        """A stream of chunks; returns when the first of them is there, so that all that can be
        replaced silently has been. Raises as `run` does; iterating may raise StreamBrokenError.
        """
        progress = Progress(self._context, decision, fallback, body, account, began=began)
        stream = AnswerStream(progress, answer_parts(progress, StreamDelivery(progress)))
        await stream.begin()
        return stream
