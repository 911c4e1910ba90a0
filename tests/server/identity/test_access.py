"""Who may call what: every caller at every endpoint, and what hints cannot change."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import string
import threading
from random import Random
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from policy_router import Router
from policy_router.events import Decided
from policy_router.providers.simulated import Say, Simulated
from policy_router.server.app import ENDPOINTS, closes, create_app
from policy_router.server.hints import HINTS
from policy_router.server.identity.access import Access
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.identity.keys import as_row, digest_of, new_entry, new_key, store_keys
from policy_router.server.ui.browser import CHALLENGE
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.domain.request import Request
    from policy_router.events import Event

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT: Final = {"model": "auto", "messages": HELLO}
CALLS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("POST", "/v1/chat/completions"): {"json": CHAT},
    ("POST", "/v1/responses"): {"json": {"model": "auto", "input": "Hello!"}},
    ("POST", "/v1/messages"): {"json": {**CHAT, "max_tokens": 9}},
    ("POST", "/v1/messages/count_tokens"): {"json": CHAT},
    ("POST", "/v1/embeddings"): {"json": {"model": "auto", "input": "Hello!"}},
    ("POST", "/v1/feedback"): {"json": {"decision": "d", "score": 1}},
    ("POST", "/v1/route"): {"json": CHAT},
    ("GET", "/v1/models"): {},
    ("GET", "/v1/models/{name:path}"): {"path": "/v1/models/auto"},
    ("GET", "/-/policy"): {},
    ("POST", "/-/reload"): {},
    ("GET", "/v1/report"): {},
    ("GET", "/metrics"): {},
    ("GET", "/ui"): {},
    ("GET", "/ui/{panel}"): {"path": "/ui/models"},
    ("GET", "/ui/part/{panel}"): {"path": "/ui/part/live"},
    ("GET", "/ui/events"): {},
    ("GET", "/ui/static/{name}"): {"path": "/ui/static/page.js"},
    ("GET", "/ui/decisions/{decision}"): {"path": "/ui/decisions/d"},
    ("GET", "/ui/policy"): {},
    ("POST", "/ui/try"): {"data": {"text": "Hello!"}},
    ("HEAD", "/"): {},
    ("GET", "/openapi.json"): {},
    ("GET", "/healthz"): {},
    ("GET", "/readyz"): {},
}
"""A good call of every endpoint."""
KEYS: Final = {name: new_key() for name in ("a", "b", "admin", "narrow")}
SENT: Final = {**KEYS, "nobody": None, "stranger": new_key()}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    rows: dict[str, dict[str, object]] = {
        "a": {"tenant": "a", "user": "ada", "team": "core", "max_cost": "0.50"},
        "b": {"tenant": "b", "user": "bob", "allowed_tags": ["pri*"], "tags": ["batch"]},
        "admin": {"admin": True},
        "narrow": {"models": ["fast"], "tasks": ["chat"]},
    }
    store_keys(path, [new_entry(name, KEYS[name], row) for name, row in rows.items()])
    return path


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def keyed(policy_file: Path, key_file: Path, events: list[Event]) -> Iterator[str]:
    """The address of a server with keys."""
    with Router.open(policy_file, watch="off", on_event=events.append) as router:
        app = create_app(router, identify=KeyRing(key_file), lifespan=closes(router))
        with served(app) as address:
            yield address


def headers_of(caller: str) -> dict[str, str]:
    key = SENT[caller]
    return {} if key is None else {"authorization": f"Bearer {key}"}


def test_every_endpoint_has_a_call() -> None:
    assert CALLS.keys() == {(each.method, each.path) for each in ENDPOINTS}


EXPECTED: Final = {
    Access.EVERYONE: {},
    Access.CALLERS: {"nobody": 401, "stranger": 401},
    Access.ADMINS: {"nobody": 401, "stranger": 401, "a": 403, "b": 403, "narrow": 403},
}
"""Who is refused, with which status; all others are not."""


def test_everyone_at_every_endpoint(keyed: str) -> None:
    with httpx.Client(base_url=keyed) as client:
        for endpoint, caller in itertools.product(ENDPOINTS, SENT):
            call = dict(CALLS[endpoint.method, endpoint.path])
            path = call.pop("path", endpoint.path)
            headers = headers_of(caller)
            with client.stream(endpoint.method, path, headers=headers, **call) as answer:
                endless = answer.headers.get("content-type", "").startswith("text/event-stream")
                text = "" if endless else answer.read().decode()
            expected = EXPECTED[endpoint.access].get(caller)
            case = (endpoint.path, caller, answer.status_code)
            if expected is None:
                assert answer.status_code not in (401, 403), case
            else:
                assert answer.status_code == expected, case
                assert "Hello" not in text
            if expected == 401:
                challenge = CHALLENGE if endpoint.browser else "Bearer"
                assert answer.headers["www-authenticate"] == challenge
            for key in SENT.values():
                assert key is None or key not in text


def decided(events: list[Event]) -> list[Request]:
    return [event.decision.request for event in events if isinstance(event, Decided)]


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
def test_a_key_in_the_header_of_each_client(keyed: str, header: str) -> None:
    value = f"bearer {KEYS['a']}" if header == "authorization" else KEYS["a"]
    assert httpx.get(f"{keyed}/v1/models", headers={header: value}).status_code == 200


def test_identity_comes_from_the_key_alone(keyed: str, events: list[Event]) -> None:
    names = ("tenant", "user", "team", "key", "admin")
    claims = {f"x-policy-router-{name}": "b" for name in names}
    body = {**CHAT, "user": "b", "metadata": dict.fromkeys(names, "b")}
    for caller in ("a", "b"):
        answer = httpx.post(
            f"{keyed}/v1/chat/completions", json=body, headers={**claims, **headers_of(caller)}
        )
        assert answer.status_code == 200
    ada, bob = decided(events)
    assert (ada.tenant, ada.user, ada.team) == ("a", "ada", "core")
    assert (bob.tenant, bob.user, bob.team) == ("b", "bob", None)
    assert ada.max_cost_nano_usd == 500_000_000
    assert bob.tags == {"batch"}


@pytest.mark.parametrize(
    ("caller", "hint", "value", "status"),
    [
        ("a", "tags", "private", 403),
        ("b", "tags", "private", 200),
        ("b", "tags", "secret", 403),
        ("narrow", "task", "code", 403),
        ("narrow", "task", "chat", 200),
    ],
)
def test_hints_that_a_key_allows(
    keyed: str, caller: str, hint: str, value: str, status: int
) -> None:
    for place in ({"headers": {f"x-policy-router-{hint}": value}}, {"metadata": {hint: value}}):
        answer = httpx.post(
            f"{keyed}/v1/chat/completions",
            json={**CHAT, "metadata": place.get("metadata")},
            headers={**headers_of(caller), **place.get("headers", {})},
        )
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("model", "answered"),
    [("fast", "small"), ("auto", "small"), ("big", None), ("small", None), ("auto:code", None)],
)
def test_models_that_a_key_allows(keyed: str, model: str, answered: str | None) -> None:
    answer = httpx.post(
        f"{keyed}/v1/chat/completions", json={**CHAT, "model": model}, headers=headers_of("narrow")
    )
    if answered is None:
        assert answer.status_code == 403
    else:
        assert answer.json()["model"] == answered


def test_a_caller_sees_only_its_names(keyed: str) -> None:
    listed = httpx.get(f"{keyed}/v1/models", headers=headers_of("narrow")).json()["data"]
    assert [each["id"] for each in listed] == ["auto", "auto:chat", "fast"]


def test_no_hint_raises_the_cost_that_a_key_allows(keyed: str, events: list[Event]) -> None:
    for cost in ("0.01", "100"):
        httpx.post(
            f"{keyed}/v1/chat/completions",
            json=CHAT,
            headers={**headers_of("a"), "x-policy-router-max-cost": cost},
        )
    assert [r.max_cost_nano_usd for r in decided(events)] == [10_000_000, 500_000_000]


LITELLM: Final = (
    "api_base", "base_url", "api_key", "api_version", "api_type", "extra_headers", "extra_body",
    "headers", "mock_response", "mock_tool_calls", "mock_timeout", "input_cost_per_token",
    "output_cost_per_token", "input_cost_per_second", "num_retries", "max_retries", "timeout",
    "stream_timeout", "fallbacks", "context_window_fallback_dict", "model_list",
    "custom_llm_provider", "azure", "aws_access_key_id",
    "aws_secret_access_key", "aws_region_name", "vertex_project",
    "vertex_credentials", "client", "logger_fn", "callbacks", "success_callback", "caching",
    "cache", "no-log", "metadata", "litellm_params", "litellm_metadata", "organization",
    "ssl_verify", "proxy", "user_continue_message", "drop_params", "allowed_openai_params",
    "prompt_id", "hf_model_name", "guardrails", "tenant", "team", "key", "tokens", "headers",
)  # fmt: skip
"""Parameters with which a body could change where, how and for whom LiteLLM calls."""


@pytest.mark.parametrize("stream", [False, True])
def test_no_field_of_a_body_changes_the_call(
    address: str, provider: Simulated, stream: bool
) -> None:
    random = Random(7)  # noqa: S311  the same fields in every run
    made = ["".join(random.choices(string.ascii_lowercase + "_", k=12)) for _ in range(200)]
    canary = "sk-canary-0123456789abcdefghij"
    with Simulated({"small": Say("canary")}) as trap:
        values: list[Any] = [trap.url, canary, {"authorization": canary, "x": trap.url}, 0, True]
        plain = {**CHAT, "stream": stream}
        httpx.post(f"{address}/v1/chat/completions", json=plain)
        for value in values:
            fields = {**dict.fromkeys([*LITELLM, *made], value), **plain}
            answer = httpx.post(f"{address}/v1/chat/completions", json=fields)
            assert answer.status_code == 200, answer.text
            assert canary not in answer.text + json.dumps(dict(answer.headers))
        assert not trap.requests
    expected, *hits = provider.requests
    for hit in hits:
        assert hit.model == expected.model
        # A provider of the client's own dialect gets what nobody here knows, and nothing else.
        assert {
            name: hit.body[name] for name in hit.body if name not in (*made, "metadata")
        } == expected.body
        assert hit.headers.keys() == expected.headers.keys()
        assert canary not in str(hit.headers)
    assert len(hits) == len(values)


def test_every_hint_has_a_header_and_a_field(keyed: str, events: list[Event]) -> None:
    values: dict[str, Any] = {
        "task": "chat", "complexity": "0.4", "language": "de", "tags": ["private"],
        "needs": [], "session": "s1", "prefer": "cheapest", "max_cost": "0.1", "max_price": 20,
        "max_latency": 60, "min_quality": 0, "max_candidates": 1, "deadline": 60,
        "min_tier": "light", "only": ["small", "big"], "avoid": ["heavy"], "dry_run": False,
    }  # fmt: skip
    assert values.keys() == HINTS.keys()
    in_headers = {
        f"x-policy-router-{name.replace('_', '-')}": ",".join(value)
        if isinstance(value, list)
        else str(value)
        for name, value in values.items()
        if value != []
    }
    url = f"{keyed}/v1/chat/completions"
    httpx.post(url, json=CHAT, headers={**in_headers, **headers_of("b")})
    body = {**CHAT, "metadata": values}
    httpx.post(url, json=body, headers=headers_of("b"))
    by_header, by_field = decided(events)
    assert by_header == by_field
    assert (by_header.task, by_header.session, by_header.complexity) == ("chat", "s1", 0.4)
    assert by_header.tags == {"batch", "private"}


def test_keys_are_read_again(
    policy_file: Path, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    with Router.open(policy_file, watch="off") as router:
        ring = KeyRing(key_file, clock=lambda: now[0])
        with served(create_app(router, identify=ring, lifespan=closes(router))) as address:

            def status(caller: str) -> int:
                now[0] += 2
                url = f"{address}/v1/models"
                return httpx.get(url, headers=headers_of(caller)).status_code

            assert status("a") == 200
            store_keys(key_file, [new_entry("b", KEYS["b"], {})])
            assert (status("a"), status("b")) == (401, 200)
            key_file.write_text("{broken")
            assert (status("a"), status("b")) == (401, 200)
            assert len([r for r in caplog.records if "not reloaded" in r.message]) == 1
            key_file.unlink()
            assert (status("a"), status("b")) == (401, 200)
            row = json.dumps(as_row(new_entry("a", KEYS["a"], {})))
            key_file.write_text(f'{{"version": 1, "keys": [{row}], "keys": []}}')
            assert (status("a"), status("b")) == (401, 200)
            assert "the field `keys` occurs twice in one object" in caplog.text
            key_file.unlink()
            os.mkfifo(key_file)  # which nobody writes to
            assert (status("a"), status("b")) == (401, 200)
            assert "it is not a file" in caplog.text
            # A large file is read while calls go on.
            entries = [new_entry(name, KEYS[name], {}) for name in ("a", "b")]
            more = [new_entry(f"k{number}", f"key {number}", {}) for number in range(600)]
            store_keys(key_file, [*entries, *more])
            assert status("b") == 200
            for thread in threading.enumerate():
                if thread.name == "keys":
                    thread.join()
            assert (status("a"), status("b")) == (200, 200)


def test_an_address_that_guesses_is_told_to_wait(policy_file: Path, key_file: Path) -> None:
    now = [0.0]
    with Router.open(policy_file, watch="off") as router:
        ring = KeyRing(key_file, clock=lambda: now[0])
        with (
            served(create_app(router, identify=ring, lifespan=closes(router))) as address,
            httpx.Client() as client,
        ):
            statuses = [
                client.get(f"{address}/v1/models", headers=headers_of("stranger")).status_code
                for _ in range(61)
            ]
            assert statuses == [*[401] * 60, 429]
            # Others share the address, such as that of an office.
            assert client.get(f"{address}/v1/models", headers=headers_of("a")).status_code == 200
            now[0] += 61
            again = client.get(f"{address}/v1/models", headers=headers_of("stranger"))
            assert again.status_code == 401


def test_the_file_of_keys_holds_no_key(key_file: Path) -> None:
    text = key_file.read_text()
    for key in KEYS.values():
        assert key not in text
        assert digest_of(key) in text
    assert key_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:4141"}, 200),
        ({"host": "evil.example"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"x-forwarded-for": "192.0.2.7"}, 403),
        ({"forwarded": "for=192.0.2.7"}, 403),
    ],
)
def test_without_keys_only_this_machine_may_call(
    address: str, headers: dict[str, str], status: int
) -> None:
    assert httpx.get(f"{address}/v1/models", headers=headers).status_code == status


def test_without_keys_no_other_machine_may_call(router: Router) -> None:
    transport = httpx.ASGITransport(create_app(router), client=("192.0.2.7", 40_000))

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/v1/models")

    answer = asyncio.run(call())
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "local_only"


def test_no_log_holds_a_key_or_a_prompt(keyed: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    prompt = "a canary that sings in the kitchen"
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
    for caller in SENT:
        for extra in ({}, {"stream": True}, {"model": "no such model"}, {"temperature": "warm"}):
            httpx.post(
                f"{keyed}/v1/chat/completions", json={**body, **extra}, headers=headers_of(caller)
            )
    assert caplog.records
    assert prompt not in caplog.text
    for key in SENT.values():
        assert key is None or key not in caplog.text
