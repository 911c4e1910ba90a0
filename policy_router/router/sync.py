"""Runs the asynchronous core for callers that have no event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, Self, TypeVar, overload

from policy_router.base_errors import UsageError
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from typing import Unpack

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.findings import Finding
    from policy_router.execution.answer import Answer
    from policy_router.execution.embeddings import Embeddings
    from policy_router.execution.stream import AnswerStream
    from policy_router.options import ChatMessage, EmbeddingOptions, RequestOptions
    from policy_router.providers.answers.chat import ChatChunk

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own.

    A forked process inherits this object without its thread, so the object works only in the
    process that created it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()

        async def serve() -> None:
            started.set_result(asyncio.get_running_loop())
            await self._stop.wait()

        # asyncio.run ends what libraries leave behind in the loop: tasks, generators, threads.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(serve()), name="policy-router", daemon=True
        )
        self._thread.start()
        self._loop = started.result()

    @property
    def is_usable(self) -> bool:
        """Whether this process is the one that created the thread."""
        return self._process == os.getpid()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run an awaitable in the loop and wait for its result. Ctrl-C cancels it.

        Raises:
            UsageError: In a forked process, which does not have the thread.
        """
        if not self.is_usable:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise UsageError(
                "this stream belongs to the parent of this process; make the call again in this "
                "process"
            )

        async def whole() -> T:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(whole(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread. Does nothing in a forked process."""
        if self.is_usable:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()


class SyncStream:
    """A streamed answer for a plain `for` loop.

        with router.completion(messages, stream=True) as stream:
            for chunk in stream:
                ...

    The `with` block closes the connection to the provider when the loop ends early.
    """

    def __init__(self, loop: LoopThread, stream: AnswerStream) -> None:
        self._loop = loop
        self._stream = stream

    @property
    def decision(self) -> Decision:
        """The decision that is being carried out."""
        return self._stream.decision

    @property
    def decision_id(self) -> str:
        """Id of the decision, which every event of the request carries."""
        return self._stream.decision_id

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call made so far, in order, including the one in progress."""
        return self._stream.attempts

    @property
    def served_by(self) -> str:
        """The policy's name of the model that these chunks come from."""
        return self._stream.served_by

    @property
    def rejected(self) -> tuple[Finding, ...]:
        """The checks that this answer failed; empty unless no answer passed."""
        return self._stream.rejected

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """The checks that could not be carried out."""
        return self._stream.unchecked

    def __iter__(self) -> Iterator[ChatChunk]:
        while True:
            try:
                chunk = self._loop.run(anext(self._stream))
            except StopAsyncIteration:
                return
            yield chunk

    def close(self) -> None:
        """Close the connection to the provider. Does nothing in a forked process."""
        if self._loop.is_usable:
            self._loop.run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncMethods(ABC):
    """The methods of a router for code without an event loop."""

    def __init__(self) -> None:
        self._loop: LoopThread | None = None
        self._lock = forks.lock()

    @abstractmethod
    async def aroute(
        self,
        messages: Sequence[ChatMessage] = (),
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Decision:
        """Decide which models may answer a request."""

    @overload
    @abstractmethod
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> Answer: ...
    @overload
    @abstractmethod
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[True],
        **options: Unpack[RequestOptions],
    ) -> AnswerStream: ...
    @abstractmethod
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Answer | AnswerStream:
        """Answer a chat request."""

    def route(
        self,
        messages: Sequence[ChatMessage] = (),
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Decision:
        """Do the same as `aroute`, with the same arguments, without an event loop."""
        loop = self._own_loop("route")
        return loop.run(self.aroute(messages, stream=stream, **options))

    @overload
    def completion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> Answer: ...
    @overload
    def completion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[True],
        **options: Unpack[RequestOptions],
    ) -> SyncStream: ...
    def completion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Answer | SyncStream:
        """Do the same as `acompletion`, with the same arguments, without an event loop."""
        loop = self._own_loop("completion")
        if stream:
            return SyncStream(loop, loop.run(self.acompletion(messages, stream=True, **options)))
        return loop.run(self.acompletion(messages, stream=False, **options))

    @abstractmethod
    async def aembedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as OpenAI's library names it
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """Make embeddings."""

    def embedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as above
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """Do the same as `aembedding`, with the same arguments, without an event loop."""
        return self._own_loop("embedding").run(self.aembedding(input, **options))

    @abstractmethod
    async def aroute_embedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as above
        **options: Unpack[EmbeddingOptions],
    ) -> Decision:
        """Decide which models may make embeddings."""

    def route_embedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as above
        **options: Unpack[EmbeddingOptions],
    ) -> Decision:
        """Do the same as `aroute_embedding`, with the same arguments, without an event loop."""
        return self._own_loop("route_embedding").run(self.aroute_embedding(input, **options))

    @abstractmethod
    def close(self) -> None:
        """Close everything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _own_loop(self, method: str) -> LoopThread:
        """The loop of the synchronous methods. Raises UsageError inside a running event loop."""
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  the public one raises instead
            raise UsageError(
                f"{method}() cannot be used inside a running event loop; use `await "
                f"router.a{method}(...)`"
            )
        with self._lock:
            if self._loop is None or not self._loop.is_usable:
                self._loop = LoopThread()
            return self._loop

    def _run_outside_a_loop(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Run something in a loop of its own and wait for it.

        Returns:
            False inside a running event loop, which it would block: then it is not run.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  the public one raises instead
            return False

        async def whole() -> None:
            await work()

        asyncio.run(whole())
        return True

    def _end_loop(self, last: Callable[[], Awaitable[None]]) -> None:
        """End the loop of the synchronous methods, after it ran something for the last time."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and loop.is_usable:
            loop.run(last())
            loop.close()
