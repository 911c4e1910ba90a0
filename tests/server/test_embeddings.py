"""Embeddings over real HTTP, in a program and through the server with OpenAI's own SDK."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from policy_router import (
    AllModelsFailedError,
    BadRequestError,
    BudgetExceededError,
    NoCandidateError,
    Router,
    UsageError,
)
from policy_router.events import Answered, Attempted
from policy_router.providers.simulated import Cut, Fail, Garble, Say, Simulated, Stall
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.events import Event
    from policy_router.providers.simulated import Behaviour

POLICY = """\
version: 1
name: team
tiers: [light]
models:
  chat: {{ model: openai/chat, api_base: "{url}", via: direct, tier: light, price: free }}
  first:
    {{ model: openai/vectors, api_base: "{url}", via: direct, tier: light, context: 100,
       price: {{ input: $1/M, output: $8/M }}, can: [embeddings] }}
  same:
    {{ model: openai/vectors, api_base: "{other}", via: direct, tier: light, context: 100,
       price: {{ input: $1/M, output: $8/M }}, can: [embeddings] }}
  others:
    {{ model: openai/others, api_base: "{url}", via: direct, tier: light, price: free,
       can: [embeddings] }}
aliases:
  any: [first, others]
tasks:
  search: {{}}
budgets: {{ all: {{ cap: {cap} }} }}
prefer: [quality]
fallback: {{ deadline: 4s, max_attempts: 3 }}
rules:
  - {{ name: private stays, when: {{ tags: private }}, only: [others] }}
  - {{ name: secrets stay, when: {{ detected: email }}, only: [others] }}
