"""OpenAI's responses over real HTTP, by its own SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from policy_router import Router
from policy_router.providers.simulated import Cut, Say, Simulated
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.responses import FunctionToolParam, ResponseFunctionToolCall

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}
RELAYING = """\
version: 1
models:
  m: {{ model: openai/responses/m, api_base: "{url}", via: direct, tier: t, price: free,
       context: 8k, can: [tools] }}
"""


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_whole_answer(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="auto", input="Hello!", store=False)
    assert answer.output_text == "from small"
    assert (answer.model, answer.status) == ("small", "completed")


def test_a_stream(client: openai.OpenAI) -> None:
    with client.responses.stream(model="auto", input="Hello!", store=False) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "from small"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_item.done" in kinds


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(client: openai.OpenAI, provider: Simulated, stream: bool) -> None:
    provider._scripts["big"] = (Say("", tool_calls=[CALL], finish="tool_calls"),)
    calls: list[ResponseFunctionToolCall]
    if stream:
        with client.responses.stream(model="auto", input="Hi", tools=[WEATHER]) as events:
            output = events.get_final_response().output
            calls = [item for item in output if item.type == "function_call"]
    else:
        whole = client.responses.create(model="auto", input="Hi", tools=[WEATHER])
        calls = [item for item in whole.output if item.type == "function_call"]
    (call,) = calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})


def test_what_a_server_would_have_to_keep_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model="auto", input="Hi", previous_response_id="resp_1")


def test_a_broken_stream_does_not_complete(client: openai.OpenAI, provider: Simulated) -> None:
    provider._scripts["small"] = (Cut(after=2),)
    kinds = [
        event.type for event in client.responses.create(model="small", input="Hi", stream=True)
    ]
    assert kinds[-1] in ("response.failed", "error")


@pytest.mark.parametrize("said", [Say("one two"), Say("", tool_calls=[CALL], finish="tool_calls")])
def test_a_relayed_stream_is_the_one_of_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Say
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    body = {"model": "m", "input": "Hello!", "stream": True}
    with Simulated({"m": said}) as provider:
        policy = tmp_path / "policy.yaml"
        policy.write_text(RELAYING.format(url=provider.url))
        router = Router.open(policy, watch="off")
        with served(create_app(router, lifespan=closes(router))) as address:
            relayed = httpx.post(f"{address}/v1/responses", json=body).text
        sent = httpx.post(f"{provider.url}/responses", json=body).text
    assert relayed == sent
