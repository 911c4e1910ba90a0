"""The interface between the executor and whatever calls a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody


class Chunks(Protocol):
    """A stream of chunks.

    Iterating may raise CallFailed, also in place of a normal end: a stream that ends normally was
    complete.
    """

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> ChatChunk: ...

    def arrived(self) -> ChatChunk | None:
        """Return the next chunk if there is nothing to wait for; else, or where that is unknown,
        None. Raises CallFailed."""
        ...

    async def aclose(self) -> None:
        """Close the connection that the chunks come from."""
        ...


class Caller(Protocol):
    """Calls one model once: no retries, no fallback, one request on the wire.

    `call`, `stream` and `embed` raise CallFailed and nothing else, except CancelledError.
    """

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Do whatever is slow the first time that these models are called, such as an import.

        Awaited before the deadline of a request begins; quick when there is nothing to do.
        """
        ...

    async def aclose(self) -> None:
        """Close what belongs to the running event loop."""
        ...

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  see below
        """Request a whole answer.

        Args:
            model: The model to call.
            body: The parameters of the request.
            timeout: Seconds. A hint for the connection; the executor enforces its own limits.
        """
        ...

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  as above
        """Request a streamed answer; it is sent when this returns, or with the first chunk.

        Args: as those of `call`.
        """
        ...

    async def embed(
        self,
        model: Model,
        body: EmbeddingBody,
        timeout: float,  # noqa: ASYNC109  as above
    ) -> EmbeddingAnswer:
        """Request embeddings.

        Args: as those of `call`.
        """
        ...


class UserCaller(Protocol):
    """What a program may hand over as its own caller: an object with at least `call`.

    It may also have `stream`, `embed`, `prepare` and `aclose`, as a Caller does. Its answers and
    chunks may be objects or dicts in the shape of OpenAI's; a whole answer may also be a text.
    Whatever it raises is a failed attempt.
    """

    def call(self, model: Model, body: Body, timeout: float) -> Awaitable[object]:
        """Request a whole answer, as `Caller.call` does."""
        ...
