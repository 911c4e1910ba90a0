"""Asks a server for its list of models or its policy, and lets it do nothing else.

An answer is bounded in size and time, is not unpacked, and leads nowhere: redirects are not
followed, and no address is called at which clouds keep the credentials of a machine, whichever name
leads there.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from policy_router.check.addresses import read
from policy_router.discovery.served import SourceError
from policy_router.providers.http.connections import proxy_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp
    from aiohttp.abc import ResolveResult

LARGEST_ANSWER: Final = 4 << 20
"""Bytes of an answer by default; a longer one is no list of models."""
_SUCCESS: Final = 200
_REDIRECTS: Final = range(300, 400)
_KEY_REFUSED: Final = (401, 403)


def refusal(base: str) -> str | None:
    """Why an address is not asked; None when it may be.

    Args:
        base: The address, such as `http://127.0.0.1:8000`.
    """
    address = read(base)
    if address is None or address.scheme not in ("http", "https") or address.port == -1:
        return "it is not an address such as http://localhost:8000"
    if address.login or address.secrets:
        return "it contains credentials; name the variable of the key with --key-env"
    if address.is_metadata:
        return "clouds keep the credentials of their machines there"
    return None


class SourceFetcher:
    """Asks one server. Made by `fetching`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        headers: Mapping[str, str],
        largest: int = LARGEST_ANSWER,
    ) -> None:
        self.base = base.rstrip("/")
        self._session = session
        self._largest = largest
        self._headers = {"accept-encoding": "identity", **headers}
        near = (address := read(base)) is not None and address.is_near
        self._proxied = not near

    async def get(self, path: str) -> Any:
        """Return the answer to a GET request, decoded.

        Raises:
            SourceError: There is none, or it is too long or no JSON.
        """
        return await self._ask("GET", path, None)

    async def text(self, path: str) -> str:
        """Return the answer to a GET request as text. Raises what `get` does."""
        return (await self._body("GET", path, None)).decode("utf-8", "replace")

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Return the answer to a POST request, decoded. Raises what `get` does."""
        return await self._ask("POST", path, dict(body))

    async def order(self, path: str, body: Mapping[str, object]) -> None:
        """Send a POST request whose answer says nothing but that it was obeyed.

        Raises:
            SourceError: It was not.
        """
        await self._body("POST", path, dict(body))

    async def _ask(self, method: str, path: str, body: dict[str, object] | None) -> Any:
        data = await self._body(method, path, body)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise SourceError("its answer is not JSON") from None

    async def _body(self, method: str, path: str, body: dict[str, object] | None) -> bytes:
        import aiohttp  # noqa: PLC0415  takes long to import, and few commands need it

        url = self.base + path
        proxy = proxy_of(url) if self._proxied else None
        try:
            async with self._session.request(
                method, url, json=body, headers=self._headers, allow_redirects=False, proxy=proxy
            ) as response:
                if response.status != _SUCCESS:
                    raise SourceError(_status(response.status))
                data = bytearray()
                async for chunk in response.content.iter_any():
                    data += chunk
                    if len(data) > self._largest:
                        raise SourceError(f"its answer has more than {self._largest >> 20} MiB")
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise SourceError(_why(problem)) from None
        return bytes(data)


@asynccontextmanager
async def fetching(
    base: str, headers: Mapping[str, str], *, largest: int = LARGEST_ANSWER
) -> AsyncIterator[SourceFetcher]:
    """Be ready to ask a server while a block runs.

    Args:
        base: Its address.
        headers: Further headers, such as one with a key.
        largest: Bytes that one answer may have.

    Raises:
        SourceError: The address is not asked.
    """
    import aiohttp  # noqa: PLC0415  as above

    reason = refusal(base)
    if reason is not None:
        raise SourceError(reason)
    connector = aiohttp.TCPConnector(limit=4, resolver=_resolver())
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # what a few bytes expand to has no bound
        timeout=aiohttp.ClientTimeout(total=None),  # the caller's deadline covers all requests
        headers={"User-Agent": "policy-router"},
    ) as session:
        yield SourceFetcher(session, base, headers, largest)


def _resolver() -> Any:
    from aiohttp.abc import AbstractResolver  # noqa: PLC0415  as above
    from aiohttp.resolver import ThreadedResolver  # noqa: PLC0415  as above

    class NoMetadata(AbstractResolver):
        """Finds the addresses of a name, and refuses a name that leads to credentials."""

        def __init__(self) -> None:
            self._names = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            addresses = await self._names.resolve(host, port, family)
            if any(is_metadata(each["host"]) for each in addresses):
                raise OSError(0, _LEADS_TO_METADATA)
            return addresses

        async def close(self) -> None:
            await self._names.close()

    return NoMetadata()


_LEADS_TO_METADATA: Final = "its name leads to where clouds keep credentials"


def is_metadata(host: str) -> bool:
    """Whether an IP address, as text, is one at which clouds keep credentials."""
    ip = ip_address(host.partition("%")[0])
    address = read(f"http://[{ip}]" if ip.version == 6 else f"http://{ip}")
    return address is not None and address.is_metadata


def _status(status: int) -> str:
    if status in _REDIRECTS:
        return f"it redirects to another address ({status}), which is not followed"
    if status in _KEY_REFUSED:
        return f"it refuses the key, or needs one ({status})"
    return f"it answers with the status {status}"


def _why(problem: Exception) -> str:
    """Say why there was no answer. The error's own text may repeat what was sent."""
    import aiohttp  # noqa: PLC0415  as above

    match problem:
        case aiohttp.ClientConnectorDNSError():
            refused = _LEADS_TO_METADATA in str(problem)
            return _LEADS_TO_METADATA if refused else "no such host"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorError(os_error=OSError() as cause):
            return message_of(cause)
        case aiohttp.InvalidURL():
            return "its address is invalid"
        case _:
            return "the connection broke"


def message_of(error: OSError) -> str:
    """Say why a connection failed, in lower case."""
    number = error.errno or 0
    return os.strerror(number).lower() if number > 0 else "no such host"


async def in_time(seconds: float, work: Any) -> Any:
    """Await some work. Raises SourceError when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise SourceError(f"no answer within {seconds:g} s") from None
