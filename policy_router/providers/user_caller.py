"""Adapts a caller written by the embedding program to the interface that the executor expects.

Its answers become typed values, whether they are objects, mappings or texts. Whatever it raises is
a failed attempt, after which the next model is called. A caller may also be one function.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.providers.answers.adapt import as_chunk, to_answer, to_chunk
from policy_router.providers.answers.embeddings import check_length, makes_none, to_embeddings
from policy_router.providers.direct import HttpChunks
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.evidence import read_exception
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.resilience.threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.caller import Chunks, UserCaller
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

CallFunction: TypeAlias = "Callable[[Model, Body, float], object]"
"""`function(model, body, timeout)` returns a whole answer. A coroutine function is awaited, any
other function runs in a thread."""
_THREADS: Final = 32
"""Calls of a function that run at the same time, unless it is a coroutine function."""


class AdaptedCaller:
    """A Caller around a caller of which only `call` is needed, or around a function.

    Its calls raise only CallFailed, and errors of this package, which are raised on purpose.

    Args:
        caller: An object with at least `call`, or a function.

    Raises:
        UsageError: It is neither.
    """

    def __init__(self, caller: UserCaller | CallFunction) -> None:
        given: Any = caller
        if isinstance(given, type) or not (callable(given) or hasattr(given, "call")):
            raise UsageError(
                "`caller` must have a method `call(model, body, timeout)`, or be a function with "
                "these parameters"
            )
        self._caller = given if hasattr(given, "call") else _ByFunction(given)
        self._prepare = getattr(self._caller, "prepare", None)
        self._with_models = self._prepare is not None and _takes_one(self._prepare)

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Prepare the other caller, if it can be prepared."""
        if self._prepare is not None:
            await (self._prepare(models) if self._with_models else self._prepare())

    async def aclose(self) -> None:
        """Close the other caller, if it can be closed."""
        if hasattr(self._caller, "aclose"):
            await self._caller.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109  see Caller
        """A whole answer. Raises CallFailed."""
        try:
            return to_answer(await self._caller.call(model, body, timeout))
        except (CallFailed, PolicyRouterError):
            raise
        except Exception as error:  # noqa: BLE001  the program's code may raise anything
            raise CallFailed(_failure(error, body)) from None

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109  see Caller
        """The chunks of an answer. Raises CallFailed, also while iterating."""
        try:
            if hasattr(self._caller, "stream"):
                chunks = await self._caller.stream(model, body, timeout)
            else:
                chunks = _one_chunk(await self.call(model, body, timeout))
            return _AdaptedChunks(aiter(chunks), chunks, body)
        except (CallFailed, PolicyRouterError):
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise CallFailed(_failure(error, body)) from None

    async def embed(self, model: Model, body: EmbeddingBody, timeout: float) -> EmbeddingAnswer:  # noqa: ASYNC109  see Caller
        """Embeddings. Raises CallFailed."""
        if not hasattr(self._caller, "embed"):
            raise makes_none(model.name, "a `caller` without a method `embed`")
        try:
            value = await self._caller.embed(model, body, timeout)
        except (CallFailed, PolicyRouterError):
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise CallFailed(_failure(error, body)) from None
        answer = to_embeddings(value, len(body.inputs), as_base64=body.as_base64)
        check_length(answer, body.get("dimensions"))
        return answer


class _AdaptedChunks:
    """The chunks of a stream that the embedding program wrote."""

    def __init__(self, chunks: Any, source: Any, body: Body) -> None:
        self._chunks = chunks
        self._source = source
        self._own = source if isinstance(source, HttpChunks) else None
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        try:
            return to_chunk(await anext(self._chunks))
        except (CallFailed, PolicyRouterError, StopAsyncIteration):
            raise
        except Exception as error:  # noqa: BLE001  as above
            raise CallFailed(_failure(error, self._body)) from None

    def arrived(self) -> ChatChunk | None:
        """The next chunk, if this package's own caller has it already. Raises CallFailed."""
        if self._own is None:
            return None
        try:
            return self._own.arrived()
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  a defect is a failed attempt, too
            raise CallFailed(_failure(error, self._body)) from None

    async def aclose(self) -> None:
        """Closes the stream, if it can be closed; a failure to close it is ignored."""
        close = getattr(self._source, "aclose", None)
        with contextlib.suppress(Exception):
            if close is not None:
                await close()


class _ByFunction:
    """A caller by one function."""

    def __init__(self, function: CallFunction) -> None:
        self._function = function
        self._threads = Threads(_THREADS, "policy-router-caller")

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109  see Caller
        """The answer that the function returns."""
        if inspect.iscoroutinefunction(self._function):
            return await self._function(model, body, timeout)
        result = await self._threads.run(lambda: self._function(model, body, timeout))
        return await result if inspect.isawaitable(result) else result


def _takes_one(method: Callable[..., object]) -> bool:
    """Whether a method takes an argument."""
    try:
        inspect.signature(method).bind(())
    except (TypeError, ValueError):
        return False
    return True


async def _one_chunk(answer: ChatAnswer) -> AsyncIterator[ChatChunk]:
    """A whole answer as a stream of one chunk, for a caller that has no streams."""
    yield as_chunk(answer)


_PROMPTS: Final = ("messages", "input", "tools", "prediction", "stop", "user", "response_format")


def _failure(error: Exception, body: Mapping[str, Any]) -> Failure:
    """The failure that an exception of the program's code stands for."""
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.TIMEOUT, type(error).__name__)
    prompt = [body[name] for name in _PROMPTS if name in body]
    return classify(read_exception(error, prompt, time.time()))
