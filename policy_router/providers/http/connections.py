"""Sends requests to providers over connections of our own, and records what each call saw.

One session per event loop, without a limit on connections: a call never waits for those of another
model, so that a slow provider cannot delay a healthy one. Redirects are not followed, cookies are
not kept, and `.netrc` is not read; the proxies that the environment names are used.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import asynccontextmanager, suppress
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary, WeakSet

from policy_router.providers.http.connector import connector_for
from policy_router.providers.http.posting import PostAddress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
    from contextlib import AbstractAsyncContextManager

    import aiohttp
    from aiohttp.abc import AbstractStreamWriter

    from policy_router.providers.http.posting import PostResponse
    from policy_router.providers.http.wire import Wire

    OpenResponse: TypeAlias = PostResponse | aiohttp.ClientResponse

CONNECT_SECONDS: Final = 3.0
"""The longest that opening one connection may take."""
_ADDRESSES: Final = 256
"""Addresses whose proxies are remembered."""
_ERROR: Final = 400
_LARGEST_ERROR: Final = 1024 * 1024
"""Bytes of an error that are read."""
_ERROR_SECONDS: Final = 2.0
"""Seconds that the rest of an error may take after its status."""


class Connections:
    """The open connections of a process, by event loop."""

    def __init__(self) -> None:
        """Begin without connections."""
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _OpenSession] = WeakKeyDictionary()
        self._bodies: dict[asyncio.Future[None], aiohttp.StreamReader] = {}

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        found = self._open.get(asyncio.get_running_loop())
        if found is not None:
            await found.generator.aclose()

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, wire: Wire
    ) -> AbstractAsyncContextManager[OpenResponse]:
        """Send a POST request; the response is closed when the block ends.

        A connection that the provider closed while it was idle is replaced once by a new one. The
        body of an answer with an error status is in `wire.body` before the block begins.

        Args:
            url: The whole address.
            headers: The headers.
            body: The body.
            wire: Records what the connection sees.

        Raises:
            aiohttp.ClientError: The connection failed.
            TimeoutError: The connection was not opened in time.
        """
        return _Response(self._send(url, headers, body, wire), self._watch, wire)

    @asynccontextmanager
    async def get(
        self, url: str, *, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a GET request; the response is closed when the block ends.

        Args: as those of `post`.

        Raises:
            aiohttp.ClientError: The connection failed.
            TimeoutError: The connection was not opened in time.
        """
        opened = await self._opened()
        async with opened.session.get(
            url, headers=headers, allow_redirects=False, proxy=opened.proxy_of(url)
        ) as response:
            yield response

    async def _send(
        self, url: str, headers: Mapping[str, str], body: bytes, wire: Wire
    ) -> OpenResponse:
        import aiohttp  # noqa: PLC0415  only where a model is called directly

        opened = await self._opened()
        wire.watched = wire.handed_over = True
        address = opened.address_of(url)
        if address is not None:
            return await address.send(headers, body, wire)
        payload_class = _client_classes()[1]
        for last in (False, True):
            payload = payload_class(body, wire)
            try:
                return await opened.session.post(
                    url,
                    data=payload,
                    headers=headers,
                    allow_redirects=False,
                    proxy=opened.proxy_of(url),
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # As in `PostAddress.send`.
                if last or not payload.reuses:
                    raise
                wire.sent = False
        raise AssertionError("the last try returns or raises")

    def _watch(self, response: OpenResponse) -> None:
        """Ends the body of a response when its connection closes.

        aiohttp closes the connection when it cannot read a chunk, and does not tell the reader.
        """
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        closed = None if protocol is None else protocol.closed
        if closed is None or response.content.is_eof():
            return  # all of it is here
        if closed not in self._bodies:
            closed.add_done_callback(self._end)
        self._bodies[closed] = response.content

    def _end(self, closed: asyncio.Future[None]) -> None:
        import aiohttp  # noqa: PLC0415  as below

        content = self._bodies.pop(closed)
        _ = closed.cancelled() or closed.exception()  # asyncio logs what is not read
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was closed"))

    async def _opened(self) -> _OpenSession:
        loop = asyncio.get_running_loop()
        found = self._open.get(loop)
        if found is None:
            generator = self._of_loop(loop)
            found = self._open[loop] = _OpenSession(await anext(generator), generator, {}, {})
        return found

    async def _of_loop(
        self, loop: asyncio.AbstractEventLoop
    ) -> AsyncGenerator[aiohttp.ClientSession]:
        """The session of a loop, closed where the loop ends: `asyncio.run` then closes the
        generators that are left."""
        import aiohttp  # noqa: PLC0415  as above

        session = aiohttp.ClientSession(
            connector=connector_for(_certificates()),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            request_class=_client_classes()[0],
            headers={"User-Agent": "policy-router"},  # firewalls refuse requests without one
        )
        try:
            yield session
        finally:
            self._open.pop(loop, None)
            await session.close()


class _Response:
    """A response that is open while a block runs.

    Args:
        sending: Sends the request.
        watch: Gets the response before its body is read.
        wire: Records what the connection sees.
    """

    __slots__ = ("_response", "_sending", "_watch", "_wire")

    def __init__(
        self,
        sending: Coroutine[Any, Any, OpenResponse],
        watch: Callable[[OpenResponse], None],
        wire: Wire,
    ) -> None:
        self._sending = sending
        self._watch = watch
        self._wire = wire

    async def __aenter__(self) -> OpenResponse:
        response = self._response = await self._sending
        wire = self._wire
        try:
            wire.status = response.status
            wire.headers = MappingProxyType({k.lower(): v for k, v in response.headers.items()})
            self._watch(response)
            if response.status >= _ERROR:
                wire.body = await _error_body(response)
        except BaseException:
            self._close()
            raise
        return response

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        # A connection with an unread rest cannot be used again.
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class _OpenSession(NamedTuple):
    """The session of an event loop.

    Attributes:
        session: The session.
        generator: Closes it when it is closed itself.
        proxies: The proxies of the addresses that were called so far.
        addresses: Those addresses; None for one that the session itself calls.
    """

    session: aiohttp.ClientSession
    generator: AsyncGenerator[aiohttp.ClientSession]
    proxies: dict[str, str | None]
    addresses: dict[str, PostAddress | None]

    def address_of(self, url: str) -> PostAddress | None:
        """The address without the session around it; None where that needs a proxy, a password, or
        what the session has to say about it."""
        if url not in self.addresses:
            if len(self.addresses) >= _ADDRESSES:
                self.addresses.clear()
            self.addresses[url] = self._address(url)
        return self.addresses[url]

    def _address(self, url: str) -> PostAddress | None:
        import aiohttp  # noqa: PLC0415  as above
        from yarl import URL  # noqa: PLC0415  as above

        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or "@" in parts.netloc or self.proxy_of(url):
            return None
        try:
            template = aiohttp.ClientRequest(
                "POST", URL(url), headers=self.session.headers, session=self.session
            )
        except ValueError:
            return None
        return PostAddress(self.session, template)

    def proxy_of(self, url: str) -> str | None:
        """The proxy for an address, as the environment named it at the first call."""
        if url not in self.proxies:
            if len(self.proxies) >= _ADDRESSES:
                self.proxies.clear()
            self.proxies[url] = proxy_of(url)
        return self.proxies[url]


async def _error_body(response: OpenResponse) -> bytes:
    """What can be read of an error: its status counts even where the connection breaks after it."""
    import aiohttp  # noqa: PLC0415  as above

    read = bytearray()
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(_ERROR_SECONDS):
            while len(read) < _LARGEST_ERROR and (data := await response.content.readany()):
                read += data
    return bytes(read[:_LARGEST_ERROR])


@cache
def _certificates() -> ssl.SSLContext:
    """Which certificates connections trust: the certificates of the system, and those that LiteLLM
    brings.
    """
    context = ssl.create_default_context()
    if not any(os.environ.get(name) for name in _OWN_CERTIFICATES):
        with suppress(ImportError):  # it is no requirement of this package itself
            import certifi  # noqa: PLC0415  as above

            context.load_verify_locations(certifi.where())
    return context


_OWN_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name the only certificates to trust."""


@cache
def _client_classes() -> tuple[type[aiohttp.ClientRequest], type[Any]]:
    """The classes of requests and of their bodies, which record what a call sends.

    aiohttp's tracing tells the same, and takes as long as the rest of sending a request.
    """
    import aiohttp  # noqa: PLC0415  as above

    used: WeakSet[object] = WeakSet()

    class WatchedBody(aiohttp.BytesPayload):
        """The body of one request.

        Attributes:
            reuses: Whether it is sent over a connection that was used before.
        """

        def __init__(self, body: bytes, wire: Wire) -> None:
            super().__init__(body)
            self._wire = wire
            self.reuses = False

        async def write_with_length(
            self, writer: AbstractStreamWriter, content_length: int | None
        ) -> None:
            self._wire.sent = True
            await super().write_with_length(writer, content_length)

    class WatchedRequest(aiohttp.ClientRequest):
        async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
            protocol = conn.protocol
            if isinstance(self.body, WatchedBody):
                self.body.reuses = protocol in used
            if protocol is not None:
                used.add(protocol)
            return await super().send(conn)

    return WatchedRequest, WatchedBody


def proxy_of(url: str) -> str | None:
    """The proxy that the system or the environment names for an address; None without one."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
