"""The executor through the real LiteLLM against the simulated provider, on loopback."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.decision import Candidate, Decision
from policy_router.domain.fallback import Fallback, OnBreak
from policy_router.domain.models import Model
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    RoutingError,
    StreamBrokenError,
)
from policy_router.execution.executor import Executor
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind, FailureScope
from policy_router.providers.http.wire import Wire
from policy_router.providers.litellm.caller import LiteLLMCaller, _failed
from policy_router.providers.litellm.library import load
from policy_router.providers.requests.body import Body
from policy_router.providers.simulated import (
    Behaviour,
    Cut,
    Fail,
    Garble,
    Redirect,
    Say,
    Simulated,
    Stall,
)
from tests.execution.make import HELLO, candidate, decision
from tests.providers.contract.faults import events, piece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

Script = Behaviour | list[Behaviour]
PROMPT = "the secret ingredient of the soup is lovage and nothing else"


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    load()  # seconds of work that no request of these tests should pay for


@asynccontextmanager
async def executor() -> AsyncIterator[Executor]:
    async with LiteLLMCaller() as caller:
        yield Executor(caller, sleep=lambda _: asyncio.sleep(0))
        await settle()


async def settle() -> None:
    """Lets the tasks that LiteLLM starts for its logging end."""
    for _ in range(3):
        await asyncio.sleep(0)


def run(
    scripts: dict[str, Script], *, body: Body = HELLO, decided: Any = None, **options: Any
) -> tuple[Any, list[str]]:
    """The answer or the error of asking the scripted models in turn, and who was called."""

    async def go(url: str) -> Any:
        async with executor() as each:
            try:
                asked = decided(url) if decided else decision(*scripts, url=url)
                return await each.run(asked, Fallback(**options), body)
            except RoutingError as error:
                return error

    with Simulated(scripts) as provider:
        outcome = asyncio.run(go(provider.url))
        return outcome, [hit.model for hit in provider.requests]


def read(scripts: dict[str, Script], *, body: Body = HELLO, **options: Any) -> Any:
    """(chunks, error, attempts, served by, called) of a stream."""
    chunks: list[Any] = []

    async def go(url: str) -> Any:
        async with executor() as each:
            try:
                decided = decision(*scripts, url=url)
                async with await each.stream(decided, Fallback(**options), body) as stream:
                    async for chunk in stream:  # what came before an error is wanted too
                        chunks.append(chunk)  # noqa: PERF401  as above
                    return None, stream.attempts, stream.served_by
            except RoutingError as error:
                return error, error.attempts, None

    with Simulated(scripts) as provider:
        error, attempts, served_by = asyncio.run(go(provider.url))
        called = [hit.model for hit in provider.requests]
    return chunks, error, [a.failure for a in attempts], served_by, called


def test_an_answer() -> None:
    answer, called = run({"a": Say("hello you")})
    assert answer.choices[0].message.content == "hello you"
    assert answer.model_dump()["choices"][0]["finish_reason"] == "stop"
    assert (answer.model, answer.served_by, called) == ("a", "a", ["a"])
    assert (answer.attempts[0].tokens_in, answer.attempts[0].tokens_out) == (1, 2)


FIRST = {
    "429": (Fail(429, "rate_limit_exceeded", retry_after=30), ["rate_limited"]),
    "quota": (Fail(429, "insufficient_quota"), ["quota_exhausted"]),
    "402": (Fail(402), ["quota_exhausted"]),
    "401": (Fail(401, "invalid_api_key"), ["credential"]),
    "403": (Fail(403), ["forbidden"]),
    "404": (Fail(404, "model_not_found"), ["model_gone"]),
    "409": (Fail(409), ["conflict", "conflict"]),
    "500": (Fail(500), ["server_error", "server_error"]),
    "503 with a long wait": (Fail(503, retry_after=30), ["server_error"]),
    "529": (Fail(529, type="overloaded_error"), ["overloaded"]),
    "cut": (Cut(), ["connection_lost", "connection_lost"]),
    "reset": (Cut(reset=True), ["connection_lost", "connection_lost"]),
    "redirect": (Redirect("http://127.0.0.1:9/v1/chat/completions"), ["redirected"]),
    "empty": (Say(""), ["empty"]),
}
WHOLE_ONLY = {
    "html": (Garble(), ["malformed"]),
    "no choices": (Garble('{"object": "x"}', "application/json"), ["malformed"]),
    "truncated": (Garble('{"choices": [{"mess', "application/json"), ["malformed"]),
    "no body": (Garble("", "application/json"), ["malformed"]),
    "error in a 200": (
        Garble('{"error": {"message": "no", "code": "insufficient_quota"}}', "application/json"),
        ["quota_exhausted"],
    ),
    "cut in the body": (Cut(2), ["connection_lost", "connection_lost"]),
}
STREAM_ONLY = {
    "html": (Garble(), ["malformed"]),
    "no events": (Garble("", "text/event-stream"), ["malformed"]),
    "only done": (Garble("data: [DONE]\n\n", "text/event-stream"), ["malformed"]),
    "JSON": (Garble('{"object": "x"}', "application/json"), ["malformed"]),
    "error event": (Fail(429, "rate_limit_exceeded", stream_error=True), ["rate_limited"]),
    "cut after the role": (Cut(0), ["connection_lost", "connection_lost"]),
}


@pytest.mark.parametrize(("script", "failures"), [*FIRST.values(), *WHOLE_ONLY.values()],
                         ids=[*FIRST, *WHOLE_ONLY])  # fmt: skip
def test_another_model_answers(script: Behaviour, failures: list[str]) -> None:
    answer, called = run({"a": script, "b": Say()})
    assert [a.failure for a in answer.attempts] == [*failures, None]
    assert answer.served_by == "b"
    assert called == [a.model for a in answer.attempts], "one hit upstream for each attempt"


@pytest.mark.parametrize(("script", "failures"), [*FIRST.values(), *STREAM_ONLY.values()],
                         ids=[*FIRST, *STREAM_ONLY])  # fmt: skip
def test_another_model_streams(script: Behaviour, failures: list[str]) -> None:
    chunks, error, attempts, served_by, called = read({"a": script, "b": Say("one two")})
    assert (error, attempts, served_by) == (None, [*failures, None], "b")
    assert "".join(c.text for c in chunks) == "one two"
    assert called == ["a"] * len(failures) + ["b"], "one hit upstream for each attempt"


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (Fail(400, "invalid_image_format"), "invalid_request"),
        (Fail(403, "content_moderation"), "content_policy"),
        (Fail(400, "content_filter"), "content_policy"),
        (Say("", finish="content_filter"), "content_policy"),
        (Fail(400, "context_length_exceeded"), "context_too_long"),
    ],
)
def test_the_request_s_own_fault_stops(script: Behaviour, failure: str) -> None:
    error, called = run({"a": script, "b": Say()})
    assert type(error) is BadRequestError
    assert [a.failure for a in error.attempts] == [failure]
    assert called == ["a"]
    _, error, attempts, _, called = read({"a": script, "b": Say()})
    assert type(error) is BadRequestError
    assert (attempts, called) == ([failure], ["a"])


NOT_PROVED: dict[str, tuple[Behaviour, str]] = {
    "400": (Fail(400, message="your text on the rate limit is odd"), "bad_request"),
    "422": (Fail(422), "bad_request"),
    "405": (Fail(405), "refused"),
    "451": (Fail(451), "refused"),
    "no such parameter": (Fail(400, "unknown_parameter"), "unsupported"),
    "no credit": (Fail(400, message="Your credit balance is too low to access"), "quota_exhausted"),
    "bad key": (Fail(400, message="Incorrect API key provided: ab***cd."), "credential"),
    "model gone": (Fail(400, "model_decommissioned"), "model_gone"),
    "a text for an error": (Garble('{"error": "no"}', "application/json"), "malformed"),
}


@pytest.mark.parametrize("name", NOT_PROVED)
def test_what_another_model_may_accept_falls_back(name: str) -> None:
    script, failure = NOT_PROVED[name]
    answer, called = run({"a": script, "b": Say()})
    assert ([a.failure for a in answer.attempts], called) == ([failure, None], ["a", "b"])
    _, error, attempts, served_by, _ = read({"a": script, "b": Say()})
    assert (error, attempts, served_by) == (None, [failure, None], "b"), "streams fail alike"


PROVIDERS = ["openai", "openrouter", "groq", "hosted_vllm"]


def asked_of(provider: str, script: Behaviour, *, stream: bool) -> Any:
    """(kind of the failure, chunks or answer) of one model that is called through this provider."""

    async def go(url: str) -> Any:
        model = Model("m", f"{provider}/m", "t", 0, api_base=url, api_key_env="MY_KEY")
        made = decision(Candidate(model, "written order", ""))
        chunks: list[Any] = []
        async with executor() as each:
            try:
                if not stream:
                    answer = await each.run(made, Fallback(on_error={}), HELLO)
                    return answer.attempts[-1].failure, answer
                async with await each.stream(made, Fallback(on_error={}), HELLO) as streamed:
                    async for chunk in streamed:
                        chunks.append(chunk)  # noqa: PERF401  what came before an error counts
                    return None, chunks
            except RoutingError as error:
                return error.attempts[-1].failure, chunks

    with Simulated({"m": script}) as server:
        return asyncio.run(go(server.url))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_choice_of_a_stream_ends_for_its_own_reason(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    said = (piece(content="a"), piece(1, content="b"))
    script = events(*said, piece(1, finish="length"), piece(finish="stop"))
    failure, chunks = asked_of(provider, script, stream=True)
    ends = {c.index: c.finish_reason for each in chunks for c in each.choices if c.finish_reason}
    assert (failure, ends) == (None, {0: "stop", 1: "length"})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_streamed_refusal_reaches_the_caller(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    script = events(piece(role="assistant"), piece(refusal="I can"), piece(refusal="not"),
                    piece(finish="stop"))  # fmt: skip
    failure, chunks = asked_of(provider, script, stream=True)
    assert failure is None
    refusals = [c.delta.refusal for each in chunks for c in each.choices]
    assert "".join(text for text in refusals if text) == "I cannot"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_an_endless_answer_is_cut_off(
    provider: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    many = "x" * 3 * 1024 * 1024
    script = events(*[piece(content=many)] * 2) if stream else Garble(many, "application/json")

    async def go(url: str) -> Failure:
        model = Model("m", f"{provider}/m", "t", 0, api_base=url, api_key_env="MY_KEY")
        body = Body(messages=HELLO["messages"], max_tokens=1)
        async with LiteLLMCaller() as caller:
            try:
                if stream:
                    _ = [chunk async for chunk in await caller.stream(model, body, 60)]
                else:
                    await caller.call(model, body, 60)
            except CallFailed as failed:
                return failed.failure
            finally:
                await settle()
        raise AssertionError("it has an end")

    with Simulated({"m": script}) as server:
        failure = asyncio.run(go(server.url))
    assert failure.kind is FailureKind.MALFORMED
    assert "more than 1,052,672 bytes" in failure.detail
    assert failure.scope is FailureScope.REQUEST, "it follows from the request's own cap"


def test_an_answer_may_repeat_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    script = events(*[piece(content="again ")] * 150, piece(finish="stop"))
    failure, chunks = asked_of("openai", script, stream=True)
    assert (failure, "".join(c.text for c in chunks)) == (None, "again " * 150)


@pytest.mark.parametrize("index", [None, 0])
def test_parallel_tool_calls_with_one_index_are_distinguished(
    index: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")

    def call(name: str) -> dict[str, Any]:
        place = {} if index is None else {"index": index}
        made = {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return piece(tool_calls=[{**place, **made}])

    script = events(piece(role="assistant"), call("a"), call("b"), piece(finish="tool_calls"))
    failure, chunks = asked_of("openai", script, stream=True)
    calls = [t for each in chunks for c in each.choices for t in c.delta.tool_calls]
    assert (failure, [(t.index, t.id) for t in calls]) == (None, [(0, "a"), (1, "b")])


@pytest.mark.parametrize(
    "wrong",
    [{"messages": [{"role": "user", "content": 5}]}, {"response_format": 5}],
    ids=str,
)
def test_what_cannot_even_be_written_is_the_request_s_own_fault(wrong: dict[str, Any]) -> None:
    """Else a body that no client can write would look like three broken models."""
    error, called = run(
        {"a": Say("x"), "b": Say("x")}, body=Body(**{"messages": HELLO["messages"], **wrong})
    )
    assert called == []
    assert isinstance(error, BadRequestError)
    assert [a.failure for a in error.attempts] == ["invalid_request"]


def test_a_context_that_is_too_long_falls_back_to_a_larger_model() -> None:
    sizes = {"a": 8_000, "b": 8_000, "c": 32_000}

    def decided(url: str) -> Decision:
        return decision(*(candidate(name, size, url) for name, size in sizes.items()))

    message = "Your input exceeds the context window of this model"
    scripts: dict[str, Script] = {"a": Fail(400, message=message), "b": Say(), "c": Say()}
    answer, called = run(scripts, decided=decided)
    assert (answer.served_by, called) == ("c", ["a", "c"])


def test_a_model_that_does_not_answer_is_replaced() -> None:
    answer, called = run({"a": Stall(), "b": Say()}, deadline=8)
    assert [a.failure for a in answer.attempts] == ["timeout", None]
    assert called == ["a", "b"]


def test_the_deadline_ends_it() -> None:
    error, called = run({"a": Stall()}, deadline=0.6)
    assert type(error) is AllModelsFailedError
    assert [a.failure for a in error.attempts] == ["timeout"]
    assert called == ["a"]


@pytest.mark.parametrize("after", [None, 0])
def test_a_stream_that_stalls_before_the_first_token(after: int | None) -> None:
    chunks, error, attempts, served_by, _ = read(
        {"a": Stall(after), "b": Say("one two")}, first_token_within=4.0
    )
    assert (error, attempts, served_by) == (None, ["timeout", None], "b")
    assert "".join(c.text for c in chunks) == "one two"


BROKEN: dict[str, Script] = {
    "stall": Stall(2, "one two three"),
    "cut": Cut(2, "one two three"),
    "no finish reason": Say("one two ", finish=None, done=False),
    "done without a finish reason": Say("one two ", finish=None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_stream_that_breaks_after_the_first_token(name: str) -> None:
    chunks, error, attempts, _, called = read(
        {"a": BROKEN[name], "b": Say()}, stall=4.0, on_stream_break=OnBreak.ERROR
    )
    assert isinstance(error, StreamBrokenError)
    assert "".join(c.text for c in chunks) == "one two "
    assert [c.finish_reason for c in chunks if c.finish_reason] == [], "no invented finish reason"
    assert (attempts, called) == (["timeout" if name == "stall" else "stream_broken"], ["a"])


def test_resume() -> None:
    whole = Say("one two three")
    chunks, error, attempts, served_by, _ = read(
        {"a": [Cut(2, "one two three"), Fail(500)], "b": whole}, on_stream_break=OnBreak.RESUME
    )
    assert (error, served_by) == (None, "b")
    assert attempts == ["stream_broken", "server_error", None]
    assert "".join(c.text for c in chunks) == "one two three"
    assert len({chunk.id for chunk in chunks}) == 1


def test_buffer() -> None:
    chunks, error, _, served_by, _ = read(
        {"a": Cut(2, "one two"), "b": Say("uno due")}, on_stream_break=OnBreak.BUFFER
    )
    assert (error, served_by, "".join(c.text for c in chunks)) == (None, "b", "uno due")


@pytest.mark.parametrize("asked", [True, False])
def test_usage_at_the_end_of_a_stream(asked: bool) -> None:
    options = {"include_usage": True} if asked else None
    body = Body(messages=HELLO["messages"], stream_options=options)
    chunks = read({"a": Say("one two")}, body=body)[0]
    usages = [(c.choices, c.usage.total_tokens) for c in chunks if c.usage]
    assert usages == ([((), 3)] if asked else [])


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_that_was_not_counted_has_no_usage(asked: bool) -> None:
    options = {"include_usage": True} if asked else None
    body = Body(messages=HELLO["messages"], stream_options=options)
    chunks, error, *_ = read({"a": Say("one two", usage=None)}, body=body)
    assert error is None
    assert not [c for c in chunks if c.usage]
    assert all(c.choices[0].delta or c.choices[0].finish_reason for c in chunks)


def test_tools_reasoning_and_their_streams() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    say = Say("", finish="tool_calls", tool_calls=[call], reasoning="hm")
    answer, _ = run({"a": say})
    assert answer.choices[0].message.tool_calls[0].function.name == "f"
    chunks, error, *_ = read({"a": say})
    assert error is None
    names = [t.function.name for c in chunks for t in c.choices[0].delta.tool_calls or ()]
    assert names == ["f"]


def test_only_what_the_body_says_is_sent() -> None:
    body = Body(messages=HELLO["messages"], temperature=0.5, max_tokens=7, seed=1)

    async def go(url: str) -> None:
        async with executor() as each:
            await each.run(decision("a", url=url), Fallback(), body)

    with Simulated() as provider:
        asyncio.run(go(provider.url))
        sent = provider.requests[0].body
    wanted = {"messages", "model", "temperature", "max_tokens", "seed"}
    assert set(sent) - {"extra_body", "stream"} == wanted


async def leave_by_cancelling(each: Executor, provider: Simulated) -> None:
    task = asyncio.create_task(each.run(decision("a", url=provider.url), Fallback(), HELLO))
    while not provider.requests:  # noqa: ASYNC110  it is filled by another thread
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leave_by_closing(each: Executor, provider: Simulated) -> None:
    stream = await each.stream(decision("a", url=provider.url), Fallback(), HELLO)
    await anext(stream)
    await stream.aclose()


async def leave_by_cancelling_the_reader(each: Executor, provider: Simulated) -> None:
    asked = decision("a", url=provider.url)
    async with await each.stream(asked, Fallback(), HELLO) as stream:
        for _ in range(2):
            await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.2)


@pytest.mark.parametrize(
    ("leave", "script"),
    [
        (leave_by_cancelling, Stall()),
        (leave_by_closing, Stall(1)),
        (leave_by_cancelling_the_reader, Stall(1)),
    ],
)
def test_leaving_closes_the_connection(
    leave: Callable[[Executor, Simulated], Coroutine[Any, Any, None]], script: Behaviour
) -> None:
    async def go(provider: Simulated) -> bool:
        async with executor() as each:
            await leave(each, provider)
            gone = provider.requests[0].disconnected
            return await asyncio.to_thread(gone.wait, 60)

    with Simulated({"a": script}) as provider:
        assert asyncio.run(go(provider))


def called_with(model: Model) -> dict[str, str]:
    """The headers a call of the model arrives with."""

    async def go(url: str) -> None:
        async with LiteLLMCaller() as caller:
            await caller.call(at(model, url), HELLO, 60)
            await settle()

    with Simulated() as provider:
        asyncio.run(go(provider.url))
        return dict(provider.requests[0].headers)


def at(model: Model, url: str) -> Model:
    return Model(
        model.name, model.provider_model, "t", 0, api_base=url, api_key_env=model.api_key_env
    )


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_our_own_key_never_goes_to_a_host_of_the_policy(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    headers = called_with(Model("m", f"{provider}/m", "t", 0))
    assert headers["authorization"] == "Bearer none"


def test_the_key_comes_from_the_variable_the_policy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    headers = called_with(Model("m", "openai/m", "t", 0, api_key_env="MY_KEY"))
    assert headers["authorization"] == "Bearer sk-mine"


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        (Model("m", "groq/m", "t", 0, api_key_env="MY_KEY"), "MY_KEY"),
        (Model("m", "openai/m", "t", 0), "OPENAI_API_KEY"),
    ],
)
def test_a_missing_key_names_its_variable(
    model: Model, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    failure = failure_of(model)
    assert failure == Failure(FailureKind.CREDENTIAL, f"environment variable {variable} is not set")


def failure_of(
    model: Model, scripts: dict[str, Script] | None = None, body: Body = HELLO
) -> Failure:
    async def go(url: str | None) -> Failure:
        async with LiteLLMCaller() as caller:
            with pytest.raises(CallFailed) as caught:
                await caller.call(at(model, url) if url else model, body, 60)
            with pytest.raises(CallFailed) as streamed:
                # Some of LiteLLM's streams only send the request when they are read.
                await anext(await caller.stream(at(model, url) if url else model, body, 60))
            await settle()
        assert streamed.value.failure.kind is caught.value.failure.kind
        return caught.value.failure

    if scripts is None:
        return asyncio.run(go(None))
    with Simulated(scripts) as provider:
        return asyncio.run(go(provider.url))


def test_an_unknown_provider_is_a_failure_too() -> None:
    assert failure_of(Model("m", "no-such-provider/m", "t", 0)).kind is FailureKind.BAD_REQUEST


def test_a_port_without_a_server() -> None:
    model = Model("m", "openai/m", "t", 0, api_base="http://127.0.0.1:9/v1")
    assert failure_of(model).kind is FailureKind.CONNECT


def test_details_hold_no_prompt_no_key_and_no_path() -> None:
    message = f"cannot parse '{PROMPT}' with key sk-abcdef123456"
    body = Body(messages=[{"role": "user", "content": PROMPT}])
    failure = failure_of(Model("m", "openai/m", "t", 0), {"m": Fail(400, message=message)}, body)
    assert failure.detail == "400 invalid_request_error: message withheld: it repeats the prompt"
    plain = failure_of(Model("m", "openai/m", "t", 0), {"m": Fail(400, message="no sk-abcdef123")})
    assert plain.detail == "400 invalid_request_error: no ***"


@pytest.mark.parametrize("provider", ["groq", "openai", "hosted_vllm"])
def test_the_status_on_the_wire_is_believed(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    model = Model("m", f"{provider}/m", "t", 0, api_key_env="MY_KEY")
    echo = Fail(400, message="the words rate limit are in the prompt")
    assert failure_of(model, {"m": echo}).kind is FailureKind.BAD_REQUEST
    wait = failure_of(model, {"m": Fail(429, retry_after=7)})
    assert (wait.kind, wait.status, wait.retry_after) == (FailureKind.RATE_LIMITED, 429, 7)


@pytest.mark.parametrize("error", [ValueError, ImportError, RuntimeError])
def test_no_log_holds_the_prompt(caplog: pytest.LogCaptureFixture, error: type[Exception]) -> None:
    body = Body(messages=[{"role": "user", "content": "the launch code is swordfish"}])
    caplog.set_level(logging.DEBUG)
    failed = _failed(error(f"cannot read {body['messages']}"), body, Wire())
    assert "swordfish" not in str(failed)
    assert "swordfish" not in caplog.text
    for record in caplog.records:
        assert record.exc_info is None
        assert error.__name__ in record.getMessage()
    assert caplog.records
