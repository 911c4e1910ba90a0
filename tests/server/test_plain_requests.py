"""Requests that pass h11 by mean what they mean to h11."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any, Final

import h11
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from policy_router.server.plain_requests import read_plain
from policy_router.server.protocol import TimedHeaders
from policy_router.server.replies import WHEN_LEFT
from tests.server.serving import served

MOST: Final = 4_096
START: Final = b"POST /v1/messages?beta=true HTTP/1.1\r\n"
LINES: Final = (b"host: a", b"Content-Length: 3", b"x-a:\t b c \t", b"connection: Keep-Alive")
PLAIN: Final = START + b"\r\n".join((*LINES, b"", b"abcGET"))


def test_a_plain_request() -> None:
    request = read_plain(PLAIN, MOST)
    assert request is not None
    assert request[:3] == ("POST", "/v1/messages", b"beta=true")
    assert request.headers == [
        (b"host", b"a"), (b"content-length", b"3"), (b"x-a", b"b c"), (b"connection", b"Keep-Alive")
    ]  # fmt: skip
    assert (request.length, request.begun) == (3, b"abcGET")


OTHERS: Final = {
    "nothing": b"",
    "not all headers": PLAIN[:60],
    "no headers": START + b"\r\n",
    "no host": START + b"a: b\r\n\r\n",
    "another method": PLAIN.replace(b"POST", b"HEAD"),
    "another version": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an escape in the path": PLAIN.replace(b"messages", b"mess%61ges"),
    "a fragment": PLAIN.replace(b"messages", b"messages#x"),
    "a whole address": PLAIN.replace(b"/v1", b"http://a/v1"),
    "two lengths": PLAIN.replace(b"x-a", b"content-length"),
    "two hosts": PLAIN.replace(b"x-a", b"Host"),
    "a signed length": PLAIN.replace(b": 3", b": +3"),
    "a length of many digits": PLAIN.replace(b": 3", b": 0000000000003"),
    "no length": PLAIN.replace(b": 3", b":"),
    "chunks": PLAIN.replace(b"x-a", b"transfer-encoding"),
    "an upgrade": PLAIN.replace(b"x-a", b"upgrade"),
    "an expectation": PLAIN.replace(b"x-a", b"expect"),
    "the last request": PLAIN.replace(b"Keep-Alive", b"close"),
    "a space before the colon": PLAIN.replace(b"host:", b"host :"),
    "a folded header": PLAIN.replace(b"x-a", b" x-a"),
    "a bare line feed": PLAIN.replace(b"b c", b"b\nc"),
    "a bare carriage return": PLAIN.replace(b"b c", b"b\rc"),
    "a nul": PLAIN.replace(b"b c", b"b\0c"),
    "other than ASCII": PLAIN.replace(b"b c", b"b\xffc"),
    "large headers": PLAIN.replace(b"b c", b"b" * MOST),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_left_to_h11(name: str) -> None:
    assert read_plain(OTHERS[name], MOST) is None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A plain request with some bytes replaced, left out or put in."""
    data = bytearray(PLAIN)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data) - 1))
        data[place : place + draw(st.integers(0, 2))] = draw(
            st.sampled_from(
                [b"\r", b"\n", b"\r\n", b" ", b":", b"\0", b"\xff", b"?", b"1", b"host"]
            )
            | st.binary(max_size=2)
        )
    return bytes(data)


@given(damaged())
def test_h11_reads_the_same(data: bytes) -> None:
    request = read_plain(data, MOST)
    if request is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    assert event.method.decode() == request.method
    path, _, query = event.target.partition(b"?")
    assert (path.decode(), query) == (request.path, request.query)
    assert list(event.headers) == request.headers
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert body == request.begun[: request.length]
    assert isinstance(event, h11.EndOfMessage) is (len(request.begun) >= request.length)


def talk(app: Any, *parts: bytes) -> bytes:
    """Send bytes to a server in several parts; return all that is answered until it hangs up."""
    with served(app) as address:
        host, port = address.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=60)) as line:
            for part in parts:
                line.sendall(part)
            received = b""
            while data := line.recv(65_536):
                received += data
    return received


