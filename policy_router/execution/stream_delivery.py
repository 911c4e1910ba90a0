"""Chunks on their way from the attempts of a request to the reader of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.fallback import OnBreak
from policy_router.execution.resume import ResumeFilter
from policy_router.execution.stream_attempt import StreamAttempt
from policy_router.providers.answers.accumulate import join_chunks
from policy_router.providers.failures.failure import CallFailed

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.progress import Progress
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk
    from policy_router.providers.requests.body import Body


class StreamDelivery:
    """Delivers the chunks of a stream.

    An attempt has a limit of its own until its first token. Before it, another model can take over
    silently; after it, only where the policy says `on_stream_break: resume`.
    """

    def __init__(self, progress: Progress, body: Body) -> None:
        self._progress = progress
        self._body = body
        self._given_out = ResumeFilter()

    @property
    def began(self) -> bool:
        """Whether the reader has a part of the answer."""
        return self._given_out.began

    @property
    def resumable(self) -> bool:
        """Whether another attempt may continue what the reader has."""
        resumes = self._progress.fallback.on_stream_break is OnBreak.RESUME
        return resumes and self._given_out.resumable

    def limit(self, model: Model) -> float:
        """Seconds that an attempt of a model may take to its first token."""
        limit = min(self._progress.patience(model), self._progress.remaining())
        return limit if model.deadline is None else min(limit, model.deadline)

    def feed(self, attempt: RunningAttempt) -> StreamFeed:
        """The chunks of an attempt."""
        return StreamFeed(self._progress, self._body, attempt, self._given_out)

    def resume(self) -> None:
        """Makes the next attempt continue what the reader has."""
        self._given_out.again()


class StreamFeed:
    """The chunks of one attempt.

    Attributes:
        held: Chunks that must wait: for the first token or, when the policy buffers or the answer
            is to be checked, for the end.
    """

    def __init__(
        self, progress: Progress, body: Body, attempt: RunningAttempt, given_out: ResumeFilter
    ) -> None:
        self._attempt = attempt
        self._chunks = StreamAttempt(progress, body, attempt)
        self._given_out = given_out
        buffers = progress.fallback.on_stream_break is OnBreak.BUFFER
        self._buffer = buffers or bool(progress.decision.accept)
        self.held: list[ChatChunk] = []

    async def next(self) -> list[ChatChunk] | None:
        """Waits for a chunk.

        Returns:
            The chunks that may be given out now; None at the end of the answer.
        """
        try:
            chunk = await self._chunks.next()
            if chunk is None:
                self._chunks.charge()
                return None
            self.held.append(chunk)
            if self._buffer or not self._chunks.began:
                return []
            ready, self.held = self.held, []
            return [new for held in ready if (new := self._given_out.new(held)) is not None]
        except CallFailed:
            self._chunks.charge()
            raise

    def leave(self) -> bool:
        """Notes that the reader stopped; an answer that is there up to the finish reason of each
        choice is whole, and charged by what arrived."""
        if self._chunks.whole:
            self._chunks.charge()
        return self._chunks.whole

    def answer(self) -> ChatAnswer:
        """The whole answer."""
        return join_chunks(self.held, self._attempt.usage)

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._chunks.aclose()
