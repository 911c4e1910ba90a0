"""Anthropic's messages over real HTTP, by Anthropic's own SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import httpx
import pytest

from policy_router import Router
from policy_router.events import Decided
from policy_router.providers.simulated import Cut, Fail, Say, Simulated, Stall
from policy_router.server.app import closes, create_app
from policy_router.server.settings import ServerSettings
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anthropic.types import MessageParam, ToolParam

    from policy_router.events import Event

HELLO: list[MessageParam] = [{"role": "user", "content": "Hello!"}]
WEATHER: ToolParam = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}
OWN = """\
version: 1
tiers: [t]
models:
  claude:
    model: anthropic/claude
    api_base: "{url}"
    api_key_env: CLAUDE_KEY
    via: direct
    tier: t
    price: free
    context: 200k
"""
CONTROLS = ("api_base", "extra_headers")


@pytest.fixture
def client(address: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
        yield client


def test_a_whole_answer(client: anthropic.Anthropic) -> None:
    raw = client.messages.with_raw_response.create(
        model="claude-auto", max_tokens=100, messages=HELLO
    )
    message = raw.parse()
    assert message.content[0].type == "text"
    assert message.content[0].text == "from small"
    assert (message.model, message.stop_reason) == ("small", "end_turn")
    assert raw.headers["x-policy-router-model"] == "small"


def test_a_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="claude-auto", max_tokens=100, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == "from small"
        assert stream.get_final_message().stop_reason == "end_turn"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(client: anthropic.Anthropic, provider: Simulated, stream: bool) -> None:
    provider._scripts["big"] = (Say("", tool_calls=[CALL], finish="tool_calls"),)
    asked: dict[str, Any] = {
        "model": "auto", "max_tokens": 100, "messages": HELLO, "tools": [WEATHER],
    }  # fmt: skip
    if stream:
        with client.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    (block,) = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input) == ("weather", {"city": "Oslo"})
    assert message.stop_reason == "tool_use"


def test_a_search_that_only_a_provider_can_run_is_never_left_out(
    client: anthropic.Anthropic, provider: Simulated
) -> None:
    search: Any = {"type": "web_search_20250305", "name": "web_search"}
    asked: dict[str, Any] = {"model": "auto", "max_tokens": 100, "messages": HELLO}
    with pytest.raises(anthropic.APIStatusError, match="hosted_tools") as refused:
        client.messages.create(**asked, tools=[search])
    assert 400 <= refused.value.status_code < 500
    assert not provider.requests
    raw = client.messages.with_raw_response.create(**asked, tools=[search, WEATHER])
    assert raw.parse().model == "big"
    assert "tools[0]" in raw.headers["x-policy-router-ignored"]


def test_errors_are_anthropics(client: anthropic.Anthropic, provider: Simulated) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        client.messages.create(model="smal", max_tokens=1, messages=HELLO)
    assert unknown.value.body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": unknown.value.body["error"]["message"]},  # type: ignore[index]  # a dict
        "request_id": None,
    }
    provider._scripts["small"] = provider._scripts["big"] = (Fail(500),)
    with pytest.raises(anthropic.APIStatusError) as failed:
        client.messages.create(model="auto", max_tokens=1, messages=HELLO)
    assert failed.value.status_code >= 500


def test_an_error_in_a_stream_ends_it(client: anthropic.Anthropic, provider: Simulated) -> None:
    provider._scripts["small"] = (Cut(after=2),)
    with (
        pytest.raises(anthropic.APIStatusError) as broken,
        client.messages.stream(model="small", max_tokens=9, messages=HELLO) as stream,
    ):
        stream.until_done()
    assert broken.value.body["type"] == "error"  # type: ignore[index]  # a dict


def test_a_quiet_stream_gets_pings(router: Router, provider: Simulated) -> None:
    provider._scripts["small"] = (Stall(after=2),)
    app = create_app(router, lifespan=closes(router), settings=ServerSettings(ping_seconds=0.01))
    body = {"model": "small", "max_tokens": 9, "messages": HELLO, "stream": True}
    with (
        served(app) as address,
        httpx.stream("POST", f"{address}/v1/messages", json=body) as answer,
    ):
        assert any(line == "event: ping" for line in answer.iter_lines())


def test_tokens_are_counted(client: anthropic.Anthropic, provider: Simulated) -> None:
    counted = client.messages.count_tokens(model="auto", messages=HELLO)
    assert 0 < counted.input_tokens < 50
    assert not provider.requests


def test_models_for_claude_code(client: anthropic.Anthropic) -> None:
    listed = client.models.list(limit=1000)
    assert listed.data[0].id == "claude-auto"
    assert {"auto", "auto:code", "fast", "small"} <= {model.id for model in listed.data}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Simulated]]:
    """A server before a model that speaks Anthropic's dialect itself."""
    monkeypatch.setenv("CLAUDE_KEY", "sk-ant-none")
    path = tmp_path / "own.yaml"
    with Simulated({"claude": Say("from claude")}) as provider:
        path.write_text(OWN.format(url=provider.url.removesuffix("/v1")))
        with (
            Router.open(path, watch="off") as router,
            served(create_app(router, lifespan=closes(router))) as address,
        ):
            yield address, provider


