"""What is called for an answer that its caller gets in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from policy_router.providers.answers.completeness import answer_failure

if TYPE_CHECKING:
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.failures.failure import Failure
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

T = TypeVar("T")


class WholeDelivery(Protocol[T]):
    """Gets a whole answer from an attempt."""

    async def call(self, attempt: RunningAttempt) -> T:
        """The answer of an attempt.

        Raises:
            CallFailed: There is none.
        """

    def flaw(self, answer: T) -> Failure | None:
        """Why an answer is of no use, though the call of the model succeeded; None for a good
        one."""

    def checkable(self, answer: T) -> ChatAnswer | None:
        """What the checks of the policy get; None for what they are not about."""


class ChatDelivery:
    """Gets an answer to a chat."""

    __slots__ = ("_body",)

    def __init__(self, body: Body) -> None:
        self._body = body

    async def call(self, attempt: RunningAttempt) -> ChatAnswer:
        """See WholeDelivery."""
        return await attempt.call(self._body)

    def flaw(self, answer: ChatAnswer) -> Failure | None:
        """See WholeDelivery."""
        return answer_failure(answer)

    def checkable(self, answer: ChatAnswer) -> ChatAnswer:
        """See WholeDelivery."""
        return answer


class EmbeddingDelivery:
    """Gets embeddings. The checks of a policy are about text."""

    __slots__ = ("_body",)

    def __init__(self, body: EmbeddingBody) -> None:
        self._body = body

    async def call(self, attempt: RunningAttempt) -> EmbeddingAnswer:
        """See WholeDelivery."""
        return await attempt.embed(self._body)

    def flaw(self, answer: EmbeddingAnswer) -> None:
        """See WholeDelivery."""

    def checkable(self, answer: EmbeddingAnswer) -> None:
        """See WholeDelivery."""
