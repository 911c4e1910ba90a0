"""Sends a POST request over the connections of an aiohttp session, without the session itself.

For each request, a session merges, checks and copies what is the same for all requests of one
address, and starts a task that writes the body. This takes most of the time of a call. Here the
head of a request is made once for each address, and goes out together with the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from policy_router.providers.http.wire import Wire

_INFORMATIONAL: Final = range(100, 200)
_SWITCHING: Final = 101
_FRAME: Final = 3
"""Lines of a head besides its headers: the first, the length of the body, and the empty one."""


class PostResponse:
    """The answer to a POST request, up to the end of its headers.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        content: The body, as far as it has arrived.
        connection: Where it comes from.
    """

    __slots__ = ("connection", "content", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        content: aiohttp.StreamReader,
        connection: aiohttp.connector.Connection,
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.connection = connection

    @property
    def content_type(self) -> str:
        """The type of the body, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def release(self) -> None:
        """Give the connection to the next request; all of the body was read."""
        self.connection.release()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class PostAddress:
    """An address that requests are sent to.

    Args:
        session: Whose connections, settings and headers are used.
        template: A request to the address, which is never sent itself.
    """

    def __init__(self, session: aiohttp.ClientSession, template: aiohttp.ClientRequest) -> None:
        self._session = session
        self._template = template
        self._start = f"POST {template.url.raw_path_qs} HTTP/1.1\r\n"
        self._lines = {
            name.lower(): f"{name}: {value}\r\n"
            for name, value in template.headers.items()
            if name.lower() not in _OF_A_BODY
        }
        self._used: WeakSet[object] = WeakSet()

    async def send(self, headers: Mapping[str, str], body: bytes, wire: Wire) -> PostResponse:
        """Send a request; its caller closes the response.

        A connection that the other side closed while it was idle is replaced once.

        Args:
            headers: The headers besides those that every request has.
            body: The body.
            wire: Records what is sent.

        Raises:
            aiohttp.ClientError: The connection could not be opened, or failed.
            ValueError: A header would be more than one line.
        """
        import aiohttp  # noqa: PLC0415  only where a model is called directly

        data = self._head(headers, len(body)) + body
        for last in (False, True):
            connection, reuses = await self._connection()
            try:
                return await self._exchange(connection, data, wire, reuses=reuses)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # The server closed an idle connection at the moment of sending. It sent nothing
                # back, so the request can be repeated.
                connection.close()
                if last or not reuses:
                    raise
                wire.sent = False
            except BaseException:
                connection.close()
                raise
        raise AssertionError("the last try returns or raises")

    async def _connection(self) -> tuple[aiohttp.connector.Connection, bool]:
        """An idle connection, or a new one; and whether it was used before.

        One on which something has come since its last answer is closed: it would be taken for the
        answer to this request.
        """
        import aiohttp  # noqa: PLC0415  as above

        connector = self._session.connector
        if connector is None:
            raise RuntimeError("the session is closed")
        while True:
            try:
                connection = await connector.connect(self._template, [], self._session.timeout)
            except TimeoutError as error:
                message = "the connection was not opened in time"
                raise aiohttp.ConnectionTimeoutError(message) from error
            protocol = connection.protocol
            if protocol is None or protocol not in self._used:
                return connection, False
            if not protocol.should_close:
                return connection, True
            connection.close()

    async def _exchange(
        self, connection: aiohttp.connector.Connection, data: bytes, wire: Wire, *, reuses: bool
    ) -> PostResponse:
        """Send a request and wait for the headers of the answer."""
        import aiohttp  # noqa: PLC0415  as above

        protocol = connection.protocol
        transport = None if protocol is None else protocol.transport
        if protocol is None or transport is None or transport.is_closing():
            raise aiohttp.ClientOSError("the connection was closed")
        if not reuses:
            self._used.add(protocol)
        protocol.set_response_params(read_until_eof=True)
        wire.sent = True
        transport.write(data)
        try:
            while True:
                message, content = await protocol.read()
                status = message.code
                if status not in _INFORMATIONAL or status == _SWITCHING:
                    return PostResponse(status, message.headers, content, connection)
        except aiohttp.http_exceptions.HttpProcessingError as error:
            raise aiohttp.ClientError(f"the answer is not HTTP: {error.message}") from error

    def _head(self, headers: Mapping[str, str], length: int) -> bytes:
        """The lines before the body."""
        lines = self._lines | {
            name.lower(): f"{name}: {value}\r\n" for name, value in headers.items()
        }
        head = f"{self._start}{''.join(lines.values())}Content-Length: {length}\r\n\r\n".encode()
        if not head.count(b"\r") == head.count(b"\n") == len(lines) + _FRAME or b"\0" in head:
            raise ValueError("a header has a character that would end it")
        return head


_OF_A_BODY: Final = frozenset({"content-length", "content-type", "transfer-encoding"})
"""Headers of the template, which has no body."""
