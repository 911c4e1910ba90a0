"""Notes the body of an HTTP response while a library reads it."""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

from policy_router.providers.raw_answer import RawAnswer

_MOST: Final = 16 * 1024 * 1024
"""Bytes of one body, or one event, that are kept to be read."""


def watch(response: Any) -> RawAnswer:
    """Notes the body of an HTTP response (of httpx) while it is read."""
    raw = RawAnswer()
    decoder = _decoder(response.headers.get("content-encoding", ""))
    if decoder is not None:
        response.stream = _tapped()(response.stream, _Reader(raw, decoder))
    return raw


@lru_cache(maxsize=1)
def _tapped() -> Any:
    """A byte stream of httpx that lets a reader see what passes. Made late, for httpx is only there
    when a model is called."""
    import httpx  # noqa: PLC0415  as above

    class Tapped(httpx.AsyncByteStream):
        def __init__(self, stream: Any, reader: _Reader) -> None:
            self._stream = stream
            self._reader = reader

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for data in self._stream:
                self._reader.feed(data)
                yield data
            self._reader.end()

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Tapped


def _decoder(encoding: str) -> Any:
    """An object with `decompress(bytes)`; None for an encoding that is not known."""
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, whichever it is
    return None


class _Plain:
    def decompress(self, data: bytes) -> bytes:
        return data


class _Reader:
    """Takes a body apart: events of SSE, lines of JSON, or one JSON text."""

    def __init__(self, raw: RawAnswer, decoder: Any) -> None:
        self._raw = raw
        self._decoder = decoder
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []
        self._events: bool | None = None
        self._lines = True
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        if self._lost:
            return
        try:
            self._rest += self._decoder.decompress(data)
        except zlib.error:
            self._lose()
            return
        if self._events is None:
            start = self._rest[:_START].lstrip(b"\xef\xbb\xbf \t\r\n")
            if not start:
                return
            self._events = not start.startswith((b"{", b"[", b"<"))
        while self._lines and (line := self._line()) is not None:
            self._take(line)
        if len(self._rest) > _MOST:
            self._lose()

    def end(self) -> None:
        """Takes what is left at the end of the body. An event without its end was cut off."""
        if self._lost:
            return
        rest = bytes(self._rest).strip()
        if self._events:
            self._take(rest)
            self._absorb(b"\n".join(self._data))
        elif rest:
            self._absorb(rest)

    def _lose(self) -> None:
        """Forgets all: half of what was seen would be mistaken for half an answer."""
        self._lost = True
        self._rest.clear()
        self._raw.seen.clear()

    def _line(self) -> bytes | None:
        """The next whole line; None when there is none yet, or the body is one text of JSON."""
        cut = self._rest.find(b"\n", self._searched)
        if cut < 0:
            self._searched = len(self._rest)
            return None
        line = bytes(self._rest[:cut]).rstrip(b"\r")
        if not self._events and line.strip() and not self._is_json(line):
            self._lines = False
            return None
        del self._rest[: cut + 1]
        self._searched = 0
        return line

    def _take(self, line: bytes) -> None:
        if not self._events:
            self._absorb(line)
        elif line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line:
            data, self._data = b"\n".join(self._data), []
            if not self._absorb(data) and data.startswith((b"{", b"[{")):
                self._raw.garbled = True

    def _is_json(self, line: bytes) -> bool:
        return _parsed(line) is not _NOTHING

    def _absorb(self, text: bytes) -> bool:
        value = _parsed(text)
        if value is _NOTHING:
            return False
        self._raw.absorb(value)
        return True


_START: Final = 64


_NOTHING: Final = object()


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _NOTHING
