"""The stream of an answer, as its caller reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from policy_router.providers.answers.chat import NO_USAGE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.findings import Finding
    from policy_router.execution.progress import Progress
    from policy_router.providers.answers.chat import ChatChunk


class AnswerStream:
    """An async iterator of chunks in OpenAI's shape, and an async context manager.

    Close it when you do not read it to the end: that closes the connection to the provider.
    Iterating raises StreamBrokenError when the answer breaks. One task reads it at a time.
    """

    def __init__(self, progress: Progress, chunks: AsyncGenerator[ChatChunk, None]) -> None:
        self._progress = progress
        self._chunks = chunks
        self._first: list[ChatChunk] = []

    async def begin(self) -> None:
        """Waits for the first chunk.

        Raises:
            RoutingError: There is none.
        """
        self._first = [await anext(self._chunks)]

    @property
    def decision(self) -> Decision:
        """The decision that is carried out."""
        return self._progress.decision

    @property
    def decision_id(self) -> str:
        """Id of the decision, which every event of the request carries."""
        return self._progress.decision.id

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call made so far, in order; the running one as it stands now."""
        running = self._progress.running
        done = tuple(self._progress.attempts)
        return done if running is None else (*done, running.record(NO_USAGE))

    @property
    def served_by(self) -> str:
        """Name of the model whose chunks these are, in the policy."""
        return self._progress.served_by or self.attempts[-1].model

    @property
    def rejected(self) -> tuple[Finding, ...]:
        """Checks that this answer failed, when no answer passed and it was the best."""
        return self._progress.verdict.rejected

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """Checks that could not be made."""
        return self._progress.verdict.unchecked

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        return self._first.pop() if self._first else await anext(self._chunks)

    async def aclose(self) -> None:
        """Ends the stream and closes its connection. Does nothing the second time."""
        self._first.clear()
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
