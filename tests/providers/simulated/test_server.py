"""The simulated provider as its clients see it: raw HTTP and the official SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from policy_router.providers.simulated import (
    Behaviour,
    Cut,
    Fail,
    Garble,
    RateLimited,
    Redirect,
    Say,
    Simulated,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HELLO = [{"role": "user", "content": "hello you"}]


def ask(
    provider: Simulated, model: str = "m", *, stream: bool = False, timeout: float = 5
) -> httpx.Response:
    body = {"model": model, "messages": HELLO, "stream": stream}
    with httpx.Client(timeout=timeout) as client:
        return client.post(provider.url + "/chat/completions", json=body)


def once(script: Behaviour | Sequence[Behaviour], **options: Any) -> httpx.Response:
    with Simulated({"m": script}) as provider:
        return ask(provider, **options)


def events(response: httpx.Response) -> list[Mapping[str, Any]]:
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def test_without_a_script_a_model_says_its_name() -> None:
    with Simulated() as provider:
        answer = ask(provider, "some-model").json()
    assert answer["choices"][0]["message"]["content"] == "This is some-model."
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_it_serves_on_loopback_only_and_ends_with_its_block() -> None:
    provider = Simulated()
    with pytest.raises(RuntimeError, match="not running"):
        _ = provider.url
    with provider:
        url = provider.url
        assert url.startswith("http://127.0.0.1:")
        ask(provider)
    provider.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/models")


def test_it_logs_what_arrived() -> None:
    with Simulated() as provider:
        ask(provider, "a")
        ask(provider, "b", stream=True)
        first, second = provider.requests
    assert (first.model, first.stream, first.body["messages"]) == ("a", False, HELLO)
    assert (second.model, second.stream) == ("b", True)
    assert first.headers["content-type"] == "application/json"
    assert not first.disconnected.is_set()


def test_models() -> None:
    with Simulated({"a": Say(), "b": Say()}) as provider:
        listed = httpx.get(provider.url + "/models").json()
    assert [each["id"] for each in listed["data"]] == ["a", "b"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"not json"])
def test_a_body_that_makes_no_sense_is_refused(body: bytes) -> None:
    with Simulated() as provider:
        response = httpx.post(provider.url + "/chat/completions", content=body)
        assert provider.requests == ()
    assert response.status_code == 400


def test_behaviours_are_played_in_turn_and_the_last_one_stays() -> None:
    with Simulated({"m": [Fail(500), Fail(429), Say()]}) as provider:
        statuses = [ask(provider).status_code for _ in range(4)]
    assert statuses == [500, 429, 200, 200]


def test_an_empty_script_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Simulated({"m": []})


def test_a_stream() -> None:
    chunks = events(once(Say("one two"), stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "one "},
        {"content": "two"},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("done", "ends"), [(True, True), (False, False)])
def test_the_end_of_a_stream(done: bool, ends: bool) -> None:
    assert once(Say(done=done), stream=True).text.endswith("data: [DONE]\n\n") is ends


@pytest.mark.parametrize(
    ("usage", "sent"), [(None, None), ({"prompt_tokens": -1000}, {"prompt_tokens": -1000})]
)
def test_usage_missing_or_hostile(usage: Any, sent: Any) -> None:
    assert once(Say(usage=usage)).json().get("usage") == sent


def test_failures() -> None:
    fail = Fail(429, "rate_limit_exceeded", "requests", "slow down", 7, {"x-request-id": "1"})
    response = once(fail)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.headers["x-request-id"] == "1"
    assert response.json() == {
        "error": {
            "message": "slow down",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "server_error"), (400, "invalid_request_error")]
)
def test_the_default_type_of_an_error(status: int, kind: str) -> None:
    assert once(Fail(status)).json()["error"]["type"] == kind


def test_an_error_within_a_stream() -> None:
    response = once(Fail(500, "oops", stream_error=True), stream=True)
    assert response.status_code == 200
    assert events(response)[0]["error"]["code"] == "oops"


def test_garble_and_redirect() -> None:
    response = once(Garble("{", "application/json", 201))
    assert (response.status_code, response.text) == (201, "{")
    away = once(Redirect("http://127.0.0.1:9/", 308))
    assert (away.status_code, away.headers["location"]) == (308, "http://127.0.0.1:9/")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("after", [None, 1])
def test_stalling_and_seeing_the_client_go(after: int | None, stream: bool) -> None:
    with Simulated({"m": Stall(after)}) as provider:
        with pytest.raises(httpx.ReadTimeout):
            ask(provider, stream=stream, timeout=0.2)
        assert provider.requests[0].disconnected.wait(5)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("cut", "error"),
    [
        (Cut(), httpx.RemoteProtocolError),
        (Cut(2), httpx.RemoteProtocolError),
        (Cut(reset=True), httpx.ReadError),
        (Cut(2, reset=True), httpx.ReadError),
    ],
)
def test_cuts(cut: Cut, error: type[Exception], stream: bool) -> None:
    with pytest.raises(error):
        once(cut, stream=stream)


def test_chunks_sent_before_a_cut_arrive() -> None:
    seen: list[bytes] = []
    body = {"model": "m", "stream": True}
    with (
        Simulated({"m": Cut(2, "one two three")}) as provider,
        httpx.stream("POST", provider.url + "/chat/completions", json=body) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        seen.extend(response.iter_bytes())
    assert b'"two "' in b"".join(seen)
    assert b"three" not in b"".join(seen)


def test_limits_follow_the_clock() -> None:
    now = [100.0]
    with Simulated({"m": RateLimited(2, 60)}, clock=lambda: now[0]) as provider:
        assert [ask(provider).status_code for _ in range(3)] == [200, 200, 429]
        now[0] += 45.5
        refused = ask(provider)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
        now[0] += 14.5
        assert ask(provider).status_code == 200


def test_limits_of_models_are_apart() -> None:
    with Simulated({"a": RateLimited(1), "b": RateLimited(1, then=Fail(500))}) as provider:
        assert [ask(provider, m).status_code for m in "abab"] == [200, 500, 429, 429]


def test_latency_is_waited_for() -> None:
    with pytest.raises(httpx.ReadTimeout):
        once(Say(latency=5), timeout=0.2)
    with pytest.raises(httpx.ReadTimeout):
        once(Say("a b", pause=5), timeout=0.2, stream=True)


def test_the_official_client() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    scripts = {"m": Say("one two"), "t": Say("", finish="tool_calls", tool_calls=[call])}
    with (
        Simulated(scripts) as provider,
        openai.OpenAI(base_url=provider.url, api_key="none", max_retries=0) as client,
    ):
        answer = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )
        assert answer.choices[0].message.content == "one two"
        tools = client.chat.completions.create(
            model="t", messages=[{"role": "user", "content": "hi"}]
        )
        assert tools.choices[0].finish_reason == "tool_calls"
        stream = client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == 3
        assert [model.id for model in client.models.list()] == ["m", "t"]


def test_the_official_client_sees_the_errors() -> None:
    with (
        Simulated({"m": Fail(429, "rate_limit_exceeded", retry_after=7)}) as provider,
        openai.OpenAI(base_url=provider.url, api_key="none", max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "rate_limit_exceeded"


def test_as_a_command() -> None:
    command = [sys.executable, "-m", "policy_router.providers.simulated", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            body = {"model": "m", "messages": HELLO}
            assert httpx.post(url + "/chat/completions", json=body).status_code == 200
        finally:
            process.terminate()