detect: [email]
"""


@pytest.fixture
def here() -> Iterator[Simulated]:
    with Simulated() as provider:
        yield provider


@pytest.fixture
def there() -> Iterator[Simulated]:
    with Simulated() as provider:
        yield provider


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def router(
    tmp_path: Path, here: Simulated, there: Simulated, events: list[Event]
) -> Iterator[Router]:
    with opened(tmp_path, here, there, events) as router:
        yield router


def opened(
    folder: Path, here: Simulated, there: Simulated, events: list[Event], cap: str = "$1/day"
) -> Router:
    path = folder / "policy.yaml"
    path.write_text(POLICY.format(url=here.url, other=there.url, cap=cap))
    return Router.open(path, watch="off", on_event=events.append)


@pytest.fixture
def address(router: Router) -> Iterator[str]:
    with served(create_app(router, lifespan=closes(router))) as address:
        yield address


def test_the_models_of_one_vector_space_are_shown_without_a_call(
    router: Router, address: str, here: Simulated
) -> None:
    decision = router.route_embedding(["one two", "three"], tags=["none"])
    assert [each.name for each in decision.candidates] == ["first", "same"]
    assert {skip.model: skip.reason.value for skip in decision.skipped} == {
        "chat": "ability", "others": "vector_space",
    }  # fmt: skip
    assert [c.name for c in router.route_embedding("x", tags=["private"]).candidates] == ["others"]
    headers = {"x-policy-router-dry-run": "1"}
    body = {"model": "auto", "input": ["one two"]}
    told = httpx.post(f"{address}/v1/embeddings", json=body, headers=headers).json()
    assert [each["model"] for each in told["candidates"]] == ["first", "same"]
    assert not here.requests


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def plays(provider: Simulated, **scripts: Behaviour) -> None:
    for name, behaviour in scripts.items():
        provider._scripts[name] = (behaviour,)


def vectors(*rows: Any) -> Garble:
    data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    return Garble(json.dumps({"data": data}), "application/json")


def test_a_vector_for_each_input(router: Router, here: Simulated, events: list[Event]) -> None:
    made = router.embedding(["one two", "three"], user="ada", dimensions=3)
    assert [each.index for each in made.data] == [0, 1]
    assert [len(each.embedding) for each in made.data] == [3, 3]
    assert made.data[0].embedding != made.data[1].embedding
    assert (made.served_by, made.model) == ("first", "vectors")
    assert made.usage is not None
    assert made.usage.prompt_tokens == 3
    assert [attempt.cost_nano_usd for attempt in made.attempts] == [3_000]  # input alone
    assert here.requests[0].body == {
        "model": "vectors", "input": ["one two", "three"], "dimensions": 3,
    }  # fmt: skip
    assert {skip.model: skip.reason.value for skip in made.decision.skipped} == {
        "chat": "ability", "others": "vector_space",
    }  # fmt: skip
    assert [type(event) for event in events[-2:]] == [Attempted, Answered]
    assert made.model_dump()["object"] == "list"


@pytest.mark.parametrize("form", ["float", "base64"])
def test_vectors_of_another_length_than_was_asked_for_are_refused(
    router: Router, here: Simulated, form: str
) -> None:
    packed = base64.b64encode(struct.pack("<3f", 1, 2, 3)).decode()
    plays(here, vectors=vectors(packed if form == "base64" else [1, 2, 3]))
    made = router.embedding("a", dimensions=5, encoding_format=form)
    assert made.attempts[0].model == "first"
    assert made.attempts[0].detail == "vectors of 3 numbers, where 5 were asked for"
    assert made.served_by != "first"
    # It stays in use for what it can do.
    assert router.embedding("a", dimensions=3, encoding_format=form).served_by == "first"


@pytest.mark.parametrize(
    ("given", "count"), [("a", 1), ([1, 2], 1), ([[1], [2, 3]], 2), (["a", "b", "c"], 3)]
)
def test_the_four_forms_of_input(router: Router, given: Any, count: int) -> None:
    async def embeds() -> int:
        made = await router.aembedding(given)
        await router.aclose()
        return len(made.data)

    assert asyncio.run(embeds()) == count


def test_either_format_is_what_the_caller_gets(router: Router, here: Simulated) -> None:
    plays(here, vectors=vectors([0.5, 1.0]))  # a provider that knows no base64
    text = base64.b64encode(struct.pack("<2f", 0.5, 1.0)).decode()
    assert router.embedding("a", encoding_format="base64").data[0].embedding == text
    plays(here, vectors=vectors(text))
    assert router.embedding("a", encoding_format="base64").data[0].embedding == text
    assert router.embedding("a").data[0].embedding == (0.5, 1.0)


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "429": (Fail(429, "rate_limit_exceeded"), "rate_limited"),
    "500": (Fail(500), "server_error"),
    "cut": (Cut(after=1), "connection_lost"),
    "too few": (vectors(), "malformed"),
    "too many": (vectors([1.0], [2.0]), "malformed"),
    "an empty one": (vectors([]), "malformed"),
    "a text": (vectors(["x"]), "malformed"),
    "not base64": (vectors("*"), "malformed"),
    "not a number": (Garble('{"data": [{"embedding": [NaN]}]}', "application/json"), "malformed"),
    "numbered wrongly": (
        Garble('{"data": [{"index": 1, "embedding": [1]}]}', "application/json"), "malformed"
    ),
    "no embeddings": (Garble("{}", "application/json"), "malformed"),
    "not json": (Garble(), "malformed"),
    "silence": (Stall(), "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leads_to_the_same_model_elsewhere(
    router: Router, here: Simulated, fault: str
) -> None:
    behaviour, kind = FAULTS[fault]
    plays(here, vectors=behaviour)
    made = router.embedding("a")
    assert made.served_by == "same"
    assert made.attempts[0].failure == kind


def test_vectors_of_another_model_never_stand_in(
    router: Router, here: Simulated, there: Simulated
) -> None:
    plays(here, vectors=Fail(500))
    plays(there, vectors=Fail(500))
    with pytest.raises(AllModelsFailedError):
        router.embedding("a")
    assert "others" not in {hit.model for hit in here.requests}
    made = router.embedding("a", model="any")
    assert made.served_by == "others"
    assert router.embedding("a", model="others").served_by == "others"


def test_rules_choose_the_model(router: Router) -> None:
    assert router.embedding("a", tags=["private"]).served_by == "others"
    assert router.embedding(["a", "write to ada@example.org"]).served_by == "others"


def test_a_long_input_is_refused_but_not_a_long_batch(router: Router) -> None:
    assert router.embedding(["word " * 50] * 20).served_by == "first"
    with pytest.raises(NoCandidateError, match="context"):
        router.embedding("word " * 500)


def test_what_an_input_may_cost_is_reserved(
    tmp_path: Path, here: Simulated, there: Simulated
) -> None:
    with opened(tmp_path, here, there, [], "$0.00002/day") as router:
        assert router.embedding("a b c").served_by == "first"
        with pytest.raises(BudgetExceededError):
            router.embedding("a long text that has more than twenty bytes")


def test_a_request_that_providers_refuse_is_a_bad_request(
    router: Router, here: Simulated, there: Simulated
) -> None:
    plays(here, vectors=Fail(400, "invalid_value"))
    plays(there, vectors=Fail(400, "invalid_value"))
    with pytest.raises(BadRequestError):
        router.embedding("a")


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("", {}, "`input` must be a text|`input\\[0\\]` must be a text"),
        ([], {}, "`input` must be a text"),
        (["a", ""], {}, "`input\\[1\\]` must be a text"),
        ("a", {"dimensions": 0}, "`dimensions` must be an integer"),
        ("a", {"encoding_format": "hex"}, "`encoding_format` must be `float` or `base64`"),
        ("a", {"stream": True}, "unknown parameter `stream`|`stream` cannot be set"),
        ("a", {"dimension": 3}, "did you mean `dimensions`?"),
    ],
)
def test_mistakes_are_named(
    router: Router, given: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        router.embedding(given, **options)


def test_openais_sdk(client: openai.OpenAI, here: Simulated) -> None:
    raw = client.embeddings.with_raw_response.create(model="auto:search", input=["a b", "c"])
    made = raw.parse()
    assert [len(each.embedding) for each in made.data] == [4, 4]
    assert made.usage.total_tokens == 3
    assert made.model == "vectors"
    assert here.requests[0].body["encoding_format"] == "base64"  # as the SDK asks for it
    told = raw.headers
    assert told["x-policy-router-model"] == "first"
    assert told["x-policy-router-task"] == "search"
    assert told["x-policy-router-attempts"] == "1"
    plain = client.embeddings.create(model="others", input=[[1, 2]], encoding_format="float")
    assert plain.model == "others"


def test_errors_and_the_trace_of_the_server(
    address: str, here: Simulated, there: Simulated
) -> None:
    url = f"{address}/v1/embeddings"
    told = httpx.post(
        url,
        json={
            "input": "a",
            "stream_options": {},
            "metadata": {"session": "s", "tags": ["private"]},
        },
        headers={"x-policy-router-explain": "1"},
    )
    assert told.json()["policy_router"]["attempts"][0]["model"] == "others"
    assert told.headers["x-policy-router-ignored"] == "stream_options"
    assert httpx.post(url, json={"input": "a", "stream": True}).status_code == 400
    assert httpx.post(url, json={"model": "none", "input": "a"}).status_code == 404
    plays(here, vectors=Fail(503))
    plays(there, vectors=Say(latency=0))
    assert httpx.post(url, json={"input": "a"}).headers["x-policy-router-model"] == "same"
    plays(there, vectors=Fail(500))
    failed = httpx.post(url, json={"input": "a"})
    assert failed.status_code in (502, 503)
    assert failed.json()["error"]["message"]


def test_a_caller_without_embeddings_is_named(tmp_path: Path, here: Simulated) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(url=here.url, other=here.url, cap="$1/day"))
    router = Router.open(path, watch="off", caller=lambda *_: "hello")
    with router, pytest.raises(BadRequestError) as raised:
        router.embedding("a")
    assert "without a method `embed`" in raised.value.attempts[0].detail


def test_models_through_litellm(tmp_path: Path, here: Simulated, there: Simulated) -> None:
    path = tmp_path / "policy.yaml"
    text = POLICY.format(url=here.url, other=there.url, cap="$1/day")
    path.write_text(text.replace("via: direct", "via: litellm"))
    with Router.open(path, watch="off") as router:
        made = router.embedding(["a b", "c"], dimensions=3)
        assert made.served_by == "first"
        assert [len(each.embedding) for each in made.data] == [3, 3]
        assert made.usage is not None
        assert made.usage.prompt_tokens == 3
        assert set(here.requests[0].body) <= {"model", "input", "dimensions", "encoding_format"}
        plays(here, vectors=Fail(429))
        again = router.embedding("a")
        assert (again.served_by, again.attempts[0].failure) == ("same", "rate_limited")
        ours = [attempt for attempt in again.attempts if attempt.model == "first"]
        assert len(here.requests) == 1 + len(ours)  # LiteLLM repeats nothing itself


def test_a_session_is_a_fact_and_keeps_no_model(
    tmp_path: Path, here: Simulated, there: Simulated
) -> None:
    path = tmp_path / "policy.yaml"
    ward = """\
  - { name: the ward stays, when: "session.startswith('ward')", only: [others] }
sessions: { keep: model }
"""
    text = POLICY.format(url=here.url, other=there.url, cap="$1/day")
    path.write_text(text.replace("rules:\n", "rules:\n" + ward.partition("\n")[0] + "\n")
                    + ward.partition("\n")[2])  # fmt: skip
    with Router.open(path, watch="off") as router:
        assert router.embedding("a", session="s", model="others").served_by == "others"
        assert router.embedding("a", session="s").served_by == "first"
        assert router.embedding("a", session="ward 7").served_by == "others"


def test_anthropics_api_makes_none(tmp_path: Path, here: Simulated) -> None:
    path = tmp_path / "policy.yaml"
    text = POLICY.format(url=here.url, other=here.url, cap="$1/day")
    path.write_text(text.replace("openai/vectors", "anthropic/vectors"))
    with Router.open(path, watch="off") as router, pytest.raises(BadRequestError) as raised:
        router.embedding("a")
    assert "by Anthropic's API, which makes no embeddings" in raised.value.attempts[0].detail
    assert here.requests == ()