def test_a_body_in_the_providers_dialect_goes_through(own: tuple[str, Simulated]) -> None:
    address, provider = own
    body = {
        "model": "claude-auto",
        "max_tokens": 64_000,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "messages": HELLO,
        "metadata": {"user_id": "user_1_account_2_session_3"},
        "context_management": {"edits": [{"type": "clear_thinking", "keep": "all"}]},
        "a_new_field": {"x": [1, 2.5, None, "\u00e9"]},
        "api_base": "http://192.0.2.1",
        "extra_headers": {"x": "y"},
    }
    headers = {
        "anthropic-beta": "a-1,b-2",
        "anthropic-version": "2023-06-01",
        "x-api-key": "client-key",
        "x-other": "stays here",
    }
    answer = httpx.post(f"{address}/v1/messages?beta=true", json=body, headers=headers)
    assert answer.json()["content"][0]["text"] == "from claude"
    (hit,) = provider.requests
    kept = {
        name: value for name, value in body.items() if name not in ("api_base", "extra_headers")
    }
    assert hit.body == {**kept, "model": "claude"}
    assert json.dumps(hit.body["a_new_field"]) == json.dumps(body["a_new_field"])
    assert hit.headers["anthropic-beta"] == "a-1,b-2"
    assert hit.headers["x-api-key"] == "sk-ant-none"
    assert "x-other" not in hit.headers
    assert answer.headers["x-policy-router-ignored"] == "api_base, extra_headers"


def test_a_stream_in_the_providers_dialect_goes_through(own: tuple[str, Simulated]) -> None:
    address, provider = own
    with anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client:
        with client.messages.stream(model="auto", max_tokens=9, messages=HELLO) as stream:
            assert "".join(stream.text_stream) == "from claude"
        provider._scripts["claude"] = (Cut(after=2),)
        with (
            pytest.raises(anthropic.APIStatusError),
            client.messages.stream(model="auto", max_tokens=9, messages=HELLO) as stream,
        ):
            stream.until_done()
        provider._scripts["claude"] = (Say("from claude"),)
    body = {"model": "auto", "max_tokens": 9, "messages": HELLO, "stream": True}
    relayed = httpx.post(f"{address}/v1/messages", json=body).content
    sent = httpx.post(f"{provider.url}/messages", json={**body, "model": "claude"}).content
    assert relayed == sent


def test_a_refusal_in_the_providers_dialect_goes_through(own: tuple[str, Simulated]) -> None:
    address, provider = own
    message = "messages: at least one message is required by this provider"
    provider._scripts["claude"] = (Fail(400, message=message),)
    body = {"model": "auto", "max_tokens": 10, "messages": HELLO}
    answer = httpx.post(f"{address}/v1/messages", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == message


def test_the_session_of_an_agent_is_read(policy_file: Path, provider: Simulated) -> None:
    events: list[Event] = []
    user = json.dumps({"session_id": "s-7"})
    body = {
        "model": "auto", "max_tokens": 10, "messages": HELLO, "metadata": {"user_id": user},
    }  # fmt: skip
    with (
        Router.open(policy_file, watch="off", on_event=events.append) as router,
        served(create_app(router, lifespan=closes(router))) as address,
    ):
        for headers in ({}, {"x-claude-code-session-id": "s-8"}):
            named = {"user-agent": "claude-cli/2.1.197 (external, cli)", **headers}
            httpx.post(f"{address}/v1/messages", json=body, headers=named).raise_for_status()
    decided = [event.decision.request for event in events if isinstance(event, Decided)]
    assert [request.session for request in decided] == ["s-7", "s-8"]
    assert {request.client for request in decided} == {"claude-code"}
