"""Each source is read as it really answers, and nothing that a server sends leads anywhere."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import date
from typing import Any

import pytest

from policy_router.discovery.fetch import is_metadata, refusal
from policy_router.discovery.query_sources import SourceListing, SourcePlace, look
from policy_router.discovery.served import ServedModel
from policy_router.discovery.sources.openrouter import following, read_page
from policy_router.discovery.sources.table import SOURCES
from policy_router.domain.prices import Price
from tests.discovery.sim import (
    METADATA,
    SimulatedSources,
    huge,
    openrouter_row,
    raw,
    redirecting,
    slow,
)


def listed(
    place: SourcePlace, environ: dict[str, str] | None = None, within: float = 30
) -> SourceListing:
    (listing,) = asyncio.run(look([place], environ or {}, within=within))
    return listing


def place(sources: SimulatedSources, kind: str, below: str | None = None) -> SourcePlace:
    return SourcePlace(SOURCES[kind], f"{sources.root}/{below or kind}")


def test_openrouter(sources: SimulatedSources) -> None:
    sources.openrouter[0]["expiration_date"] = "2026-12-24"
    listing = listed(place(sources, "openrouter"))
    assert listing.problem == ""
    assert [request.split()[1] for request in sources.asked] == [
        "/openrouter/api/v1/models", "/openrouter/api/v1/models?offset=2",
    ]  # fmt: skip
    free, paid, auto, sonnet = listing.models
    assert free == ServedModel(
        "qwen/qwen3-coder:free", 262_144, max_output=65_536, abilities=frozenset({"tools"}),
        free=True, last_day=date(2026, 12, 24),
    )  # fmt: skip
    assert (paid.price, paid.free) == (Price(220_000_000, 950_000_000), False)
    assert (auto.price, auto.free) == (None, False)
    assert sonnet.abilities == frozenset({"tools", "json", "reasoning", "vision", "pdf"})


def test_ollama(sources: SimulatedSources) -> None:
    assert listed(place(sources, "ollama")).models == (
        ServedModel(
            "llama3.2:latest", 8_192, longest=131_072, abilities=frozenset({"json", "tools"}),
            free=True, loaded=False,
        ),
        ServedModel(
            "qwen2.5-coder:14b", 4_096, longest=32_768, abilities=frozenset({"json", "tools"}),
            free=True, loaded=True,
        ),
        ServedModel("gpt-oss:120b-cloud", elsewhere=True, loaded=False),
    )  # fmt: skip


def test_an_older_ollama(sources: SimulatedSources) -> None:
    del sources.answers["/ollama/api/ps"]
    sources.show.clear()
    names = [each.name for each in listed(place(sources, "ollama")).models]
    assert names == [
        "llama3.2:latest", "qwen2.5-coder:14b", "gpt-oss:120b-cloud", "minilm:latest",
    ]  # fmt: skip
    sources.show = {"llama3.2:latest": ["nonsense"], "minilm:latest": {"capabilities": 7}}
    assert len(listed(place(sources, "ollama")).models) == 4


def test_lm_studio(sources: SimulatedSources) -> None:
    assert listed(place(sources, "lmstudio")).models == (
        ServedModel(
            "qwen/qwen3.5-9b", 4_096, longest=262_144,
            abilities=frozenset({"json", "tools", "vision"}), free=True, loaded=True,
        ),
        ServedModel(
            "google/gemma-4-4b", longest=32_768, abilities=frozenset({"json"}), free=True,
            loaded=False,
        ),
    )  # fmt: skip
    assert listed(place(sources, "lmstudio", "lmstudio0")).models == (
        ServedModel(
            "qwen2-vl-7b", 8_192, longest=32_768, abilities=frozenset({"json", "vision"}),
            free=True, loaded=True,
        ),
        ServedModel(
            "meta-llama-3.1-8b", longest=131_072, abilities=frozenset({"json", "tools"}),
            free=True, loaded=False,
        ),
    )  # fmt: skip
    assert [m.name for m in listed(place(sources, "lmstudio", "lmstudio9")).models] == ["old-one"]


def test_vllm_and_any_other_server(sources: SimulatedSources) -> None:
    (model,) = listed(place(sources, "vllm")).models
    assert model == ServedModel("Qwen/Qwen2.5-32B-Instruct", 32_768, free=True)
    any_server = SourcePlace(SOURCES["openai-compatible"], f"{sources.root}/any/v1", "SOME_KEY")
    assert listed(any_server).problem == "SOME_KEY is not set"
    assert listed(any_server, {"SOME_KEY": "sk-canary\n"}).models == (
        ServedModel("one"), ServedModel("two", 9_000),
    )  # fmt: skip
    assert sources.headers[-1]["authorization"] == "Bearer sk-canary"


PATHS = {
    "ollama": "/ollama/api/tags",
    "lmstudio": "/lmstudio/v1/models",
    "vllm": "/vllm/v1/models",
    "openrouter": "/openrouter/api/v1/models",
}
"""What each is asked last, where nothing else answers."""


def only(sources: SimulatedSources, kind: str, answer: Any) -> None:
    """Let a source give this answer, and no other."""
    sources.answers = {PATHS[kind]: answer}


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>hello</html>", b"[]", b"null", b"7", b"{}", b'{"data": null, "models": 7}',
        b"\xff\xfe", b"[" * 100_000, b'{"data": [' + b"9" * 5_000 + b"]}",
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_list(sources: SimulatedSources, kind: str, body: bytes) -> None:
    only(sources, kind, raw(body))
    listing = listed(place(sources, kind))
    assert listing.models == ()
    assert listing.problem in ("its answer is not JSON", "its answer is no list of models")


@pytest.mark.parametrize("kind", PATHS)
def test_rows_that_are_wrong_are_passed_over(sources: SimulatedSources, kind: str) -> None:
    key, name = {"ollama": ("models", "name")}.get(kind, ("data", "id"))
    rows: list[Any] = [
        1, None, [], {}, {name: 7}, {name: "a b"}, {name: "x\n\x1b[31my"}, {name: "n" * 121},
        {name: "fine", "context_length": "many", "pricing": [], "architecture": 3,
         "max_model_len": -1, "supported_parameters": "tools", "expiration_date": "soon"},
    ]  # fmt: skip
    only(sources, kind, {key: rows})
    listing = listed(place(sources, kind))
    assert [(m.name, m.context, m.price) for m in listing.models] == [("fine", None, None)]


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("status", [202, 401, 403, 404, 500, 503])
def test_refusals(sources: SimulatedSources, kind: str, status: int) -> None:
    only(sources, kind, raw(b"sk-canary", status))
    problem = listed(place(sources, kind)).problem
    assert str(status) in problem
    assert "canary" not in problem


@pytest.mark.parametrize("kind", PATHS)
def test_redirects_are_not_followed(sources: SimulatedSources, kind: str) -> None:
    for to in (METADATA, f"{sources.root}/any/v1/models"):
        only(sources, kind, redirecting(to))
        assert listed(place(sources, kind)).problem == (
            "it redirects to another address (302), which is not followed"
        )
    assert "GET /any/v1/models" not in sources.asked


@pytest.mark.parametrize("kind", PATHS)
def test_a_body_of_50_megabytes_is_not_read(sources: SimulatedSources, kind: str) -> None:
    only(sources, kind, huge(sources))
    assert listed(place(sources, kind)).problem == "its answer has more than 4 MiB"
    assert sources.sent < 20 << 20


@pytest.mark.parametrize("kind", PATHS)
def test_a_server_that_stops_in_the_middle(sources: SimulatedSources, kind: str) -> None:
    only(sources, kind, slow(sources))
    assert listed(place(sources, kind), within=0.3).problem == "no answer within 0.3 s"


def test_a_source_that_is_slow_keeps_no_other_waiting(sources: SimulatedSources) -> None:
    sources.answers[PATHS["vllm"]] = slow(sources)
    places = [place(sources, "vllm"), place(sources, "lmstudio")]
    answered: list[int] = []
    stuck, fine = asyncio.run(look(places, {}, within=2, on_answer=lambda: answered.append(1)))
    assert stuck.problem == "no answer within 2 s"
    assert len(fine.models) == 2
    assert len(answered) == 2


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert listed(SourcePlace(SOURCES["vllm"], f"http://127.0.0.1:{port}")).problem == (
        "connection refused"
    )
    assert listed(SourcePlace(SOURCES["vllm"], "http://nowhere.invalid")).problem == "no such host"


@pytest.mark.parametrize(
    "base",
    [
        "http://169.254.169.254", "http://metadata.google.internal/x", "http://[fd00:ec2::254]",
        "http://0xA9FEA9FE/", "http://169.254.169.254.nip.io", "http://[::ffff:169.254.169.254]",
        "http://100.100.100.200",
    ],
)  # fmt: skip
def test_addresses_of_credentials_are_not_asked(base: str) -> None:
    problem = listed(SourcePlace(SOURCES["openai-compatible"], base)).problem
    assert problem == "clouds keep the credentials of their machines there"


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("ftp://host/x", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("http://host:99999", "not an address"),
        ("http://user:pw@host", "contains credentials"),
        ("http://host/v1?api_key=x1", "contains credentials"),
    ],
)
def test_addresses_that_are_not_asked(base: str, why: str) -> None:
    assert why in (refusal(base) or "")


def test_a_name_that_leads_to_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> list[tuple[Any, ...]]:
        address = ("169.254.169.254", 80)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    problem = listed(SourcePlace(SOURCES["vllm"], "http://innocent.example")).problem
    assert problem == "its name leads to where clouds keep credentials"
    assert is_metadata("fe80::1%eth0")
    assert not is_metadata("127.0.0.1")


def test_pages_lead_to_no_other_server(sources: SimulatedSources) -> None:
    rows = sources.openrouter
    only(sources, "openrouter", {"data": rows, "links": {"next": METADATA}})
    assert len(listed(place(sources, "openrouter")).models) == 4
    same = f"{sources.root}/openrouter/api/v1/models"
    only(sources, "openrouter", {"data": rows, "links": {"next": same}})
    sources.asked.clear()
    assert len(listed(place(sources, "openrouter")).models) == 4
    assert len(sources.asked) == 10
    for link in (7, "", "http://[", None, "//other/x"):
        assert following({"links": {"next": link}}, sources.root) is None
    assert following({"links": {"next": "/p?q=1"}}, sources.root) == "/p?q=1"
    assert following([], sources.root) is None


@pytest.mark.parametrize(
    ("prompt", "price"),
    [
        ("0.000003", Price(3_000_000_000, 1_000_000_000)),
        ("3e-06", Price(3_000_000_000, 1_000_000_000)),
        ("0.0000000000000001", Price(1, 1_000_000_000)),
        ("-1", None), ("1e999999999", None), ("NaN", None), ("", None), (3e-06, None),
        ("9" * 400, None),
    ],
)  # fmt: skip
def test_prices_are_strings_of_dollars_per_token(prompt: Any, price: Price | None) -> None:
    row = openrouter_row("a/b", prompt, "0.000001")
    assert read_page({"data": [row]})[0].price == price


def test_fees_and_cached_tokens_have_prices() -> None:
    row = openrouter_row("a/b", "0.000003", "0.000015")
    row["pricing"] |= {
        "input_cache_read": "0.0000003", "input_cache_write": "0.00000375", "request": "0.01",
    }  # fmt: skip
    (model,) = read_page({"data": [row]})
    assert model.price == Price(
        3_000_000_000, 15_000_000_000, cached=300_000_000, written=3_750_000_000, fee=10_000_000,
    )  # fmt: skip
    assert json.dumps(row)
