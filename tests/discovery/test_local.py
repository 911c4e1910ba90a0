"""Which servers are found, and what no server can make us do."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from policy_router.discovery import local as finding
from policy_router.discovery.local import (
    SOURCES,
    discover,
    ollama_base,
)
from tests.discovery.servers import ANSWERS, OLLAMA, VLLM, LocalServer, look


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>hello</html>", b"[]", b"null", b"7", b"{}", b'{"data": null}',
        b'{"data": [1], "models": [1]}', b'{"data": [{}], "models": [{}]}',
        b'{"data": [{"id": 7}], "models": [{"name": 7}]}', b'{"data": [], "models": []}',
        b'{"data": [{"id": "a b"}], "models": [{"name": "x\\ny: z"}]}', b"\xff\xfe", b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_servers_are_passed_over(here: LocalServer, answer: bytes) -> None:
    for name in ANSWERS:
        here.says(name, answer)
    assert look(here, *ANSWERS).servers == ()


@pytest.mark.parametrize("status", [204, 301, 401, 403, 500])
def test_refusals_are_passed_over(here: LocalServer, status: int) -> None:
    here.says("vllm", b"" if status == 204 else VLLM, status, location=f"{here.root}/ollama/x")
    assert look(here, "vllm").servers == ()


def test_a_list_without_end_is_not_read_to_the_end(here: LocalServer) -> None:
    names = [{"id": f"model-{number}"} for number in range(300_000)]
    here.says("vllm", {"data": names})
    assert look(here, "vllm").servers == ()
    here.says("vllm", {"data": names[:100_000]})
    assert len(look(here, "vllm").servers[0].models) == 100_000


def test_a_compressed_answer_is_not_unpacked(here: LocalServer) -> None:
    packed = gzip.compress(json.dumps(VLLM).encode())
    here.handler.answers["vllm"] = (200, packed, {"content-encoding": "gzip"})
    assert look(here, "vllm").servers == ()


def test_no_server_leads_us_elsewhere(here: LocalServer) -> None:
    here.says("vllm", b"", 302, location=f"{here.root}/lmstudio/v1/models")
    assert look(here, "vllm").servers == ()
    assert here.handler.asked[-1] != "/lmstudio/v1/models"
    assert "/lmstudio/v1/models" not in here.handler.asked


def test_no_proxy_is_asked(here: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert [server.kind for server in look(here, "vllm").servers] == ["vllm"]


def test_a_server_that_hangs_is_left_behind(here: LocalServer) -> None:
    here.says("slow", VLLM)
    sources = [replace(s, base=f"{here.root}/slow") for s in SOURCES]
    assert discover({}, sources=sources, within=0.2).servers == ()
    assert not here.handler.hang.is_set()


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104  what people set it to
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("localhost:1", "http://localhost:1"),
        ("http://localhost:1/", "http://localhost:1"),
        ("[::1]:5", "http://[::1]:5"),
        ("[::]:5", "http://127.0.0.1:5"),
        (" 127.0.0.1:7 ", "http://127.0.0.1:7"),
        ("gpu.internal", "http://gpu.internal:11434"),
    ],
)
def test_where_ollama_listens(host: str, base: str) -> None:
    assert ollama_base(host) == base


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.com:1", False),
        ("http://127.0.0.1.example.com:1", False),
        ("http://user@example.com:1", False),
        ("http://127.0.0.1@example.com:1", False),
        ("file:///etc/passwd", False),
        ("http://[bad", False),
        ("", False),
    ],
)
def test_only_this_machine_is_asked(base: str, expected: bool) -> None:
    assert finding.is_loopback(base) is expected
    if not expected:
        found = discover({}, sources=[replace(SOURCES[2], base=base)], within=5)
        assert found.servers == ()
        assert found.notes == (f"vllm was skipped: {base} is not on this machine",)


def test_ollama_host_moves_ollama(here: LocalServer) -> None:
    assert [source.base for source in SOURCES] == [
        "http://127.0.0.1:11434", "http://127.0.0.1:1234", "http://127.0.0.1:8000",
    ]  # fmt: skip
    here.says("api", OLLAMA)
    environ = {"OLLAMA_HOST": f"127.0.0.1:{here.port}"}
    (server,) = discover(environ, sources=here.sources(), within=10).servers
    assert (server.kind, server.base) == ("ollama", here.root)
    elsewhere = discover({"OLLAMA_HOST": "gpu.internal"}, sources=SOURCES[:1], within=5)
    assert elsewhere.notes == (
        "ollama was skipped: http://gpu.internal:11434 is not on this machine",
    )
