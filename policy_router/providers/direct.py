"""The common parts of callers that call a provider over HTTP without a library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias

from policy_router.domain.original import OriginalAnswer
from policy_router.frozen import changer, maker
from policy_router.providers.answers.chat import ChatAnswer, with_original
from policy_router.providers.answers.embeddings import makes_none
from policy_router.providers.answers.text_runs import TextFrame, same_answer, text_of, with_text
from policy_router.providers.failures.failure import CallFailed
from policy_router.providers.failures.http_answer import (
    lost,
    most_bytes,
    prompt_of,
    read_events,
    read_object,
    read_whole,
    refuse_status,
)
from policy_router.providers.http.connections import Connections
from policy_router.providers.http.wire import Wire, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from policy_router.domain.dialect import Dialect
    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.caller import Chunks
    from policy_router.providers.http.connections import OpenResponse
    from policy_router.providers.http.event_stream import ServerSentEvent
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

_new_original: Final = maker(OriginalAnswer)
_with_original: Final = changer(ChatAnswer, "original")

AnswerReader: TypeAlias = "Callable[[dict[str, Any]], ChatAnswer]"
"""Makes an answer of a body; it may raise CallFailed."""
ChunkReader: TypeAlias = "Callable[[dict[str, Any]], tuple[ChatChunk, ...]]"
"""Makes chunks of the events of one stream, in order; it may raise CallFailed."""


_CREDENTIALS: Final = ("Authorization", "x-api-key")
"""Headers with a key."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the server of a model is, and what each request to it says.

    Attributes:
        address: The address that a path such as `/models` is added to.
        headers: The headers, the key among them.
        key_variable: The environment variable that the key is from; None without a key.
    """

    address: str
    headers: Mapping[str, str] = field(repr=False)
    key_variable: str | None


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as a provider gets it.

    Attributes:
        url: The whole address.
        headers: The headers besides the type of the body.
        body: The body, a JSON text in UTF-8.
        read_answer: Makes an answer of the body that comes back.
        read_chunk: Makes chunks of the events that come back.
        dialect: The format of the body, and of what comes back.
        joins_text: Whether events that only add text, and arrive together, become one chunk.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    read_answer: AnswerReader
    read_chunk: ChunkReader
    dialect: Dialect
    joins_text: bool = False

    @property
    def credentials(self) -> tuple[str, ...]:
        """The keys among the headers."""
        named = [self.headers.get(name) for name in _CREDENTIALS]
        return tuple([value.removeprefix("Bearer ") for value in named if value])


class DirectCaller(ABC):
    """A Caller that sends requests itself.

    Close it in the event loop that used it. Keys are read from the environment at each call and
    never stored.

    Attributes:
        api: What it calls models by, as words in a message.
    """

    api: ClassVar[str]

    def __init__(self, connections: Connections | None = None) -> None:
        """Make a caller; it opens no connection until a model is called.

        Args:
            connections: The connections to use. Default: its own.
        """
        self._connections = Connections() if connections is None else connections

    @abstractmethod
    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body.

        Raises:
            CallFailed: The model cannot be called, or the format cannot express the body.
        """

    async def prepare(self, models: Iterable[Model] = ()) -> None:  # noqa: ARG002  one client for all
        """Import the HTTP client."""
        import aiohttp  # noqa: F401, PLC0415  only where a model is called directly

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._connections.aclose()

    async def call(self, model: Model, body: Body, timeout: float) -> ChatAnswer:  # noqa: ASYNC109, ARG002  see Caller; the executor enforces its own limits
        """A whole answer. Raises CallFailed."""
        request = self.make_request(model, body, stream=False)
        data, value = await self.fetch(request, prompt_of(body), most_bytes(model, body))
        original = _new_original(request.dialect, data)
        return _with_original(request.read_answer(value), original)

    async def embed(self, model: Model, body: EmbeddingBody, timeout: float) -> EmbeddingAnswer:  # noqa: ASYNC109, ARG002  as above
        """Embeddings. Raises CallFailed: where the API has none, without a call."""
        raise makes_none(model.name, self.api)

    async def fetch(
        self, request: WireRequest, prompt: list[Any], most: int
    ) -> tuple[bytes, dict[str, Any]]:
        """Send a request and read the whole answer.

        Args:
            request: The request.
            prompt: What no message about a failure may repeat.
            most: The most bytes that the answer may have.

        Returns:
            The answer as it came, and as JSON.

        Raises:
            CallFailed: There is none, or it states an error.
        """
        wire, credentials = current() or Wire(), request.credentials
        prompt = [*prompt, *credentials]
        try:
            async with self._post(request, wire) as response:
                refuse_status(wire, prompt, request.dialect, credentials)
                data = await read_whole(response, most, wire)
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001  whatever the connection raised becomes a Failure
            raise lost(error, wire) from None
        return data, read_object(data, wire, prompt)

    async def stream(self, model: Model, body: Body, timeout: float) -> Chunks:  # noqa: ASYNC109, ARG002  as above
        """The chunks of an answer, usage included. Raises CallFailed, also while iterating."""
        wire, request = current() or Wire(), self.make_request(model, body, stream=True)
        credentials = request.credentials
        prompt = [*prompt_of(body), *credentials]
        connection = self._post(request, wire)
        try:
            response = await connection.__aenter__()
        except Exception as error:  # noqa: BLE001  as above
            raise lost(error, wire) from None
        chunks = HttpChunks(connection, response, wire, prompt, most_bytes(model, body), request)
        try:
            refuse_status(wire, prompt, request.dialect, credentials)
        except CallFailed:
            await chunks.aclose()
            raise
        return chunks

    def _post(self, request: WireRequest, wire: Wire) -> AbstractAsyncContextManager[OpenResponse]:
        headers = {"Content-Type": "application/json", **request.headers}
        return self._connections.post(request.url, headers=headers, body=request.body, wire=wire)


