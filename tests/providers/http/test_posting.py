"""Requests that go out without the session of the HTTP client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from policy_router.providers.http.connections import Connections
from policy_router.providers.http.posting import PostResponse
from policy_router.providers.http.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer none"}


def ask(
    *answers: bytes,
    headers: Mapping[str, str] = HEADERS,
    body: bytes = b"{}",
    times: int = 1,
    path: str = "/v1/chat?a=b",
    opened: list[int] | None = None,
) -> tuple[list[tuple[int, bytes]], bytes, Wire]:
    """Send requests to a server that writes its answers in parts; what came back, and went out."""
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if opened is not None:
            opened.append(1)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                received.extend(head)
                received.extend(await reader.readexactly(len(body)))
                for part in answers:
                    writer.write(part)
                    await writer.drain()
                if not answers:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> tuple[list[tuple[int, bytes]], Wire]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=10_000_000)
        port = server.sockets[0].getsockname()[1]
        connections, got, wire = Connections(), [], Wire()
        try:
            for _ in range(times):
                wire = Wire()
                url = f"http://127.0.0.1:{port}{path}"
                async with connections.post(url, headers=headers, body=body, wire=wire) as answer:
                    assert isinstance(answer, PostResponse)
                    got.append((answer.status, await answer.content.read()))
        except BaseException:
            assert wire.sent is bool(received)
            raise
        finally:
            await connections.aclose()
            server.close()
        return got, wire

    got, wire = asyncio.run(main())
    return got, bytes(received), wire


WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: Application/JSON; a=b\r\n\r\nok"


def test_a_request_is_one_of_http() -> None:
    got, sent, wire = ask(WHOLE)
    assert got == [(200, b"ok")]
    first, *lines = sent.decode().partition("\r\n\r\n")[0].split("\r\n")
    assert first == "POST /v1/chat?a=b HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in lines]
    assert len(names) == len(set(names))
    assert {"host", "user-agent", "accept-encoding", "content-length"} <= set(names)
    assert "Content-Type: application/json" in lines
    assert "Authorization: Bearer none" in lines
    assert "User-Agent: policy-router" in lines
    assert wire.sent
    assert wire.headers["content-length"] == "2"


def test_a_header_of_the_request_replaces_the_usual_one() -> None:
    _, sent, _ = ask(WHOLE, headers={**HEADERS, "user-agent": "other"})
    assert b"user-agent: other\r\n" in sent
    assert b"policy-router" not in sent


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0"])
def test_a_header_of_two_lines_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        ask(WHOLE, headers={"a": value})


def test_a_large_body_goes_out_whole() -> None:
    body = b"x" * 5_000_000
    got, sent, _ = ask(WHOLE, body=body)
    assert got == [(200, b"ok")]
    assert sent.count(b"x") >= len(body)


def test_what_comes_before_an_answer_is_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    got, _, _ = ask(hints, WHOLE, times=2)
    assert got == [(200, b"ok")] * 2


def test_a_connection_is_used_again() -> None:
    opened: list[int] = []
    got, _, _ = ask(WHOLE, times=3, opened=opened)
    assert got == [(200, b"ok")] * 3
    assert len(opened) == 1


def test_an_unrequested_answer_is_not_taken_for_that_of_the_next_request() -> None:
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(WHOLE)
                await late.wait()
                writer.write(WHOLE.replace(b"ok", b"no"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> list[bytes]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        connections, got = Connections(), []
        for _ in range(2):
            async with connections.post(url, headers=HEADERS, body=b"", wire=Wire()) as answer:
                assert isinstance(answer, PostResponse)
                got.append(await answer.content.read())
                protocol = answer.connection.protocol
            late.set()
            async with asyncio.timeout(30):
                while not got[1:] and protocol is not None and not protocol.should_close:  # noqa: ASYNC110  it has no event
                    await asyncio.sleep(0)
        await connections.aclose()
        server.close()
        return got

    assert asyncio.run(main()) == [b"ok"] * 2


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((), aiohttp.ServerDisconnectedError),
        ((b"SSH-2.0-OpenSSH_9.7\r\n\r\n",), aiohttp.ClientError),
    ],
    ids=["nothing", "another protocol"],
)
def test_an_answer_that_is_none(answers: tuple[bytes, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(*answers)


def test_an_error_of_the_address_is_that_of_the_client() -> None:
    async def main(url: str) -> None:
        connections = Connections()
        try:
            async with connections.post(url, headers=HEADERS, body=b"", wire=Wire()):
                pass
        finally:
            await connections.aclose()

    for url in ("ftp://127.0.0.1/v1", "http://127.0.0.1:1/v1", "http://[::1", "http:///v1"):
        with pytest.raises((aiohttp.ClientError, ValueError)):
            asyncio.run(main(url))
