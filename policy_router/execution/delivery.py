"""How the parts of an answer reach the caller of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from policy_router.providers.answers.completeness import answer_failure
from policy_router.providers.failures.failure import CallFailed

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.progress import Progress
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.requests.body import Body

T = TypeVar("T")


class Feed(Protocol[T]):
    """The answer of one attempt, as it arrives.

    Attributes:
        held: Parts that arrived and may not be given out yet.
    """

    held: list[T]

    async def next(self) -> list[T] | None:
        """Waits for something to arrive.

        Returns:
            The parts that may be given out now; None at the end of a whole answer.

        Raises:
            CallFailed: The attempt failed; what arrived of it is charged.
        """

    def leave(self) -> bool:
        """Notes that the caller stopped reading.

        Returns:
            Whether the answer is whole, though the provider may send more; then what arrived of it
            is charged.
        """

    def answer(self) -> ChatAnswer | None:
        """The whole answer, made of what is held; None where it is none that can be checked."""

    async def aclose(self) -> None:
        """Closes the connection of the attempt."""


class Delivery(Protocol[T]):
    """The way from the attempts of a request to its caller."""

    @property
    def began(self) -> bool:
        """Whether the caller has a part of the answer."""

    @property
    def resumable(self) -> bool:
        """Whether another attempt may continue what the caller has."""

    def limit(self, model: Model) -> float:
        """Seconds that an attempt of a model may take to its answer or first token."""

    def feed(self, attempt: RunningAttempt) -> Feed[T]:
        """The answer of an attempt."""

    def resume(self) -> None:
        """Makes the next attempt continue what the caller has."""


class WholeAnswer:
    """Delivers one whole answer.

    A whole answer shows no progress before it is complete, so an attempt that may have a successor
    gets half of the time that is left, and the last one gets all of it: a model that hangs can
    always be replaced.
    """

    began = False
    resumable = False

    def __init__(self, progress: Progress, body: Body) -> None:
        self._progress = progress
        self._body = body

    def limit(self, model: Model) -> float:
        """Seconds that an attempt of a model may take."""
        share = self._progress.share()
        return share if model.deadline is None else min(share, model.deadline)

    def feed(self, attempt: RunningAttempt) -> AnswerFeed:
        """The answer of an attempt."""
        return AnswerFeed(self._body, attempt)

    def resume(self) -> None:
        """Nothing is given out before the end, so there is nothing to continue."""


class AnswerFeed:
    """A whole answer of one attempt, as its only part."""

    def __init__(self, body: Body, attempt: RunningAttempt) -> None:
        self._body = body
        self._attempt = attempt
        self.held: list[ChatAnswer] = []

    async def next(self) -> list[ChatAnswer] | None:
        """Calls the model, and gives out nothing before the end."""
        if self.held:
            return None
        answer = await self._attempt.call(self._body)
        self.held.append(answer)
        failure = answer_failure(answer)
        if failure is not None:
            raise CallFailed(failure)
        return []

    def leave(self) -> bool:
        """Nothing is read before the end."""
        return False

    def answer(self) -> ChatAnswer:
        """The whole answer."""
        return self.held[0]

    async def aclose(self) -> None:
        """Nothing is open between two calls."""
