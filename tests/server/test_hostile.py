"""Bodies and bytes that no honest client sends."""

from __future__ import annotations

import json
import re
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from policy_router.server.app import closes, create_app
from policy_router.server.protocol import protocol
from policy_router.server.settings import ServerSettings
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router import Router
    from policy_router.providers.simulated import Simulated

HELLO = [{"role": "user", "content": "Hello!"}]
GOOD: Final = json.dumps({"model": "auto", "messages": HELLO})
CHAT: Final = "/v1/chat/completions"


BODIES: Final = {
    "empty": b"",
    "not json": b"{",
    "a list": b"[]",
    "a number": b"7",
    "utf-16": GOOD.encode("utf-16"),
    "latin-1": GOOD.replace("Hello", "H\xe9llo").encode("latin-1"),
    "a bom": b"\xef\xbb\xbf" + GOOD.encode(),
    "nan": GOOD.replace("}", ', "temperature": NaN}', 1).encode(),
    "infinity": GOOD[:-1].encode() + b', "temperature": -Infinity}',
    "an infinite number": GOOD[:-1].encode() + b', "wish": 1e999}',
    "a huge number": GOOD[:-1].encode() + b', "seed": ' + b"9" * 5_000 + b"}",
    "a model twice": GOOD[:-1].encode() + b', "model": "big"}',
    "a nested field twice": b'{"messages": [{"role": "user", "role": "system", "content": ""}]}',
    "deep lists": b'{"messages": ' + b"[" * 65 + b"]" * 65 + b"}",
    "deep objects": b'{"messages": [' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"]}",
    "very deep": b"[" * 200_000,
    "a nul": b'{"messages": "\x00"}',
    "stream as text": GOOD[:-1].encode() + b', "stream": "yes"}',
    "messages as text": b'{"messages": "Hello"}',
    "no messages": b'{"model": "auto"}',
    "a model as a list": b'{"model": [], "messages": []}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_refused(address: str, provider: Simulated, name: str) -> None:
    answer = httpx.post(f"{address}{CHAT}", content=BODIES[name])
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not provider.requests


def test_half_a_surrogate_pair_is_replaced(address: str, provider: Simulated) -> None:
    body = b'{"messages": [{"role": "user", "content": "a\\ud800b"}], "\\udfff": 1}'
    assert httpx.post(f"{address}{CHAT}", content=body).status_code == 200
    assert provider.requests[-1].body["messages"][0]["content"] == "a\ufffdb"


@pytest.fixture
def small(router: Router) -> Iterator[str]:
    """A server with small limits."""
    settings = ServerSettings(
        body_bytes=2_000, body_seconds=0.3, header_bytes=4_096, header_seconds=0.3
    )
    app = create_app(router, settings=settings, lifespan=closes(router))
    with served(app, settings=settings) as address:
        yield address


def test_a_large_body_that_is_taken(address: str, provider: Simulated) -> None:
    message = {"role": "user", "content": "word " * 5_000}
    body = json.dumps({"model": "big", "messages": [message] * 30})
    assert httpx.post(f"{address}{CHAT}", content=body, timeout=60).status_code == 422
    twice = body[:-1] + ', "model": "small"}'
    assert httpx.post(f"{address}{CHAT}", content=twice, timeout=60).status_code == 400
    assert not provider.requests


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused(small: str, announced: bool) -> None:
    def parts() -> Iterator[bytes]:
        yield from [b" " * 500] * 5

    content = b" " * 2_500 if announced else parts()
    answer = httpx.post(f"{small}{CHAT}", content=content)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
    assert httpx.post(f"{small}{CHAT}", content=GOOD).status_code == 200


def test_a_compressed_body_is_refused(address: str) -> None:
    answer = httpx.post(f"{address}{CHAT}", content=b"x", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


def talk(address: str, data: bytes, *, end: bool = False) -> bytes:
    """Send bytes; return everything that is answered until the server closes the connection."""
    host, port = address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as line:
        line.sendall(data)
        if end:
            line.shutdown(socket.SHUT_WR)
        received = b""
        while part := line.recv(65_536):
            received += part
    return received


def head(*lines: str, method: str = "POST", path: str = CHAT) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", *lines, "", ""]).encode()


def test_a_slow_body_is_refused(small: str) -> None:
    answer = talk(small, head("content-length: 100") + b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_slow_headers_end_the_connection(small: str) -> None:
    assert talk(small, b"POST / HTTP/1.1\r\nhost: local") == b""
    assert talk(small, b"") == b""


def test_large_headers_are_refused(small: str) -> None:
    answer = talk(small, head(*(f"x-{i}: {'a' * 100}" for i in range(100))))
    assert answer.startswith(b"HTTP/1.1 4")


def test_the_size_of_headers_counts_also_when_they_arrive_at_once(address: str) -> None:
    for lines in ([f"x: {'a' * 40_000}"], [f"x-{i}: a" for i in range(4_000)]):
        assert talk(address, head(*lines, method="GET")).startswith(b"HTTP/1.1 400 ")
    assert talk(address, head(method="GET", path=f"/{'a' * 40_000}")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("version", "length"), [("1.1", "content-length: 5"), ("1.0", "x-length: 5")]
)
def test_a_body_with_two_ends_is_not_read(
    address: str, provider: Simulated, version: str, length: str
) -> None:
    lines = [f"POST {CHAT} HTTP/{version}", "host: localhost", "transfer-encoding: chunked", length]
    body = f"{len(GOOD):x}\r\n{GOOD}\r\n0\r\n\r\n"
    data = "\r\n".join([*lines, "", body]).encode()
    assert talk(address, data).startswith(b"HTTP/1.1 400 ")
    assert not provider.requests


SMUGGLED: Final = {
    "two lengths": ("content-length: 5", "content-length: 6"),
    "length and chunks": ("content-length: 5", "transfer-encoding: chunked"),
    "chunks twice": ("transfer-encoding: chunked", "transfer-encoding: chunked"),
    "unknown coding": ("transfer-encoding: xchunked",),
    "coding after chunks": ("transfer-encoding: chunked, identity",),
    "negative length": ("content-length: -1",),
    "signed length": ("content-length: +5",),
    "hexadecimal length": ("content-length: 0x5",),
    "space before the colon": ("content-length : 5",),
    "folded header": ("x-a: 1\r\n content-length: 5",),
    "bare line feed in a header": ("x-a: 1\nx-policy-router-tags: secret",),
    "bare carriage return": ("x-a: 1\rx-policy-router-tags: secret",),
    "nul in a header": ("x-a: 1\x002",),
    "two hosts": ("host: evil.example",),
}


@pytest.mark.parametrize("case", SMUGGLED)
def test_ambiguous_requests_reach_no_model(address: str, provider: Simulated, case: str) -> None:
    second = head(f"content-length: {len(GOOD)}", "connection: close") + GOOD.encode()
    answer = talk(address, head(*SMUGGLED[case]) + b"0\r\n\r\n" + second, end=True)
    # Refusals, and the connection is closed before the request that is hidden behind is read.
    assert set(re.findall(rb"HTTP/1.1 (\d)", answer)) <= {b"4"}, answer
    assert not provider.requests


@pytest.mark.parametrize(
    "path", ["//v1/models", "/v1/models/../../-/reload", "/V1/models", "/v1/models/"]
)
def test_paths_are_taken_as_they_are(address: str, path: str) -> None:
    answer = talk(address, head("connection: close", method="GET", path=path))
    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(("content", "status"), [("A" * 5_000_000, 200), ("[]," * 1_700_000, 413)])
def test_a_large_body_has_few_values(address: str, content: str, status: int) -> None:
    body = {"model": "big", "messages": [{"role": "user", "content": "Hello!"}], "wish": content}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["error"]["code"] == "body_too_large"


def test_an_unknown_method(address: str) -> None:
    answer = httpx.delete(f"{address}/v1/models")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    answer = httpx.get(f"{address}/v1/messages")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"] == {
        "type": "invalid_request_error",
        "message": "`/v1/messages` does not take GET, only POST",
    }


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/UI/", "/ui"),
        ("/v1/files", None),
    ],
)
def test_a_wrong_path_is_told_the_right_one(address: str, path: str, meant: str | None) -> None:
    answer = httpx.post(address + path, json={})
    assert answer.status_code == 404
    hint = f"; did you mean `{meant}`?" if meant else ": `/openapi.json` lists what there is"
    assert answer.json()["error"]["message"] == f"there is no `{path}`{hint}"
    assert ("type" in answer.json()) == ("messages" in path)  # as Anthropic's clients read it


def test_a_client_of_anthropic_is_told_so_what_it_asks_for_in_vain(address: str) -> None:
    told = {"anthropic-version": "2023-06-01"}
    for path in ("/v1/models/nope", "/v1/files"):
        assert httpx.get(address + path).json().get("type") is None
        error = httpx.get(address + path, headers=told).json()
        assert (error["type"], error["error"]["type"]) == ("error", "not_found_error")


def test_nothing_of_a_body_becomes_a_header(address: str) -> None:
    odd = {"a\r\nset-cookie: x": 1, "\u2028": 2, "m" * 500: 3}
    answer = httpx.post(f"{address}/v1/messages", json={"messages": HELLO, "max_tokens": 9, **odd})
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-policy-router-ignored"].startswith("a%EF%BF%BD%EF%BF%BDset-cookie: x,")


def test_the_protocol_has_the_time_of_the_settings() -> None:
    assert protocol(ServerSettings(header_seconds=3)).seconds == 3
