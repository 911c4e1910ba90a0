"""Reads server-sent events from the bytes of a response."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LARGEST_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event that are held until its end."""
END: Final = b"[DONE]"
"""The data of the event that ends a stream in OpenAI's format."""
SIGNALS: Final = frozenset({b"", END, b"ping"})
"""Data of events that is no part of an answer, and no JSON."""
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_MARK: Final = b"\xef\xbb\xbf"
"""What a text in UTF-8 may begin with."""


class EventTooLarge(Exception):  # noqa: N818  a signal to the reader of the stream
    """An event is larger than `LARGEST_EVENT`."""


class ServerSentEvent(NamedTuple):
    """One event of a stream.

    Attributes:
        data: Its data.
        original: All bytes from the end of the event before it to its own end.
    """

    data: bytes
    original: bytes


class EventStream:
    """Splits bytes into server-sent events, as the HTML standard defines them.

    Names and ids of events are not read, since the formats of the providers repeat in the data what
    these say. Comments, and events without data, belong to the event after them.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._line = 0
        self._searched = 0
        self._data: list[bytes] = []
        self._started = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take the next bytes.

        Returns:
            The events that are now complete, in order.

        Raises:
            EventTooLarge: An event exceeds `LARGEST_EVENT`.
        """
        if not self._held and data.startswith(_DATA) and data.endswith(_BETWEEN):
            self._started = True
            events = _simple(data)
            if events is not None:
                return events
        self._held += data
        if not self._started and len(self._held) >= len(_MARK):
            self._started = True
            self._line = self._searched = len(_MARK) if self._held.startswith(_MARK) else 0
        events = []
        begin = 0
        for end in _LINE_END.finditer(self._held, self._searched):
            if end.group() == b"\r" and end.end() == len(self._held):
                break  # it may be the first half of a line end
            line = bytes(self._held[self._line : end.start()])
            self._line = self._searched = end.end()
            if line:
                self._take(line)
            elif any(self._data):
                events.append(self._event(begin, self._line))
                begin = self._line
            else:
                self._data = []
        self._drop(begin)
        if len(self._held) > LARGEST_EVENT:
            raise EventTooLarge
        return events

    def end(self) -> ServerSentEvent | None:
        """Return the event whose empty line never arrived; None when there is none."""
        line = bytes(self._held[self._line :]).rstrip(b"\r")
        if line:
            self._take(line)
        if not any(self._data):
            return None
        event = self._event(0, len(self._held))
        self._drop(len(self._held))
        return event

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))

    def _event(self, begin: int, end: int) -> ServerSentEvent:
        data, self._data = b"\n".join(self._data), []
        return ServerSentEvent(data, bytes(self._held[begin:end]))

    def _drop(self, count: int) -> None:
        """Forget the first bytes that are held."""
        del self._held[:count]
        self._line -= count
        # A carriage return at the end is looked at again.
        searched = len(self._held) - self._held.endswith(b"\r")
        self._searched = max(searched, self._line)


def _simple(data: bytes) -> list[ServerSentEvent] | None:
    """The events in bytes that hold whole events of one `data` line each; None for others."""
    # `data` begins with `data: ` and ends with an empty line.
    texts = data[len(_DATA) : -len(_BETWEEN)].split(_BETWEEN + _DATA)
    if b"\r" in data or data.count(b"\n") != 2 * len(texts) or not all(texts):
        return None
    return [ServerSentEvent(text, b"data: %s\n\n" % text) for text in texts]


_BETWEEN: Final = b"\n\n"
_DATA: Final = b"data: "
