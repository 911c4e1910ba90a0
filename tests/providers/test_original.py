"""What crossed the wire is kept as it is: requests on their way in, answers and errors out."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.base_errors import UsageError
from policy_router.classification.classifier import Classifier
from policy_router.domain.dialect import Dialect
from policy_router.domain.effort import Effort
from policy_router.domain.fallback import Fallback, OnBreak
from policy_router.domain.models import Model
from policy_router.domain.original import LARGEST_ERROR, OriginalRequest
from policy_router.errors import AllModelsFailedError, BadRequestError, RoutingError
from policy_router.execution.executor import Executor
from policy_router.intake import classify, take_in
from policy_router.loading import load
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.failures.failure import CallFailed, FailureKind
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.requests.original_body import headers_of
from policy_router.providers.responses_wire.original import responses_body
from policy_router.providers.simulated import Cut, Fail, Garble, Say, Simulated
from tests.execution.make import HELLO, decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.simulated import Behaviour, Hit

POLICY = """
version: 1
models: { small: { model: openai/small, tier: light, price: free } }
"""
USER = {"role": "user", "content": "hi"}
CALLERS = {Dialect.CHAT: OpenAIWireCaller, Dialect.MESSAGES: AnthropicWireCaller}
PROVIDERS = {Dialect.CHAT: "openai", Dialect.MESSAGES: "anthropic"}


def of(
    dialect: Dialect,
    original: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    **body: Any,
) -> Body:
    """A body with what the client sent in a dialect."""
    return Body(BOUNDS, OriginalRequest(dialect, original, headers or {}), messages=[USER], **body)


def sent(
    body: Body, dialect: Dialect, *, provider: str | None = None, stream: bool = False, **model: Any
) -> Hit:
    """The request that a direct caller of this dialect makes."""

    async def go(url: str) -> None:
        caller = CALLERS[dialect]()
        each = Model("a", f"{provider or PROVIDERS[dialect]}/a", "t", 0, api_base=url, **model)
        try:
            if stream:
                async with aclosing(await caller.stream(each, body.sent_to(each), 30)) as chunks:
                    _ = [chunk async for chunk in chunks]
            else:
                await caller.call(each, body.sent_to(each), 30)
        finally:
            await caller.aclose()

    with Simulated({"a": Say()}) as server:
        asyncio.run(go(server.url))
        return server.requests[0]


CHAT = {
    "model": "gpt-auto",
    "messages": [USER, {"role": "assistant", "content": "a", "new_field": 1}],
    "new_parameter": {"deep": [1, 2.5, None]},
    "max_tokens": 50,
    "stream": True,
}
MESSAGES = {
    "model": "claude-auto",
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "In the middle."},
    ],
    "context_management": {"edits": []},
    "max_tokens": 64000,
    "metadata": {"user_id": "{}"},
    "stream": True,
}


def test_a_chat_body_goes_through_with_everything_unknown() -> None:
    hit = sent(of(Dialect.CHAT, CHAT), Dialect.CHAT)
    expected = {**CHAT, "model": "a"}
    del expected["stream"]
    assert hit.body == expected


def test_a_stream_keeps_the_client_s_own_options() -> None:
    options = {"include_obfuscation": False}
    body = of(Dialect.CHAT, {**CHAT, "stream_options": options})
    hit = sent(body, Dialect.CHAT, stream=True)
    assert hit.body["stream_options"] == {**options, "include_usage": True}
    assert hit.body["stream"] is True
    assert "stream_options" not in sent(body, Dialect.CHAT).body


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_of_messages_goes_through_untouched_but_for_the_model(stream: bool) -> None:
    hit = sent(of(Dialect.MESSAGES, MESSAGES), Dialect.MESSAGES, stream=stream)
    expected = {**MESSAGES, "model": "a", "stream": True}
    if not stream:
        del expected["stream"]
    assert hit.body == expected
    assert list(hit.body)[:3] == ["model", "system", "messages"], "in the client's order"


def test_another_dialect_gets_the_translation() -> None:
    hit = sent(of(Dialect.MESSAGES, MESSAGES, {"anthropic-beta": "x"}), Dialect.CHAT)
    assert hit.body == {"model": "a", "messages": [USER]}
    assert "anthropic-beta" not in hit.headers, "a header and its body travel together"
    hit = sent(of(Dialect.CHAT, CHAT), Dialect.MESSAGES)
    assert "new_parameter" not in hit.body


def test_headers_travel_with_the_body_but_never_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OURS", "sk-ours")
    given = {
        "Anthropic-Beta": "a,b", "anthropic-version": "2099-01-01", "X-Api-Key": "theirs",
        "Authorization": "Bearer theirs", "Cookie": "a=b", "Host": "evil", "Content-Length": "3",
        "Proxy-Authorization": "x", "x-note": "a\r\nx-api-key: evil",
        "OpenAI-Organization": "theirs", "openai-project": "theirs", "X-Auth-Token": "theirs",
        "Ocp-Apim-Subscription-Key": "theirs", "X-Amz-Security-Token": "theirs",
        "x-goog-user-project": "theirs", "Cf-Access-Client-Secret": "theirs", "Via": "1.1 p",
        "X-Real-IP": "10.0.0.1",
    }  # fmt: skip
    hit = sent(of(Dialect.MESSAGES, MESSAGES, given), Dialect.MESSAGES, api_key_env="OURS")
    assert hit.headers["anthropic-beta"] == "a,b"
    assert hit.headers["anthropic-version"] == "2099-01-01"
    assert hit.headers["x-api-key"] == "sk-ours"
    assert not {"authorization", "cookie", "proxy-authorization", "x-note"} & hit.headers.keys()
    kept = headers_of(OriginalRequest(Dialect.MESSAGES, {}, given))
    assert kept == {"anthropic-beta": "a,b", "anthropic-version": "2099-01-01"}


def test_what_the_policy_alone_decides_is_left_out() -> None:
    theirs = {
        "models": ["dear"], "route": "fallback", "provider": {"order": ["x"]}, "preset": "p",
        "service_tier": "priority", "fallbacks": [], "speed": "fast", "inference_geo": "us",
        "best_of": 9,
    }  # fmt: skip
    for dialect, body in ((Dialect.CHAT, CHAT), (Dialect.MESSAGES, MESSAGES)):
        assert not theirs.keys() & sent(of(dialect, {**body, **theirs}), dialect).body.keys()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"params": {"temperature": 0}}, {"temperature": 0}),
        ({"defaults": {"temperature": 0}}, {"temperature": 0.7}),
        ({"defaults": {"top_p": 0.5}}, {"temperature": 0.7, "top_p": 0.5}),
        ({"fixed_output": 10}, {"max_tokens": 10}),
        ({"params": {"stop": "END"}}, {"stop_sequences": ["END"]}),
        ({"params": {"stop": ["A", "B"]}}, {"stop_sequences": ["A", "B"]}),
    ],
)
def test_what_the_policy_sets_wins(model: dict[str, Any], expected: dict[str, Any]) -> None:
    body = of(Dialect.MESSAGES, {**MESSAGES, "temperature": 0.7}, max_tokens=64000, temperature=0.7)
    hit = sent(body, Dialect.MESSAGES, **model)
    assert {name: hit.body[name] for name in expected} == expected
    chat = of(Dialect.CHAT, {**CHAT, "temperature": 0.7}, max_tokens=50, temperature=0.7)
    expected = {k: v for k, v in expected.items() if k in {"temperature", "top_p", "max_tokens"}}
    hit = sent(chat, Dialect.CHAT, provider="hosted_vllm", **model)
    assert {name: hit.body[name] for name in expected} == expected


SCHEMA = {"type": "object"}
AS_SCHEMA: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
TOOLS = {"tools": [{"name": "look_up", "input_schema": {"type": "object"}}]}


@pytest.mark.parametrize(
    ("theirs", "params", "expected"),
    [
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "none"}, {"type": "none"}),
        ({}, {"tool_choice": "required"}, {"type": "any"}),
        ({}, {"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": {"type": "tool", "name": "look_up"}}, {"parallel_tool_calls": False},
         {"type": "tool", "name": "look_up", "disable_parallel_tool_use": True}),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
         {"parallel_tool_calls": True, "tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
         {"tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)  # fmt: skip
def test_the_policy_chooses_among_the_tools_of_messages(
    theirs: dict[str, Any], params: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = of(Dialect.MESSAGES, {**MESSAGES, **TOOLS, **theirs})
    assert sent(body, Dialect.MESSAGES, params=params).body["tool_choice"] == expected
    without = of(Dialect.MESSAGES, MESSAGES)
    assert "tool_choice" not in sent(without, Dialect.MESSAGES, params=params).body


def test_the_policy_sets_the_format_of_messages() -> None:
    theirs = {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}}}
    body = of(Dialect.MESSAGES, {**MESSAGES, **theirs})
    made = sent(body, Dialect.MESSAGES, params={"response_format": AS_SCHEMA}).body
    form = {"type": "json_schema", "schema": SCHEMA}
    assert made["output_config"] == {"effort": "low", "format": form}
    made = sent(body, Dialect.MESSAGES, params={"response_format": {"type": "text"}}).body
    assert made["output_config"] == {"effort": "low"}
    bare = of(Dialect.MESSAGES, MESSAGES)
    made = sent(bare, Dialect.MESSAGES, params={"response_format": {"type": "text"}}).body
    assert "output_config" not in made
    with pytest.raises(CallFailed) as failed:
        sent(body, Dialect.MESSAGES, params={"response_format": {"type": "json_object"}})
    assert failed.value.failure.kind is FailureKind.UNSUPPORTED


def test_what_the_policy_sets_wins_in_responses() -> None:
    theirs = {
        "input": "hi", "tools": [{"type": "function", "name": "f"}], "tool_choice": "auto",
        "text": {"verbosity": "high", "format": {"type": "text"}},
    }  # fmt: skip
    params: dict[str, Any] = {
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "verbosity": "low",
    }
    model = Model("a", "openai/responses/a", "t", 0, api_base="http://x", params=params)
    made = responses_body(
        OriginalRequest(Dialect.RESPONSES, theirs),
        of(Dialect.RESPONSES, theirs).sent_to(model),
        model,
    )
    assert (made["tool_choice"], made["parallel_tool_calls"]) == ("none", False)
    assert made["text"] == {"verbosity": "low", "format": {"type": "text"}}
    schema = Model("a", "openai/x", "t", 0, params={"response_format": AS_SCHEMA})
    bare = OriginalRequest(Dialect.RESPONSES, {"input": "hi"})
    body = of(Dialect.RESPONSES, {"input": "hi"}).sent_to(schema)
    form = {"type": "json_schema", "name": "n", "schema": SCHEMA}
    assert responses_body(bare, body, schema) == {"input": "hi", "text": {"format": form}}


LOOK_UP = {"name": "look_up", "input_schema": {"type": "object"}}
NAMED = {"type": "function", "name": "look_up", "parameters": {}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
WEB = {"type": "web_search"}
OF_MESSAGES: dict[str, Any] = {
    "tools": [SEARCH, LOOK_UP],
    "tool_choice": {"type": "tool", "name": "web_search"},
    "mcp_servers": [{"url": "https://x"}],
    "container": "c",
}


@pytest.mark.parametrize(
    ("dialect", "theirs", "kept"),
    [
        (Dialect.CHAT, {"plugins": [{"id": "web"}], "search_parameters": {"mode": "on"},
                        "enable_search": True, "data_sources": [{}]}, {}),
        (Dialect.MESSAGES, OF_MESSAGES, {"tools": [LOOK_UP]}),
        (Dialect.MESSAGES, {"tools": [LOOK_UP, SEARCH], "tool_choice": {"type": "any"}},
         {"tools": [LOOK_UP], "tool_choice": {"type": "any"}}),
        (Dialect.MESSAGES, {"tools": [SEARCH, LOOK_UP],
                            "tool_choice": {"type": "tool", "name": "look_up"}},
         {"tools": [LOOK_UP], "tool_choice": {"type": "tool", "name": "look_up"}}),
        (Dialect.MESSAGES, {"tools": [SEARCH], "tool_choice": {"type": "any"}}, {}),
        (Dialect.RESPONSES,
         {"tools": [WEB, NAMED, {"type": "namespace", "name": "n", "tools": [WEB, NAMED]}, 1],
          "tool_choice": WEB},
         {"tools": [NAMED, {"type": "namespace", "name": "n", "tools": [NAMED]}]}),
    ],
)  # fmt: skip
def test_what_a_provider_would_run_is_sent_only_where_the_request_needs_it(
    dialect: Dialect, theirs: dict[str, Any], kept: dict[str, Any]
) -> None:
    classifier = Classifier(load(text=POLICY))
    original = OriginalRequest(dialect, {"messages": [USER], **theirs})
    intake = take_in(classifier, [USER], {"original": original})
    assert intake.body is not None
    assert intake.body.original == OriginalRequest(dialect, {"messages": [USER], **kept})
    assert original.body == {"messages": [USER], **theirs}, "the caller's own value is not changed"
    needs = {"original": original, "needs": ["hosted_tools"]}
    wanted = take_in(classifier, [USER], needs).body  # type: ignore[arg-type]  # a plain mapping
    assert wanted is not None
    assert wanted.original is original


THINKING = {"thinking": {"type": "enabled", "budget_tokens": 30000}}


@pytest.mark.parametrize(
    ("name", "client", "model", "expected"),
    [
        ("claude-opus-5", {"thinking": {"type": "disabled"}}, {"effort": Effort.HIGH},
         {"thinking": {"type": "adaptive", "display": "summarized"},
          "output_config": {"effort": "high"}}),
        ("claude-opus-5", {"output_config": {"effort": "max", "format": {"type": "json_schema"}},
                           "temperature": 0.3}, {"effort": Effort.LOW},
         {"thinking": {"type": "adaptive", "display": "summarized"},
          "output_config": {"format": {"type": "json_schema"}, "effort": "low"}}),
        ("claude-sonnet-4-5", THINKING, {"effort": Effort.LOW},
         {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-opus-5", {**THINKING, "temperature": 1}, {"effort": Effort.NONE},
         {"temperature": 1}),
        ("claude-opus-5", {"thinking": {"type": "adaptive"}},
         {"defaults": {"reasoning_effort": "low"}}, {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5", {}, {"defaults": {"reasoning_effort": "low"}},
         {"thinking": {"type": "adaptive", "display": "summarized"},
          "output_config": {"effort": "low"}}),
        ("claude-opus-5", {"thinking": {"type": "adaptive"}}, {"params": {"temperature": 0}},
         {"thinking": {"type": "adaptive"}}),
        ("claude-sonnet-4-5", THINKING, {"fixed_output": 8000},
         {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("claude-sonnet-4-5", THINKING, {"fixed_output": 1000}, {}),
        ("claude-sonnet-4-5", THINKING, {}, THINKING),
    ],
)  # fmt: skip
def test_who_says_how_much_is_thought(
    name: str, client: dict[str, Any], model: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = of(Dialect.MESSAGES, {**MESSAGES, **client}, max_tokens=64000)
    each = Model("a", f"anthropic/{name}", "t", 0, api_base="http://x", **model)
    request = AnthropicWireCaller().make_request(each, body.sent_to(each), stream=False)
    made = json.loads(request.body)
    names = {"thinking", "output_config", "temperature"}
    assert {k: v for k, v in made.items() if k in names} == expected


def of_openai_wire(name: str, body: Body) -> Any:
    """The body that a model gets."""
    model = Model("a", name, "t", 0, api_base="http://x")
    return json.loads(OpenAIWireCaller().make_request(model, body, stream=False).body)


def test_marks_of_another_model_are_left_out_for_a_provider_that_refuses_them() -> None:
    long_id = "call_" + "x" * 60
    said = {
        "role": "assistant", "content": None, "reasoning_content": "hm", "annotations": [],
        "refusal": None, "new_field": 1,
        "tool_calls": [{"id": long_id, "type": "function", "index": 0,
                        "function": {"name": "look", "arguments": "{}"}}],
    }  # fmt: skip
    text = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}, "new": 1}
    conversation = [
        {"role": "user", "content": [text, {"type": "thinking", "thinking": "hm"}]},
        said,
        {"role": "tool", "tool_call_id": long_id, "content": "seen"},
        {"role": "assistant", "reasoning": "hm"},
        "no message",
    ]
    tools = [{"type": "function", "function": {"name": "look"}, "cache_control": {}}]
    body = of(Dialect.CHAT, {"messages": conversation, "tools": tools, "stop": []})
    made = of_openai_wire("openai/a", body)
    first, second, third, fourth, odd = made["messages"]
    assert first["content"] == [{"type": "text", "text": "hi", "new": 1}]
    assert second.keys() == {"role", "content", "new_field", "tool_calls"}
    assert second["tool_calls"][0]["id"] == third["tool_call_id"] != long_id
    assert (fourth, odd) == ({"role": "assistant", "content": ""}, "no message")
    assert "cache_control" not in made["tools"][0]
    assert "stop" not in made
    kept = of_openai_wire("openrouter/a", body)
    assert kept["messages"][0]["content"][0] == text
    assert kept["messages"][1]["reasoning_content"] == "hm"
    assert kept["messages"][2] == conversation[2]
    assert kept["tools"] == tools
    assert of_openai_wire("openai/a", of(Dialect.CHAT, {})) == {"model": "a"}


def test_an_error_that_repeats_our_key_is_not_relayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "a secret of ours")
    for dialect, make in CALLERS.items():
        for said in ("unknown field, in a request with: a secret of ours", "unknown field"):

            async def go(url: str, dialect: Dialect = dialect, make: Any = make) -> Any:
                caller = make()
                each = Model(
                    "a", f"{PROVIDERS[dialect]}/a", "t", 0, api_base=url, api_key_env="OURS"
                )
                try:
                    await caller.call(each, HELLO, 30)
                except CallFailed as failed:
                    return failed.failure
                finally:
                    await caller.aclose()

            with Simulated({"a": Fail(400, message=said)}) as server:
                failure = asyncio.run(go(server.url))
            assert (failure.original is None) == ("secret" in said)
            assert "secret of ours" not in failure.detail


# -- the way out ------------------------------------------------------------------------------


def answered(script: Behaviour, dialect: Dialect, body: Body = HELLO) -> Any:
    """The answer or the error of one model that is called directly."""

    async def go(url: str) -> Any:
        caller = CALLERS[dialect]()
        try:
            return await Executor(caller).run(decided(url, dialect), Fallback(), body)
        except RoutingError as error:
            return error
        finally:
            await caller.aclose()

    with Simulated({"a": script}) as server:
        return asyncio.run(go(server.url))


def decided(url: str, dialect: Dialect, *names: str) -> Any:
    made = decision(*(names or "a"), url=url)
    for candidate in made.candidates:
        object.__setattr__(
            candidate.model, "provider_model", f"{PROVIDERS[dialect]}/{candidate.model.name}"
        )
    return made


def streamed(
    scripts: Mapping[str, Behaviour], dialect: Dialect, body: Body = HELLO, **options: Any
) -> list[ChatChunk]:
    """The chunks of a stream."""

    async def go(url: str) -> list[ChatChunk]:
        caller = CALLERS[dialect]()
        made = decided(url, dialect, *scripts)
        async with await Executor(caller).stream(made, Fallback(**options), body) as stream:
            chunks = [chunk async for chunk in stream]
        await caller.aclose()
        return chunks

    with Simulated(scripts) as server:
        return asyncio.run(go(server.url))


EVENTS = (
    b': wait\n\ndata: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}],"new":1}\r\n\r\n',
    b': wait\n\ndata: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
)
USED = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'


def test_the_chunks_of_a_stream_have_its_bytes() -> None:
    text = b"".join(EVENTS) + USED + b"data: [DONE]\n\n"
    script = Garble(text.decode(), "text/event-stream")
    chunks = streamed({"a": script}, Dialect.CHAT)
    assert [c.original.data for c in chunks if c.original is not None] == list(EVENTS)
    assert {c.original.dialect for c in chunks if c.original is not None} == {Dialect.CHAT}
    wants = Body(messages=[USER], stream_options={"include_usage": True})
    chunks = streamed({"a": script}, Dialect.CHAT, wants)
    assert b"".join(c.original.data for c in chunks if c.original) == b"".join(EVENTS) + USED


def test_all_events_of_messages_are_in_the_chunks() -> None:
    body = of(Dialect.MESSAGES, MESSAGES)
    script = Say("one two", reasoning="hm")
    chunks = streamed({"a": script}, Dialect.MESSAGES, body)
    data = b"".join(c.original.data for c in chunks if c.original)
    types = [line[7:] for line in data.decode().splitlines() if line.startswith("event: ")]
    assert types[:2] == ["message_start", "ping"]
    assert types[-2:] == ["message_delta", "message_stop"]


def test_a_whole_answer_has_its_bytes() -> None:
    text = ' {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "new": 1}\n'
    answer = answered(Garble(text, "application/json"), Dialect.CHAT)
    assert (answer.response.original.data, answer.response.original.dialect) == (
        text.encode(), Dialect.CHAT)  # fmt: skip
    answer = answered(Say("hi"), Dialect.MESSAGES)
    assert json.loads(answer.response.original.data)["content"][0]["text"] == "hi"
    assert "original" not in answer.model_dump()
    assert "hi" not in repr(answer.response.original)


def test_what_is_changed_here_has_no_bytes() -> None:
    scripts: dict[str, Behaviour] = {
        "a": Cut(after=1, text="one two three"),
        "b": Say("one two three four"),
    }
    chunks = streamed(scripts, Dialect.CHAT, on_stream_break=OnBreak.RESUME)
    assert "".join(c.text for c in chunks) == "one two three four"
    resumed = [c.original for c in chunks if c.id == chunks[0].id][-1]
    assert chunks[0].original is not None
    assert resumed is None, "its id is that of the first model's chunks"


def test_a_refusal_is_kept_as_it_was_sent() -> None:
    script = Fail(400, "invalid_image_format", message="no such picture", headers={
        "request-id": "r1", "set-cookie": "a=b", "retry-after": "3"})  # fmt: skip
    error = answered(script, Dialect.MESSAGES)
    assert isinstance(error, BadRequestError)
    kept = error.original
    assert kept is not None
    assert (kept.status, kept.dialect) == (400, Dialect.MESSAGES)
    assert json.loads(kept.body)["error"]["message"] == "no such picture"
    assert (kept.headers["request-id"], kept.headers["retry-after"]) == ("r1", "3")
    assert not {"set-cookie", "content-length", "date", "server"} & kept.headers.keys()
    assert "picture" not in repr(kept)


def test_a_failure_of_the_service_is_kept_too() -> None:
    error = answered(Fail(529), Dialect.MESSAGES)
    assert isinstance(error, AllModelsFailedError)
    assert error.original is not None
    assert error.original.status == 529


@pytest.mark.parametrize("script", [
    Fail(401, message="Incorrect API key provided: sk-ours"),
    Fail(402, message="your account has no credit"),
    Fail(400, "bad", message="x" * LARGEST_ERROR),
    Cut(after=None),
    Say(finish="error"),
])  # fmt: skip
def test_what_is_not_the_client_s_or_no_error_or_too_large_is_not_kept(script: Behaviour) -> None:
    error = answered(script, Dialect.CHAT)
    assert isinstance(error, AllModelsFailedError | BadRequestError)
    assert error.original is None


def test_it_reaches_the_body_through_the_options() -> None:
    original = OriginalRequest(Dialect.CHAT, CHAT)
    assert "hi" not in repr(original)
    body = take_in(Classifier(load(text=POLICY)), [USER], {"original": original}).body
    assert body is not None
    assert body.original is original
    with pytest.raises(UsageError, match="`original` must be an OriginalRequest"):
        classify(load(text=POLICY), [USER], original=CHAT)  # type: ignore[arg-type]  # a wrong value
