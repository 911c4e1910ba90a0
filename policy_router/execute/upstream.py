"""One attempt of a stream: its limits, what it says, and whether it ended as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.execute.failure import CallFailed, Failure, Kind
from policy_router.execute.progress import within
from policy_router.execute.shape import (
    Usage,
    finish,
    is_usage_only,
    says_anything,
    size,
    usage,
)

if TYPE_CHECKING:
    from policy_router.execute.caller import Chunks
    from policy_router.execute.progress import Progress, Started

_AT_THE_END: Final = {"content_filter": Kind.CONTENT_POLICY, "stop": Kind.EMPTY}
"""What a finish reason means when nothing was said before it."""


class Upstream:
    """The chunks of one attempt. began: something was said. usage: what the provider counted.
    said: bytes that came out."""

    def __init__(self, progress: Progress, started: Started) -> None:
        self._progress = progress
        self._started = started
        self._chunks: Chunks | None = None
        self._finish: str | None = None
        self.began = False
        self.usage = Usage()
        self.said = 0

    async def next(self) -> Any:
        """The next chunk; None after the end of a whole answer. Raises CallFailed when the answer
        is late, broken, empty or filtered away."""
        chunk = await self._pull()
        if chunk is None:
            self._check_whole()
            return None
        if not self.began and says_anything(chunk):
            self.began = True
            clock = self._progress.world.monotonic()
            self._started.first_token = clock - self._started.monotonic
        self._finish = self._finish or finish(chunk)
        self.said += size(chunk)
        return chunk

    @property
    def whole(self) -> bool:
        """Whether the answer is there up to its finish reason."""
        return self.began and self._finish is not None

    async def aclose(self) -> None:
        """Closes the connection below."""
        if self._chunks is not None:
            await self._chunks.aclose()

    async def _pull(self) -> Any:
        """The next chunk that is for the caller; None at the end."""
        while True:
            limit = self._limit()
            if limit <= 0:
                raise CallFailed(self._late())
            try:
                if self._chunks is None:
                    await within(limit, self._open(), self._started.wire)
                    continue
                chunk = await within(limit, self._chunks.__anext__(), self._started.wire)
            except StopAsyncIteration:
                return None
            except TimeoutError:
                failure = self._late()
            except CallFailed as failed:
                failure = failed.failure
            else:
                if getattr(chunk, "usage", None) is not None:
                    self.usage = usage(chunk)
                if not is_usage_only(chunk):
                    return chunk
                if not self._progress.body.wants_usage:
                    continue
                chunk.choices = []  # as OpenAI sends it; LiteLLM adds an empty choice
                return chunk
            if self.whole:
                return None  # the answer was whole; what is lost is the usage after it
            raise CallFailed(failure)

    async def _open(self) -> None:
        world, started = self._progress.world, self._started
        model, body = started.candidate.model, self._progress.request_body
        self._chunks = await world.caller.stream(model, body, started.limit)

    def _limit(self) -> float:
        """Seconds that the next chunk may take."""
        if self.began:
            return min(self._progress.fallback.stall, self._progress.remaining())
        elapsed = self._progress.world.monotonic() - self._started.monotonic
        return self._started.limit - elapsed

    def _late(self) -> Failure:
        if not self.began:
            return self._progress.late(self._started)
        if self._progress.remaining() <= 0:
            return Failure(Kind.DEADLINE, "the deadline passed in the middle of the answer")
        return Failure(Kind.TIMEOUT, f"no chunk for {self._progress.fallback.stall:.3g} s")

    def _check_whole(self) -> None:
        if self._finish is None:
            kind = Kind.CONNECTION_LOST if self.began else Kind.MALFORMED
            raise CallFailed(Failure(kind, "the stream ended without a finish reason"))
        kind_of_nothing = _AT_THE_END.get(self._finish)
        if not self.began and kind_of_nothing is not None:
            raise CallFailed(Failure(kind_of_nothing, f"finish reason {self._finish}", 200))
