"""Reads server-sent events from the bytes of a response."""

from __future__ import annotations

from typing import Final

LARGEST_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event that are held until its end."""


class EventTooLarge(Exception):  # noqa: N818  a signal to the reader of the stream
    """An event is larger than `LARGEST_EVENT`."""


class EventStream:
    """Splits bytes into the data of server-sent events, as the HTML standard defines them.

    Comments, names and ids of events are left out, since the formats of the providers repeat in the
    data what these say. So are events without data.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes.

        Returns:
            The data of each event that is now complete, in order.

        Raises:
            EventTooLarge: An event exceeds `LARGEST_EVENT`.
        """
        text = self._rest + data
        if not self._started:
            text = text.removeprefix(b"\xef\xbb\xbf")
            self._started = len(text) >= _MARK_LENGTH
        # A carriage return at the end may be the first half of a line end.
        held = text[-1:] == b"\r"
        if held:
            text = text[:-1]
        lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + (b"\r" if held else b"")
        events = [event for line in lines if (event := self._take(line)) is not None]
        if self._size + len(self._rest) > LARGEST_EVENT:
            raise EventTooLarge
        return events

    def end(self) -> bytes | None:
        """Return the data of an event whose empty line never arrived; None when there is none."""
        line, self._rest = self._rest.rstrip(b"\r"), b""
        if line:
            self._take(line)
        return self._take(b"")

    def _take(self, line: bytes) -> bytes | None:
        """Take one line. An empty line returns the data of the event that it ends."""
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if any(data) else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
        return None


_MARK_LENGTH: Final = 3
"""Bytes of the mark that a text in UTF-8 may begin with."""
