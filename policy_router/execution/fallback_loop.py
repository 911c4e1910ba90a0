"""Carries a decision out: calls its candidates in turn until one answers.

As long as the caller has received no part of an answer, a failure leads to the next model silently:
that is all of `answer_whole`. In `answer_parts`, the loop of a stream, the policy's
`on_stream_break` decides after that: `error` raises StreamBrokenError, `resume` calls again and
continues after the text that was given out, `buffer` gives nothing out before the answer is whole.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from policy_router.acceptance.best import FallbackAnswer, FallbackAnswers, is_whole
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
    from policy_router.domain.models import Model
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.delivery import WholeDelivery
    from policy_router.execution.progress import Progress
    from policy_router.execution.stream_delivery import StreamDelivery, StreamFeed
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk

T = TypeVar("T")


async def answer_whole(progress: Progress, delivery: WholeDelivery[T]) -> T:
    """Returns a request's answer in one piece, and settles and reports how the request ended.

    Raises:
        RoutingError: The request gets no answer.
    """
    try:
        return await _fall_back_whole(progress, delivery)
    except RoutingError as error:
        progress.unanswered(error)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        progress.cancelled()
        raise
    finally:
        await progress.close()


async def _fall_back_whole(progress: Progress, delivery: WholeDelivery[T]) -> T:
    best: FallbackAnswers[T] = FallbackAnswers()
    attempt = await progress.first()
    while True:
        progress.start(attempt, _limit_of_whole(progress, attempt.model))
        verdict = PASSED
        failure: Failure | None
        try:
            answer = await delivery.call(attempt)
        except CallFailed as failed:
            failure = failed.failure
        else:
            failure = delivery.flaw(answer)
            if failure is None or is_whole(failure):
                accept = progress.decision.accept
                if failure is not None or accept:
                    checked = delivery.checkable(answer) if accept else None
                    verdict, failure = await _judged(progress, checked, failure, best)
                if failure is None:
                    progress.answered(verdict)
                    return answer
                best.keep(attempt.model, verdict, answer)
        following = await _next_attempt(progress, failure, verdict, best)
        if isinstance(following, FallbackAnswer):
            return following.answer
        attempt = following


def _limit_of_whole(progress: Progress, model: Model) -> float:
    """Seconds that an attempt of a model may take to a whole answer.

    Such an answer shows no progress before it is complete, so an attempt that may have a successor
    gets half of the time that is left, and the last one gets all of it: a model that hangs can
    always be replaced.
    """
    share = progress.share()
    return share if model.deadline is None else min(share, model.deadline)


async def answer_parts(
    progress: Progress, delivery: StreamDelivery
) -> AsyncGenerator[ChatChunk, None]:
    """Yields the chunks of a request's answer, and settles and reports how the request ended.

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


async def _fall_back(
    progress: Progress, delivery: StreamDelivery
) -> AsyncGenerator[ChatChunk, None]:
    best: FallbackAnswers[list[ChatChunk]] = FallbackAnswers()
    attempt = await progress.first()
    while True:
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
            verdict, failure = await _judged_chunks(progress, attempt, feed, failure, best)
        if failure is None:
            progress.answered(verdict)
            held = feed.held
            break
        following: RunningAttempt | FallbackAnswer[list[ChatChunk]] = (
            await _resumed(progress, delivery, attempt, failure)
            if delivery.began
            else await _next_attempt(progress, failure, verdict, best)
        )
        if isinstance(following, FallbackAnswer):
            held = following.answer
            break
        attempt = following
    for piece in held:
        yield piece


def _without_empty(failure: Failure | None) -> Failure | None:
    """A stream that gave out some thinking and then no text has answered."""
    return None if failure is not None and failure.kind is FailureKind.EMPTY else failure


async def _judged_chunks(
    progress: Progress,
    attempt: RunningAttempt,
    feed: StreamFeed,
    failure: Failure | None,
    best: FallbackAnswers[list[ChatChunk]],
) -> tuple[Verdict, Failure | None]:
    """The verdict on an answer of which nothing was given out, and why it is not given out; a
    rejected one is kept in case no model gives a better one."""
    if not is_whole(failure):
        return PASSED, failure
    checked = feed.answer() if progress.decision.accept else None
    verdict, failure = await _judged(progress, checked, failure, best)
    if failure is not None:
        best.keep(attempt.model, verdict, feed.held)
    return verdict, failure


async def _judged(
    progress: Progress,
    answer: ChatAnswer | None,
    failure: Failure | None,
    best: FallbackAnswers[T],
) -> tuple[Verdict, Failure | None]:
    """The verdict on a complete answer, and why it is not given out.

    Args:
        progress: The request.
        answer: What is checked; None when nothing is.
        failure: EMPTY for an empty answer, else None.
        best: The rejected answers of the request.
    """
    progress.answer_complete()
    verdict = PASSED if answer is None else await run_checks(CheckedProgress(progress), answer)
    return verdict, best.judged(verdict, failure, more=progress.chain.more)


async def _next_attempt(
    progress: Progress, failure: Failure, verdict: Verdict, best: FallbackAnswers[T]
) -> RunningAttempt | FallbackAnswer[T]:
    """The attempt after one that failed, or an earlier answer that is given out after all."""
    progress.failed(failure, verdict)
    try:
        return await progress.after(failure)
    except (AllModelsFailedError, BadRequestError):
        stand_in = best.best()
        if stand_in is None:
            raise
        progress.stand_in(stand_in.served_by, stand_in.verdict)
        return stand_in


async def _resumed(
    progress: Progress, delivery: StreamDelivery, attempt: RunningAttempt, failure: Failure
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
