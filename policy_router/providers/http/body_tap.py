"""Records the body of an HTTP response while a library reads it.

The library gets every byte unchanged and at the same time. A body that is too long, or compressed
in an unknown way, is not recorded.
"""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.http.event_stream import SIGNALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

from policy_router.providers.answers.raw_answer import RawAnswer

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one body, or of one event, that are held until they can be parsed."""


def tap(response: Any, most: int | None = None) -> RawAnswer:
    """Records the body of a response while it is read.

    Args:
        response: An `httpx.Response` whose body was not read yet; its stream is wrapped.
        most: The most bytes that it may have when unpacked; reading more raises
            `httpx.ReadError`. Where it is packed in an unknown way, the bytes on the wire count.

    Returns:
        What the body contains, as far as it was read.
    """
    raw = RawAnswer()
    decoder = _decoder(response.headers.get("content-encoding", ""))
    raw.is_empty = decoder is not None
    reader = None if decoder is None else BodyReader(raw, decoder, most)
    if reader is not None or most is not None:
        response.stream = _tapped()(response.stream, raw, reader, most)
    return raw


@lru_cache(maxsize=1)
def _tapped() -> Any:
    """The class of a byte stream of httpx that shows a reader what passes."""
    import httpx  # noqa: PLC0415  installed with LiteLLM, and loaded when a model is called

    class Tapped(httpx.AsyncByteStream):
        def __init__(
            self, stream: Any, raw: RawAnswer, reader: BodyReader | None, most: int | None
        ) -> None:
            self._stream = stream
            self._raw = raw
            self._reader = reader
            self._most = most

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for data in self._stream:
                if self._reader is None:
                    size += len(data)
                else:
                    self._reader.feed(data)
                    size = self._reader.size
                if self._most is not None and size > self._most:
                    self._raw.too_long = True
                    raise httpx.ReadError("the body is longer than it may be")
                yield data
            if self._reader is not None:
                self._reader.end()

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Tapped


def _decoder(encoding: str) -> Any:
    """An object with `decompress(bytes, most)`, 0 for no bound; None for an unknown encoding."""
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, whichever it is
    return None


class _Plain:
    def decompress(self, data: bytes, most: int) -> bytes:
        return data[:most] if most else data


class BodyReader:
    """Splits a body into server-sent events, lines of JSON, or one JSON text, and parses them.

    Attributes:
        size: Bytes of the body so far, unpacked; where they exceed `most`, one more than that,
            because nothing is unpacked beyond it.
    """

    def __init__(self, raw: RawAnswer, decoder: Any, most: int | None = None) -> None:
        """Prepares to read.

        Args:
            raw: Gets what the body contains.
            decoder: Unpacks it (see `_decoder`).
            most: The most bytes that are of interest.
        """
        self.size = 0
        self._raw = raw
        self._decoder = decoder
        self._most = most
        self._broken = False
        self._rest = bytearray()
        self._searched = 0
        self._data: list[bytes] = []
        self._events: bool | None = None
        self._lines = True
        self._discarded = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        plain = self._unpacked(data)
        self.size += len(plain)
        if self._broken:
            self._discard()
        if self._discarded:
            return
        self._rest += plain
        if self._events is None:
            start = self._rest[:_START].lstrip(b"\xef\xbb\xbf \t\r\n")
            if not start:
                return
            self._events = not start.startswith((b"{", b"[", b"<"))
        while self._lines and (line := self._line()) is not None:
            self._take(line)
        if len(self._rest) > _LARGEST:
            self._discard()

    def _unpacked(self, data: bytes) -> bytes:
        """What these bytes unpack to, as far as that is of interest."""
        room = 0  # no bound
        if self._most is not None:
            room = self._most - self.size + 1
            if room <= 0:
                return b""
        if self._broken:
            return b""
        try:
            plain: bytes = self._decoder.decompress(data, room)
        except zlib.error:
            self._broken = True
            return b""
        return plain

    def end(self) -> None:
        """Takes the rest at the end of the body. An event without its end was cut off."""
        if self._discarded:
            return
        rest = bytes(self._rest).strip()
        if self._events:
            self._take(rest)
            self._record(b"\n".join(self._data))
        elif rest:
            self._record(rest)

    def _discard(self) -> None:
        """Discards everything: a half-read body would look like a truncated answer."""
        self._discarded = True
        self._rest.clear()
        self._raw.choices.clear()
        self._raw.is_empty = False

    def _line(self) -> bytes | None:
        """The next whole line; None when there is none yet, or the body is one JSON text."""
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
            self._record(line)
        elif line.startswith(b"data:"):
            self._data.append(line[5:].strip())
        elif not line:  # the end of an event
            data, self._data = b"\n".join(self._data), []
            if not self._record(data) and data not in SIGNALS:
                self._raw.unreadable = True

    def _is_json(self, line: bytes) -> bool:
        return _parsed(line) is not _NOT_JSON

    def _record(self, text: bytes) -> bool:
        value = _parsed(text)
        if value is _NOT_JSON:
            return False
        self._raw.add(value)
        return True


_START: Final = 64


_NOT_JSON: Final = object()


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _NOT_JSON
