"""The chunks of one attempt, each within its time, to the end of a whole answer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.providers.answers.chat import NO_USAGE
from policy_router.providers.answers.completeness import Endings
from policy_router.providers.answers.tool_calls import ToolCalls
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind

if TYPE_CHECKING:
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.progress import Progress
    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.caller import Chunks
    from policy_router.providers.requests.body import Body


USAGE_WITHIN: Final = 2.0
"""Seconds for which the usage is waited for after the finish reason of each choice."""


class StreamAttempt:
    """The chunks of one attempt.

    Attributes:
        began: Whether a part of the answer arrived.
        usage: What the provider counted so far.
        produced: Bytes of the answer that arrived.
    """

    def __init__(self, progress: Progress, body: Body, attempt: RunningAttempt) -> None:
        self._progress = progress
        self._body = body
        self._attempt = attempt
        self._chunks: Chunks | None = None
        self._endings = Endings()
        self._tool_calls = ToolCalls()
        self._ended: float | None = None
        self.began = False
        self.usage = NO_USAGE
        self.produced = 0

    async def next(self) -> ChatChunk | None:
        """Waits for the next chunk.

        Returns:
            The chunk; None after the end of a whole answer.

        Raises:
            CallFailed: The answer is late, broken, empty or withheld by a filter.
        """
        chunk = await self._pull()
        if chunk is None:
            failure = self._endings.at_the_end()
            if failure is not None:
                raise CallFailed(failure)
            return None
        chunk = self._tool_calls.number(chunk)
        self._endings.add(chunk)
        if self._ended is None and self._endings.whole:
            self._ended = self._attempt.elapsed
        failure = self._endings.failure(chunk)
        if failure is not None:
            raise CallFailed(failure)
        if not self.began and chunk.has_output:
            self.began = True
            self._attempt.mark_first_token()
        self.produced += chunk.size
        return chunk

    @property
    def whole(self) -> bool:
        """Whether the answer is there up to the finish reason of each choice."""
        return self.began and self._endings.whole

    def charge(self) -> None:
        """Records what arrived, by which the attempt is charged."""
        self._attempt.usage, self._attempt.produced = self.usage, self.produced

    async def aclose(self) -> None:
        """Closes the connection to the provider."""
        if self._chunks is not None:
            await self._chunks.aclose()

    async def _pull(self) -> ChatChunk | None:
        """Waits for the next chunk that the caller of the stream gets; None at the end."""
        while True:
            try:
                chunk = await self._received()
            except StopAsyncIteration:
                return None
            except TimeoutError:
                if self._endings.whole:
                    return None
                failure = self._late()
            except CallFailed as failed:
                failure = failed.failure
            else:
                if chunk.usage is not None:
                    self.usage = chunk.usage
                if not chunk.is_usage_only:
                    return chunk
                if not self._body.wants_usage:
                    continue
                return replace(chunk, choices=())  # as OpenAI sends it; LiteLLM adds a choice
            if self.whole:
                return None  # the answer is whole, and only the usage after it is lost
            raise CallFailed(failure)

    async def _received(self) -> ChatChunk:
        """The next chunk of the caller. Raises TimeoutError when it is late."""
        while self._chunks is None:
            await self._attempt.wait(self._time_left(), self._open())
        limit = self._time_left()
        chunk = self._chunks.arrived()
        if chunk is None:
            chunk = await self._attempt.wait(limit, self._chunks.__anext__())
        return chunk

    async def _open(self) -> None:
        # Assigned inside what a timeout cuts off, so that a stream which just opened is closed.
        self._chunks = await self._attempt.stream(self._body)

    def _time_left(self) -> float:
        """Seconds that the next chunk may take. Raises TimeoutError when there are none."""
        limit = self._limit()
        if limit <= 0:
            raise TimeoutError
        return limit

    def _limit(self) -> float:
        """Seconds that the next chunk may take."""
        limit = self._attempt.limit - self._attempt.elapsed
        if self.began:
            stall = self._progress.stall(self._attempt.model)
            limit = min(stall, self._progress.remaining(), self._left())
        if self._ended is not None:
            limit = min(limit, self._ended + USAGE_WITHIN - self._attempt.elapsed)
        return limit

    def _left(self) -> float:
        """Seconds until the deadline of the model itself."""
        deadline = self._attempt.model.deadline
        return math.inf if deadline is None else deadline - self._attempt.elapsed

    def _late(self) -> Failure:
        if not self.began:
            return self._attempt.late()
        if self._progress.remaining() <= 0:
            return Failure(FailureKind.DEADLINE, "the deadline passed in the middle of the answer")
        model = self._attempt.model
        if self._left() <= 0:
            late = f"the answer took longer than the model's deadline of {model.deadline:.3g} s"
            return Failure(FailureKind.TIMEOUT, late)
        return Failure(FailureKind.TIMEOUT, f"no chunk for {self._progress.stall(model):.3g} s")
