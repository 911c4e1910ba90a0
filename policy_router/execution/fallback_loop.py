"""Carries a decision out: calls its candidates in turn until one answers.

Answers and streams follow the same path and differ only in their `Delivery`. As long as the caller
has received no part of an answer, a failure leads to the next model silently. After that the
policy's `on_stream_break` decides: `error` raises StreamBrokenError, `resume` calls again and
continues after the text that was given out, `buffer` gives nothing out before the answer is whole.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from policy_router.acceptance.best import FallbackAnswers, is_whole
from policy_router.acceptance.checks import PASSED
from policy_router.acceptance.run import run_checks
from policy_router.domain.fallback import FaultClass
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    RoutingError,
    StreamBrokenError,
)
from policy_router.execution.checking import CheckedProgress
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from policy_router.acceptance.checks import Verdict
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.delivery import Delivery, Feed
    from policy_router.execution.progress import Progress

T = TypeVar("T")


async def answer_parts(progress: Progress, delivery: Delivery[T]) -> AsyncGenerator[T, None]:
    """Yields the parts of a request's answer, and settles and reports how the request ended.

    Raises:
        RoutingError: The request gets no answer, or no complete one.
    """
    try:
        async with aclosing(_fall_back(progress, delivery)) as parts:
            async for part in parts:
                yield part
    except RoutingError as error:
        progress.unanswered(error)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        progress.cancelled()
        raise
    finally:
        await progress.close()


async def _fall_back(progress: Progress, delivery: Delivery[T]) -> AsyncGenerator[T, None]:
    best: FallbackAnswers[list[T]] = FallbackAnswers()
    attempt: RunningAttempt | None = await progress.first()
    while attempt is not None:
        progress.start(attempt, delivery.limit(attempt.model))
        feed = delivery.feed(attempt)
        failure: Failure | None = None
        try:
            while (pieces := await feed.next()) is not None:
                for piece in pieces:
                    yield piece
        except CallFailed as failed:
            failure = failed.failure
        except GeneratorExit:
            if feed.leave():  # the caller stopped reading, and had read all of it
                progress.answered()
            raise
        finally:
            await feed.aclose()
        if delivery.began:
            verdict, failure = PASSED, _without_empty(failure)
        else:
            verdict, failure = await _checked(progress, attempt, feed, failure, best)
        if failure is None:
            progress.answered(verdict)
            for piece in feed.held:
                yield piece
            return
        attempt = await _next_attempt(progress, delivery, attempt, (failure, verdict), best)
    stand_in = best.best()
    for piece in stand_in.answer if stand_in is not None else ():
        yield piece


def _without_empty(failure: Failure | None) -> Failure | None:
    """A stream that gave out some thinking and then no text has answered."""
    return None if failure is not None and failure.kind is FailureKind.EMPTY else failure


async def _checked(
    progress: Progress,
    attempt: RunningAttempt,
    feed: Feed[T],
    failure: Failure | None,
    best: FallbackAnswers[list[T]],
) -> tuple[Verdict, Failure | None]:
    """The verdict on a complete answer, and why it is not given out; a rejected one is kept in case
    no model gives a better one."""
    verdict = PASSED
    if not is_whole(failure):
        return verdict, failure
    progress.answer_complete()
    answer = feed.answer() if progress.decision.accept else None
    if answer is not None:
        verdict = await run_checks(CheckedProgress(progress), answer)
    failure = best.judged(verdict, failure, more=progress.chain.more)
    if failure is not None:
        best.keep(attempt.model, verdict, feed.held)
    return verdict, failure


async def _next_attempt(
    progress: Progress,
    delivery: Delivery[T],
    attempt: RunningAttempt,
    ending: tuple[Failure, Verdict],
    best: FallbackAnswers[list[T]],
) -> RunningAttempt | None:
    """The attempt after one that failed; None when an earlier answer is given out."""
    failure, verdict = ending
    if delivery.began:
        return await _resumed(progress, delivery, attempt, failure)
    progress.failed(failure, verdict)
    try:
        return await progress.after(failure)
    except (AllModelsFailedError, BadRequestError):
        stand_in = best.best()
        if stand_in is None:
            raise
        progress.stand_in(stand_in.served_by, stand_in.verdict)
        return None


async def _resumed(
    progress: Progress, delivery: Delivery[T], attempt: RunningAttempt, failure: Failure
) -> RunningAttempt:
    """The attempt that continues what the caller has.

    Where the provider failed after the first token, the stream broke. What it says about the
    request, such as a filter of its content, and a pause that is too long keep their own reaction:
    after a pause, the next model is called and not the silent one again.

    Raises:
        StreamBrokenError: None may continue it.
    """
    late = failure.kind is FailureKind.DEADLINE
    broke = failure.fault is FaultClass.SERVER_ERROR and failure.scope is not FailureScope.REQUEST
    if broke and attempt.first_token is not None:
        detail = f"{failure.kind}: {failure.detail}"[:200]
        failure = Failure(FailureKind.STREAM_BROKEN, detail, failure.status)
    progress.failed(failure)
    if late or not delivery.resumable:
        raise StreamBrokenError(progress.decision, progress.attempts)
    try:
        following = await progress.after(failure)
    except RoutingError as error:
        raise StreamBrokenError(progress.decision, progress.attempts) from error
    delivery.resume()
    return following