START_MESSAGE: Final = {"type": "http.response.start", "status": 200, "headers": []}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Send the path and the body of a request back, in chunks."""
    if scope["type"] == "lifespan":
        return
    await send(START_MESSAGE)
    await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": True})
    await send({"type": "http.response.body", "body": b"."})


def request(path: str, body: bytes, *lines: str, length: int | None = None) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: a", *lines]
    size = len(body) if length is None else length
    return "\r\n".join([*head, f"content-length: {size}", "", ""]).encode() + body


def test_requests_that_are_sent_together_are_answered_in_turn() -> None:
    first, second = request("/1", b"one"), request("/2", b"two", "expect: 100-continue")
    last = request("/3", b"three", "connection: close")
    received = talk(echo, first + second + last)
    answered = b"".join(received.split(b"\r\n"))
    assert received.count(b"HTTP/1.1 200 OK") == 3
    places = [answered.index(each) for each in (b"/1", b"one", b"/2", b"two", b"/3", b"three")]
    assert places == sorted(places)


def test_a_body_may_come_in_parts() -> None:
    large = b"x" * 200_000
    whole = request("/1", large)
    parts = [whole[at : at + 50_000] for at in range(0, len(whole), 50_000)]
    received = talk(echo, *parts, request("/2", b"two", "connection: close"))
    assert received.count(b"x") == len(large)
    assert b"/2" in received


def test_many_requests_may_wait() -> None:
    many = [request(f"/{number}", b"y" * 1_000) for number in range(200)]
    received = talk(echo, b"".join(many) + request("/last", b"", "connection: close"))
    assert received.count(b"HTTP/1.1 200 OK") == 201
    assert received.rstrip().endswith(b"0")


@pytest.mark.parametrize("line", ["x-a: b", "expect: something"], ids=["plain", "by h11"])
def test_what_is_sent_ahead_waits_with_the_client(line: str) -> None:
    made: list[TimedHeaders] = []
    waited: list[int] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        for _ in range(10):  # turns in which more could be read
            await asyncio.sleep(0)
        waited.append(len(made[0]._following) + len(made[0].conn.trailing_data[0]))
        await send(START_MESSAGE)
        await send({"type": "http.response.body"})

    async def main() -> bytes:
        def make() -> TimedHeaders:
            made.append(TimedHeaders(config, ServerState(), {}))
            return made[-1]

        config = uvicorn.Config(app, lifespan="off", log_config=None)
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(request("/1", b"y" * 10_000, line) * 400)
            writer.write(request("/2", b"", line, "connection: close"))
            received = await reader.read()
            writer.close()
            await writer.wait_closed()
        return received

    assert asyncio.run(main()).count(b"HTTP/1.1 200 ") == 401
    assert max(waited) < 1_000_000


def test_the_rest_of_a_body_that_is_not_read_is_skipped() -> None:
    """Some clients send the headers and the body of a request one after the other."""

    async def refuse(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(START_MESSAGE)
            await send({"type": "http.response.body", "body": scope["path"].encode()})

    with served(refuse) as address:
        host, port = address.removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=60)) as line:
            line.sendall(request("/1", b"abc", length=10))
            received = b""
            while b"0\r\n\r\n" not in received:
                received += line.recv(65_536)
            line.sendall(b"def")
            line.sendall(b"ghij" + request("/2", b"", "connection: close"))
            while data := line.recv(65_536):
                received += data
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b"/2" in received


WRONG: Final[dict[str, list[dict[str, Any]]]] = {
    "a body first": [{"type": "http.response.body"}],
    "a header with two lines": [{**START_MESSAGE, "headers": [(b"a", b"b\r\nc: d")]}],
    "a header with a nul": [{**START_MESSAGE, "headers": [(b"a", b"b\0")]}],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_not_sent(name: str) -> None:
    async def wrong(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] == "http":
            for message in WRONG[name]:
                await send(message)

    received = talk(wrong, request("/1", b""))
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"c: d" not in received


LENGTH: Final = {**START_MESSAGE, "headers": [(b"content-length", b"3")]}
BODY: Final = {"type": "http.response.body", "body": b"ab"}
ENDED: Final[dict[str, tuple[list[dict[str, Any]], bytes]]] = {
    "too short": ([LENGTH, BODY], b""),
    "too long": ([LENGTH, {**BODY, "body": b"abcd"}], b""),
    "too much": ([LENGTH, {**BODY, "body": b"abc"}, BODY], b"abc"),
    "two starts": ([START_MESSAGE, START_MESSAGE], b""),
    "no body": ([{**START_MESSAGE, "status": 204, "headers": [(b"connection", b"close")]},
                 {**BODY, "body": b""}], b""),
    "an unknown status": ([{**LENGTH, "status": 529}, {**BODY, "more_body": True},
                           {**BODY, "body": b"c"}, BODY], b"abc"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDED)
def test_an_answer_that_does_not_fit_ends_the_connection(name: str) -> None:
    messages, expected = ENDED[name]

    async def wrong(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    _, _, received = talk(wrong, request("/1", b"")).partition(b"\r\n\r\n")
    assert received == expected


@pytest.mark.parametrize("early", [True, False])
def test_the_application_hears_that_the_client_has_left(early: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        arrived, left, lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        received: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            when_left = scope["extensions"][WHEN_LEFT]
            await receive()
            if early:
                when_left(left.set)
            arrived.set()
            await lost.wait()
            when_left(left.set)
            received.append(await receive())
            await send(START_MESSAGE)
            when_left(None)

        class Seen(TimedHeaders):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        config = uvicorn.Config(app, lifespan="off", log_config=None)
        state = ServerState()
        server = await loop.create_server(lambda: Seen(config, state, {}), "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(request("/1", b""))
            await arrived.wait()
            writer.close()
            await writer.wait_closed()
            await left.wait()
            await asyncio.gather(*state.tasks)
        assert received == [{"type": "http.disconnect"}]

    asyncio.run(main())


@pytest.mark.parametrize("waits", [True, False], ids=["a request", "nothing"])
def test_a_request_that_is_there_goes_before_the_end_of_an_idle_connection(waits: bool) -> None:
    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        made: list[TimedHeaders] = []

        def make() -> TimedHeaders:
            made.append(TimedHeaders(config, ServerState(), {}))
            return made[-1]

        config = uvicorn.Config(echo, lifespan="off", log_config=None)
        server = await loop.create_server(make, "127.0.0.1", 0)
        async with server:
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            writer.write(request("/1", b""))
            received = await reader.readuntil(b"0\r\n\r\n")
            if waits:  # written at once, while the server has no turn to read it
                writer.write(request("/2", b"", "connection: close"))
            made[0].timeout_keep_alive_handler()
            received += await reader.read()
            writer.close()
            await writer.wait_closed()
        return received

    assert asyncio.run(main()).count(b"HTTP/1.1 200 OK") == 1 + waits