class HttpChunks:
    """The chunks of one answer, in the order of its events."""

    def __init__(  # noqa: PLR0917  what the call has worked out by then
        self,
        connection: AbstractAsyncContextManager[OpenResponse],
        response: OpenResponse,
        wire: Wire,
        prompt: list[Any],
        most: int,
        request: WireRequest,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._prompt = prompt
        self._events = read_events(response, most, wire)
        self._request = request
        self._passed: list[bytes] = []
        self._unread: deque[ServerSentEvent] = deque()
        self._read_ahead: dict[str, Any] | None = None
        self._ready: deque[ChatChunk] = deque()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        while (chunk := self.arrived()) is None:
            try:
                self._unread += await self._events.__anext__()
            except (StopAsyncIteration, CallFailed):
                raise
            except Exception as error:  # noqa: BLE001  as above
                raise lost(error, self._wire) from None
        return chunk

    def arrived(self) -> ChatChunk | None:
        """Return the next chunk if there is nothing to wait for; else None. Raises CallFailed."""
        while self._unread and not self._ready:
            data = self._unread[0].data
            value = self._next_value()
            if self._request.joins_text and self._unread:
                value = self._with_following_text(value, data)
            self._take(self._request.read_chunk(value))
        return self._ready.popleft() if self._ready else None

    def _next_value(self) -> dict[str, Any]:
        """What the next event says."""
        event, value = self._unread.popleft(), self._read_ahead
        self._read_ahead = None
        self._passed.append(event.original)
        return read_object(event.data, self._wire, self._prompt) if value is None else value

    def _with_following_text(self, value: dict[str, Any], data: bytes) -> dict[str, Any]:
        """The value of an event, with the text of those after it that only add text to it."""
        text = text_of(value)
        if text is None:
            return value
        texts = []
        frame = TextFrame.of(data, text)
        while text is not None:
            texts.append(text)
            if frame is not None:
                alike = frame.texts_in(event.data for event in self._unread)
                self._passed += [self._unread.popleft().original for _ in alike]
                texts += alike
            text = self._following_text(value) if self._unread else None
        return with_text(value, "".join(texts)) if len(texts) > 1 else value

    def _following_text(self, value: dict[str, Any]) -> str | None:
        """The text of the next event, which is then read, if it only adds that to a value."""
        event = self._unread[0]
        try:
            following = read_object(event.data, self._wire, self._prompt)
        except CallFailed:
            return None  # it is raised when the text before it was given out
        text = text_of(following)
        if text is None or not same_answer(value, following):
            self._read_ahead = following
            return None
        self._passed.append(event.original)
        self._unread.popleft()
        return text

    def _take(self, chunks: tuple[ChatChunk, ...]) -> None:
        """Take the chunks of an event; the first one gets the bytes up to the event's end."""
        for chunk in chunks:
            original = _new_original(self._request.dialect, b"".join(self._passed))
            self._passed = []
            self._ready.append(with_original(chunk, original))

    async def aclose(self) -> None:
        """Close the connection."""
        if not self._closed:
            self._closed = True
            await self._events.aclose()
            await self._connection.__aexit__(None, None, None)
