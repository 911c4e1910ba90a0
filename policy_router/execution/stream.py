"""Streams an answer, and falls back silently for as long as nothing of it was given out.

After that the policy's `on_stream_break` decides: `error` raises StreamBrokenError; `resume` asks
again and goes on behind the text that was given out; `buffer` gives nothing out before the answer
is whole, so that it can fall back to the end. An answer that is to be checked is buffered always.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from policy_router.acceptance.best import FallbackAnswers, is_whole
from policy_router.acceptance.checks import PASSED
from policy_router.acceptance.run import run_checks
from policy_router.domain.fallback import OnBreak
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    RoutingError,
    StreamBrokenError,
)
from policy_router.execution.resume import ResumeFilter
from policy_router.execution.stream_attempt import StreamAttempt
from policy_router.providers.accumulate import joined
from policy_router.providers.chat import Usage
from policy_router.providers.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.decision import Attempt, Decision
    from policy_router.domain.findings import Finding
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.progress import Progress


class AnswerStream:
    """An async iterator of OpenAI-shaped chunks; also an async context manager.

    Close it when not reading to the end: that closes the connection to the provider. Iterating
    raises StreamBrokenError when the answer breaks. One task reads it at a time.
    """

    def __init__(self, progress: Progress, chunks: AsyncGenerator[Any, None]) -> None:
        self._progress = progress
        self._chunks = chunks
        self._first: list[Any] = []

    async def begin(self) -> None:
        """Waits for the first chunk. Raises RoutingError when none comes."""
        self._first = [await anext(self._chunks)]

    @property
    def decision(self) -> Decision:
        """The decision that is carried out."""
        return self._progress.decision

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call made so far, in order; the running one as it stands now."""
        running = self._progress.running
        done = tuple(self._progress.attempts)
        return done if running is None else (*done, running.record(Usage()))

    @property
    def served_by(self) -> str:
        """The policy's name of the model whose chunks these are."""
        return self._progress.served_by or self.attempts[-1].model

    @property
    def rejected(self) -> tuple[Finding, ...]:
        """Checks that this answer failed; then none passed, and it was the best."""
        return self._progress.verdict.rejected

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """Checks that could not be made."""
        return self._progress.verdict.unchecked

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._first.pop() if self._first else await anext(self._chunks)

    async def aclose(self) -> None:
        """Ends the stream and closes the connection below. Does nothing the second time."""
        self._first.clear()
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def play(progress: Progress) -> AsyncGenerator[Any, None]:
    """The chunks of a request's answer. Raises RoutingError."""
    try:
        async with aclosing(_play(progress)) as chunks:
            async for chunk in chunks:
                yield chunk
    except RoutingError as error:
        progress.unanswered(error)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        progress.cancelled()
        raise
    finally:
        await progress.close()


async def _play(progress: Progress) -> AsyncGenerator[Any, None]:
    told = ResumeFilter()
    spares: FallbackAnswers[list[Any]] = FallbackAnswers()
    attempt: RunningAttempt | None = await progress.first()
    while attempt is not None:
        progress.start(attempt, min(progress.fallback.first_token_within, progress.remaining()))
        feed = _Feed(progress, StreamAttempt(progress, attempt), told)
        failure = None
        try:
            while (batch := await feed.next()) is not None:
                for chunk in batch:
                    yield chunk
        except CallFailed as failed:
            failure = failed.failure
        except GeneratorExit:
            feed.left()
            raise
        finally:
            await feed.upstream.aclose()
        verdict = PASSED
        if told.began and failure is not None and failure.kind is FailureKind.EMPTY:
            failure = None  # it thought and said nothing, and what it thought went out already
        if is_whole(failure) and not told.began:
            verdict = await _examined(progress, feed)
            failure = spares.judged(verdict, failure, more=progress.chain.more)
            if failure is not None:
                spares.keep(attempt.model, verdict, feed.held)
        if failure is None:
            feed.upstream.charge()
            progress.answered(verdict)
            for chunk in feed.held:
                yield chunk
            return
        attempt = await _after(progress, told, failure, feed.upstream, spares)
    spare = spares.best()
    for chunk in spare.answer if spare is not None else ():
        yield chunk


async def _examined(progress: Progress, feed: _Feed) -> Verdict:
    if not progress.decision.accept:
        return PASSED
    feed.upstream.charge()
    return await run_checks(progress, joined(feed.held, feed.upstream.usage))


class _Feed:
    """Chunks on their way to the caller. held: those that must wait, for the first token or, when
    the policy buffers or the answer is to be checked, for the end."""

    def __init__(self, progress: Progress, upstream: StreamAttempt, told: ResumeFilter) -> None:
        self._progress = progress
        self._told = told
        buffers = progress.fallback.on_stream_break is OnBreak.BUFFER
        self._buffer = buffers or bool(progress.decision.accept)
        self.upstream = upstream
        self.held: list[Any] = []

    async def next(self) -> list[Any] | None:
        """The chunks that may go out now, if any; None at the end of the answer."""
        chunk = await self.upstream.next()
        if chunk is None:
            return None
        self.held.append(chunk)
        if self._buffer or not self.upstream.began:
            return []
        going, self.held = self.held, []
        return [new for each in going if (new := self._told.new(each)) is not None]

    def left(self) -> None:
        """The caller stopped reading: an answer if all of it had been read."""
        if self.upstream.whole:
            self.upstream.charge()
            self._progress.answered()


async def _after(
    progress: Progress,
    told: ResumeFilter,
    failure: Failure,
    upstream: StreamAttempt,
    spares: FallbackAnswers[list[Any]],
) -> RunningAttempt | None:
    """Who goes on after a failure; None when a spare answer has to do."""
    if told.began:
        return await _resumed(progress, told, failure, upstream)
    upstream.charge()
    progress.failed(failure)
    try:
        return await progress.after(failure)
    except (AllModelsFailedError, BadRequestError):
        spare = spares.best()
        if spare is None:
            raise
        progress.settled(spare.served_by, spare.verdict)
        return None


async def _resumed(
    progress: Progress, told: ResumeFilter, failure: Failure, upstream: StreamAttempt
) -> RunningAttempt:
    """Who goes on when the caller has a part of the answer. Raises StreamBrokenError when nobody
    may. An attempt that said nothing failed as it did; one that did is a broken stream."""
    late = failure.kind is FailureKind.DEADLINE
    detail = f"{failure.kind}: {failure.detail}"[:200]
    plain = late or not upstream.began
    broken = failure if plain else Failure(FailureKind.STREAM_BROKEN, detail, failure.status)
    upstream.charge()
    progress.failed(broken)
    resume = progress.fallback.on_stream_break is OnBreak.RESUME
    if late or not resume or not told.resumable:
        raise StreamBrokenError(progress.decision, progress.attempts)
    try:
        attempt = await progress.after(broken)
    except RoutingError as error:
        raise StreamBrokenError(progress.decision, progress.attempts) from error
    told.again()
    return attempt
