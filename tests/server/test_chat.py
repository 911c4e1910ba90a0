"""Chat completions over real HTTP, by OpenAI's own SDK where it can say it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import openai
import pytest
from pydantic import BaseModel

from policy_router import Router
from policy_router.providers.simulated import Cut, Fail, Say, Simulated, Stall
from policy_router.server.app import closes, create_app
from policy_router.server.settings import ServerSettings
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.chat import (
        ChatCompletionMessageFunctionToolCall,
        ChatCompletionMessageParam,
        ChatCompletionToolParam,
    )

    from policy_router.providers.simulated import Behaviour

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALLS = [
    {
        "id": f"call_{city}",
        "type": "function",
        "function": {"name": "weather", "arguments": json.dumps({"city": city})},
    }
    for city in ("Oslo", "Rome")
]


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def plays(provider: Simulated, **scripts: Behaviour) -> None:
    """Replace the script of some models."""
    for name, behaviour in scripts.items():
        provider._scripts[name] = (behaviour,)


def test_a_whole_answer(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=HELLO)
    answer = raw.parse()
    assert answer.choices[0].message.content == "from small"
    assert answer.model == "small"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 3
    told = {
        name.removeprefix("x-policy-router-"): value
        for name, value in raw.headers.items()
        if name.startswith("x-policy-router-")
    }
    assert len(told.pop("decision")) == 32
    assert told.pop("policy").startswith("team@")
    assert told.pop("complexity")
    assert told == {
        "task": "chat",
        "model": "small",
        "served": "openai/small",
        "attempts": "1",
        "cost": "0",
    }


def test_a_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="auto", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.response.headers["cache-control"] == "no-cache"
    assert stream.response.headers["x-accel-buffering"] == "no"
    assert stream.response.headers["x-policy-router-model"] == "small"
    assert "x-policy-router-cost" not in stream.response.headers
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "from small"
    assert {chunk.model for chunk in chunks} == {"small"}
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("stream", [False, True])
def test_the_signature_of_geminis_thoughts_goes_there_and_back(
    address: str, provider: Simulated, stream: bool
) -> None:
    """Gemini refuses a tool call in the history that lacks what it came with."""
    signed = {**CALLS[0], "extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
    plays(provider, big=Say("", tool_calls=[signed], finish="tool_calls"))
    url = f"{address}/v1/chat/completions"
    body = {"model": "auto", "messages": HELLO, "tools": [WEATHER], "stream": stream}
    assert "c2lnbmVk" in httpx.post(url, json=body, timeout=60).text
    history = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [signed]},
        {"role": "tool", "tool_call_id": signed["id"], "content": "sunny"},
    ]
    httpx.post(url, json={**body, "messages": history}, timeout=60)
    sent: Any = provider.requests[-1].body["messages"]
    assert sent[1]["tool_calls"][0]["extra_content"] == signed["extra_content"]


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tool_calls(client: openai.OpenAI, provider: Simulated, stream: bool) -> None:
    plays(provider, big=Say("", tool_calls=CALLS, finish="tool_calls"))
    calls: list[ChatCompletionMessageFunctionToolCall]
    if stream:
        with client.chat.completions.stream(
            model="auto", messages=HELLO, tools=[WEATHER]
        ) as events:
            calls = list(events.get_final_completion().choices[0].message.tool_calls or ())
    else:
        whole = client.chat.completions.create(model="auto", messages=HELLO, tools=[WEATHER])
        calls = [c for c in whole.choices[0].message.tool_calls or () if c.type == "function"]
    made = [(call.id, json.loads(call.function.arguments)) for call in calls]
    assert made == [("call_Oslo", {"city": "Oslo"}), ("call_Rome", {"city": "Rome"})]


@pytest.mark.parametrize("stream", [False, True])
def test_long_names_of_tools(client: openai.OpenAI, provider: Simulated, stream: bool) -> None:
    name = "mcp__a_server_with_a_long_name__" + "weather_of_a_city_" * 5
    tool: ChatCompletionToolParam = {"type": "function", "function": {"name": name}}
    client.chat.completions.create(model="auto", messages=HELLO, tools=[tool])
    short = provider.requests[-1].body["tools"][0]["function"]["name"]
    assert len(short) <= 64
    call = {"id": "c", "type": "function", "function": {"name": short, "arguments": "{}"}}
    plays(provider, big=Say("", tool_calls=[call], finish="tool_calls"))
    with client.chat.completions.with_streaming_response.create(
        model="auto", messages=HELLO, tools=[tool], stream=stream
    ) as answer:
        text = answer.read().decode()
    assert name in text
    assert short not in text


class City(BaseModel):
    name: str
    people: int


def test_structured_output(client: openai.OpenAI, provider: Simulated) -> None:
    plays(provider, big=Say('{"name": "Oslo", "people": 700000}'))
    answer = client.chat.completions.parse(model="auto", messages=HELLO, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Oslo", people=700_000)
    sent = provider.requests[-1].body["response_format"]
    assert sent["json_schema"]["name"] == "City"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("auto", "small"),
        ("", "small"),
        ("fast", "small"),
        ("big", "big"),
        ("gpt-4o", "big"),
        ("auto:code", "big"),
        ("claude-auto", "small"),
        ("claude-auto:code", "big"),
    ],
)
def test_names_of_models(client: openai.OpenAI, name: str, model: str) -> None:
    assert client.chat.completions.create(model=name, messages=HELLO).model == model


REFUSALS: Final[dict[str, tuple[dict[str, Any], type[openai.APIStatusError], str, str]]] = {
    "model": ({"model": "smal"}, openai.NotFoundError, "model_not_found", "mean `small`?"),
    "task of auto": (
        {"model": "auto:cod"}, openai.NotFoundError, "model_not_found", "mean `auto:code`?"
    ),
    "denied": (
        {"extra_headers": {"x-policy-router-tags": "secret"}},
        openai.PermissionDeniedError, "denied_by_policy", "not with us",
    ),
    "hint": (
        {"extra_headers": {"x-policy-router-max-cost": "dear"}},
        openai.BadRequestError, "invalid_hint", "x-policy-router-max-cost",
    ),
    "task": (
        {"extra_headers": {"x-policy-router-task": "cod"}},
        openai.BadRequestError, "invalid_request", "mean `code`?",
    ),
    "nothing": ({"messages": []}, openai.BadRequestError, "invalid_request", "one message"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(client: openai.OpenAI, case: str) -> None:
    body, error, code, message = REFUSALS[case]
    with pytest.raises(error) as refused:
        client.chat.completions.create(**{"model": "auto", "messages": HELLO, **body})
    assert refused.value.code == code
    assert message in refused.value.message
    assert refused.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_is_hidden_by_the_next_model(
    client: openai.OpenAI, provider: Simulated, stream: bool
) -> None:
    plays(provider, small=Fail(500))
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=HELLO, stream=stream
    )
    assert raw.headers["x-policy-router-model"] == "big"
    assert raw.headers["x-policy-router-attempts"] == "3"


def test_all_models_failed(client: openai.OpenAI, provider: Simulated) -> None:
    plays(provider, small=Fail(500), big=Fail(503))
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="auto", messages=HELLO)
    assert failed.value.code == "all_models_failed"
    metadata = failed.value.body["metadata"]  # type: ignore[index]  # a dict in OpenAI's shape
    assert [attempt["model"] for attempt in metadata["attempts"]] == [
        "small", "small", "big", "big",
    ]  # fmt: skip


def test_an_error_in_a_stream_is_an_event(address: str, provider: Simulated) -> None:
    plays(provider, small=Cut(after=2))
    body = {"model": "small", "messages": HELLO, "stream": True}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body)
    assert answer.status_code == 200
    events = [line for line in answer.text.split("\n\n") if line]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "stream_broken"
    assert "[DONE]" not in answer.text


def test_the_whole_history_on_request(address: str) -> None:
    for stream in (False, True):
        body = {"model": "auto", "messages": HELLO, "stream": stream}
        answer = httpx.post(
            f"{address}/v1/chat/completions", json=body, headers={"x-policy-router-explain": "1"}
        )
        whole = (
            json.loads(answer.text.split("\n\n")[-3].removeprefix("data: "))
            if stream
            else answer.json()
        )
        trace = whole["policy_router"]
        assert trace["decision"]["id"] == answer.headers["x-policy-router-decision"]
        assert [attempt["model"] for attempt in trace["attempts"]] == ["small"]
        assert "Hello!" not in json.dumps(trace)


def test_a_quiet_stream_gets_comments(router: Router, provider: Simulated) -> None:
    plays(provider, small=Stall(after=2))
    app = create_app(router, lifespan=closes(router), settings=ServerSettings(ping_seconds=0.01))
    body = {"model": "small", "messages": HELLO, "stream": True}
    with served(app) as address:
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert any(line == ": ping" for line in lines)
        # The client has left, so the provider's connection is closed too.
        assert provider.requests[-1].disconnected.wait(30)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_call(
    address: str, provider: Simulated, stream: bool
) -> None:
    plays(provider, small=Stall())
    body = {"model": "small", "messages": HELLO, "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/v1/chat/completions", json=body, timeout=1.0)
    assert provider.requests[-1].disconnected.wait(30)


def test_the_decision_alone(address: str, provider: Simulated) -> None:
    answer = httpx.post(
        f"{address}/v1/route",
        json={"model": "auto", "messages": HELLO, "metadata": {"tags": "private"}},
    )
    decision = answer.json()
    assert [each["model"] for each in decision["candidates"]] == ["small"]
    assert decision["rules"] == ["private stays"]
    assert answer.headers["x-policy-router-decision"] == decision["id"]
    assert not provider.requests


def test_fields_that_are_left_out_are_named(address: str, provider: Simulated) -> None:
    own: dict[str, Any] = {
        "api_base": "http://evil",
        "metadata": {"task": "chat", "mine": "1"},
        "user": "ada",
    }
    own |= {"service_tier": "priority", "speed": None}
    body = {"model": "auto", "messages": HELLO, "wish": 1, **own}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body)
    assert answer.headers["x-policy-router-ignored"] == "api_base, service_tier"
    sent = provider.requests[-1].body
    assert {name: sent[name] for name in sent if name not in ("messages", "model")} == {
        "wish": 1,
        "metadata": {"mine": "1"},
    }
    # One who speaks another dialect is asked in a translation, which has no place for a wish.
    message = {"model": "auto", "messages": HELLO, "max_tokens": 5, "wish": 1, "proxy": "x"}
    answer = httpx.post(f"{address}/v1/messages", json=message)
    assert answer.headers["x-policy-router-ignored"] == "proxy, wish"
    assert "wish" not in provider.requests[-1].body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", [None, 2])
def test_a_client_that_leaves_gives_its_place_back(
    policy_file: Path, provider: Simulated, stream: bool, words: int | None
) -> None:
    policy_file.write_text(
        policy_file.read_text() + "limits: { one-at-a-time: { concurrent: 1 } }\n"
    )
    provider._scripts["small"] = (Stall(after=words), Say("room again"))
    body = {"model": "small", "messages": HELLO}
    with (
        Router.open(policy_file, watch="off") as router,
        served(create_app(router, lifespan=closes(router))) as address,
    ):
        url = f"{address}/v1/chat/completions"
        with contextlib.suppress(httpx.ReadTimeout):
            httpx.post(url, json={**body, "stream": stream}, timeout=1.0)
        assert provider.requests[-1].disconnected.wait(30)
        answer = httpx.post(url, json=body)
        while answer.status_code == 429:  # until the place is back, which follows at once
            answer = httpx.post(url, json=body)
        assert answer.json()["choices"][0]["message"]["content"] == "room again"
