"""A law about every body: it is answered, or refused as its client's mistake; never a defect."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_router import Router, load
from policy_router.providers.requests.body import PARAMETERS
from policy_router.server.app import create_app
from policy_router.server.hints import HINTS
from tests.own_callers import OwnCaller, answer
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = """\
version: 1
models:
  m: { model: openai/m, tier: t, price: free, context: 200k, can: [tools, json, vision] }
tasks: { chat: {}, code: {} }
"""
NAMES: Final = sorted(
    PARAMETERS
    | {"model", "stream", "metadata", "input", "instructions", "system", "thinking", "text"}
    | {"role", "content", "type", "name", "function", "arguments", "image_url", "url", "source"}
    | {"tool_use_id", "tool_call_id", "tool_calls", "id", "output", "call_id", "budget_tokens"}
    | {"input_schema", "parameters", "format", "schema", "reasoning", "effort", "include"}
    | {"max_output_tokens", "stop_sequences", "cache_control", "output_config", "is_error"}
    | HINTS.keys()
)
WORDS: Final = (
    "user", "assistant", "system", "developer", "tool", "text", "input_text", "output_text",
    "function", "tool_use", "tool_result", "image", "image_url", "message", "function_call",
    "function_call_output", "thinking", "enabled", "adaptive", "auto", "auto:code", "m", "none",
    "json_schema", "json_object", "reasoning", "high", "custom", "code", "", "\ud800", "data:,",
)  # fmt: skip
SCALARS: Final = (
    st.sampled_from(WORDS)
    | st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)


VALUES: Final = st.recursive(SCALARS, objects, max_leaves=12)
PARTS: Final = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
TURNS: Final = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(WORDS[:5]), "content": VALUES | st.lists(PARTS, max_size=3)}
    ),
    max_size=3,
)
BODIES: Final = st.builds(
    lambda turns, rest: {**rest, **turns},
    st.dictionaries(st.sampled_from(("messages", "input")), TURNS | VALUES, max_size=2),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
)
PATHS: Final = (
    "/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/messages/count_tokens",
    "/v1/route",
)  # fmt: skip


def exchanged(use: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> httpx.Response:
    async def main() -> httpx.Response:
        router = Router(load(text=POLICY), OwnCaller(lambda _: answer("fine")))
        transport = httpx.ASGITransport(create_app(router))
        async with (
            router,
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            return await use(client)

    return asyncio.run(main())


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES)
def test_every_body_is_answered_or_refused(path: str, body: dict[str, Any]) -> None:
    sent = json.dumps({**body, "stream": False}).encode()
    reply = exchanged(lambda client: client.post(path, content=sent))
    assert reply.status_code < 500, reply.text
    if reply.status_code != 200:
        problem = reply.json()
        assert problem["error"]["message"]
        assert (problem.get("type") == "error") is path.startswith("/v1/messages")
        assert ("param" in problem["error"]) is not path.startswith("/v1/messages")


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_every_bytes_are_answered_or_refused(body: bytes) -> None:
    reply = exchanged(lambda client: client.post(PATHS[0], content=body))
    assert reply.status_code < 500, reply.text


@settings(max_examples=100, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from([f"x-policy-router-{name.replace('_', '-')}" for name in HINTS]),
        st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=12),
    )
)
def test_every_hint_is_taken_or_refused(headers: dict[str, str]) -> None:
    encoded = [(name.encode(), value.strip().encode("latin-1")) for name, value in headers.items()]
    body = {"messages": [{"role": "user", "content": "Hello!"}]}
    reply = exchanged(lambda client: client.post(PATHS[0], json=body, headers=encoded))
    assert reply.status_code < 500, reply.text


class OtherModel:
    """A middleware that has every call ask for a model that does not exist."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def changed() -> Message:
            message = await receive()
            return {**message, "body": message.get("body", b"").replace(b'"m"', b'"x"')}

        await self._app(scope, changed, send)


@pytest.mark.parametrize("changes", [False, True])
def test_the_body_is_the_one_that_a_middleware_passes_on(*, changes: bool) -> None:
    router = Router(load(text=POLICY), OwnCaller(lambda _: answer("fine")))
    app = create_app(router)
    if changes:
        app.add_middleware(OtherModel)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}]}
    with served(app) as address, httpx.Client(base_url=address) as client:
        statuses = [client.post(PATHS[0], json=body).status_code for _ in range(2)]
    assert statuses == [404 if changes else 200] * 2
