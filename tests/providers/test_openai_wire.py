"""The executor through the direct caller against the simulated provider, on loopback.

The faults are those that calls through LiteLLM are tested with: both callers must treat them alike.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import warnings
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model
from policy_router.errors import BadRequestError, RoutingError
from policy_router.execution.executor import Executor
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.http.connections import proxy_of
from policy_router.providers.http.wire import Wire, watching
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.openai_wire.endpoints import ENDPOINTS, endpoint_of
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.wire_body import wire_name
from policy_router.providers.simulated import Fail, Garble, Say, Simulated, Stall
from tests.execution.make import HELLO, decision
from tests.providers.contract.faults import events, piece, whole
from tests.providers.litellm.test_caller import (
    FIRST,
    NOT_PROVED,
    STREAM_ONLY,
    WHOLE_ONLY,
    Script,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from policy_router.providers.simulated import Behaviour


@asynccontextmanager
async def executor() -> AsyncIterator[Executor]:
    caller = OpenAIWireCaller()
    yield Executor(caller, sleep=lambda _: asyncio.sleep(0))
    await caller.aclose()


def run(scripts: dict[str, Script], *, body: Body = HELLO, **options: Any) -> tuple[Any, list[str]]:
    """The answer or the error of asking the scripted models in turn, and who was called."""

    async def go(url: str) -> Any:
        async with executor() as each:
            try:
                return await each.run(decision(*scripts, url=url), Fallback(**options), body)
            except RoutingError as error:
                return error

    with Simulated(scripts) as provider:
        return asyncio.run(go(provider.url)), [hit.model for hit in provider.requests]


def read(scripts: dict[str, Script], **options: Any) -> Any:
    """(chunks, error, failures of the attempts, served by, called) of a stream."""
    chunks: list[Any] = []

    async def go(url: str) -> Any:
        async with executor() as each:
            try:
                decided = decision(*scripts, url=url)
                async with await each.stream(decided, Fallback(**options), HELLO) as stream:
                    async for chunk in stream:
                        chunks.append(chunk)  # noqa: PERF401  what came before an error counts
                    return None, stream.attempts, stream.served_by
            except RoutingError as error:
                return error, error.attempts, None

    with Simulated(scripts) as provider:
        error, attempts, served_by = asyncio.run(go(provider.url))
        called = [hit.model for hit in provider.requests]
    return chunks, error, [a.failure for a in attempts], served_by, called


def test_an_answer() -> None:
    answer, called = run({"a": Say("hello you", reasoning="hm")})
    assert answer.choices[0].message.content == "hello you"
    assert answer.choices[0].message.reasoning_content == "hm"
    assert (answer.model, answer.served_by, called) == ("a", "a", ["a"])
    assert (answer.attempts[0].tokens_in, answer.attempts[0].tokens_out) == (1, 2)


def test_a_stream() -> None:
    chunks, error, failures, served_by, called = read({"a": Say("one two three")})
    assert (error, failures, served_by, called) == (None, [None], "a", ["a"])
    assert "".join(chunk.text for chunk in chunks) == "one two three"


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


@pytest.mark.parametrize("name", NOT_PROVED)
def test_what_another_model_may_accept_falls_back(name: str) -> None:
    script, failure = NOT_PROVED[name]
    answer, called = run({"a": script, "b": Say()})
    assert ([a.failure for a in answer.attempts], called) == ([failure, None], ["a", "b"])
    _, error, attempts, served_by, _ = read({"a": script, "b": Say()})
    assert (error, attempts, served_by) == (None, [failure, None], "b"), "streams fail alike"


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (Fail(400, "invalid_image_format"), "invalid_request"),
        (Fail(403, "content_moderation"), "content_policy"),
        (Say("", finish="content_filter"), "content_policy"),
        (Fail(400, "context_length_exceeded"), "context_too_long"),
    ],
)
def test_the_request_s_own_fault_stops(script: Behaviour, failure: str) -> None:
    error, called = run({"a": script, "b": Say()})
    assert type(error) is BadRequestError
    assert ([a.failure for a in error.attempts], called) == ([failure], ["a"])


def test_every_choice_of_a_stream_ends_for_its_own_reason() -> None:
    said = (piece(content="a"), piece(1, content="b"))
    script = events(*said, piece(1, finish="length"), piece(finish="stop"))
    chunks, error, *_ = read({"a": script})
    ends = {c.index: c.finish_reason for each in chunks for c in each.choices if c.finish_reason}
    assert (error, ends) == (None, {0: "stop", 1: "length"})


def test_a_ping_among_the_events_is_no_part_of_the_answer() -> None:
    script = events(piece(content="a"), "ping", piece(finish="stop"))
    chunks, error, *_ = read({"a": script})
    assert (error, "".join(chunk.text for chunk in chunks)) == (None, "a")


def call(
    model: Model, body: Body = HELLO, *, stream: bool = False, wire: Wire | None = None
) -> tuple[Any, CallFailed | None]:
    """(answer or chunks, failure) of one call."""

    async def go() -> tuple[Any, CallFailed | None]:
        caller = OpenAIWireCaller()
        chunks = []
        try:
            with watching(wire or Wire()):
                if not stream:
                    return await caller.call(model, body, 30), None
                streamed = await caller.stream(model, body, 30)
                try:
                    async for chunk in streamed:
                        chunks.append(chunk)  # noqa: PERF401  what came before an error counts
                finally:
                    await streamed.aclose()
                return chunks, None
        except CallFailed as failed:
            return chunks, failed
        finally:
            await caller.aclose()

    return asyncio.run(go())


def at(url: str | None, provider_model: str = "openai/a", **options: Any) -> Model:
    return Model("a", provider_model, "t", 0, api_base=url, **options)


@pytest.mark.parametrize(
    ("provider_model", "sent", "cap"),
    [
        ("openai/gpt-x", "gpt-x", "max_completion_tokens"),
        ("gpt-x", "gpt-x", "max_completion_tokens"),
        ("openrouter/anthropic/claude", "anthropic/claude", "max_tokens"),
        ("hosted_vllm/qwen/qwen-72b", "qwen/qwen-72b", "max_tokens"),
        ("groq/llama", "llama", "max_tokens"),
    ],
)
def test_what_is_sent(
    provider_model: str, sent: str, cap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    body = Body(messages=[{"role": "user", "content": "grüße \ud800"}], max_tokens=7, stop=["x"])
    with Simulated({sent: Say()}) as provider:
        for stream in (False, True):
            _, failure = call(
                at(provider.url, provider_model, api_key_env="MY_KEY"), body, stream=stream
            )
            assert failure is None
        whole_one, streamed = provider.requests
    assert (whole_one.model, whole_one.body[cap], whole_one.body["stop"]) == (sent, 7, ["x"])
    assert whole_one.headers["authorization"] == "Bearer sk-mine"
    assert whole_one.headers["user-agent"] == "policy-router"
    assert "stream" not in whole_one.body
    assert streamed.body["stream_options"] == {"include_usage": True}
    others = {"max_tokens", "max_completion_tokens"} - {cap}
    assert not others & whole_one.body.keys()


def test_a_missing_key_names_the_variable_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Simulated() as provider:
        for model in (at(provider.url, api_key_env="MY_KEY"), at(None)):
            for stream in (False, True):
                _, failed = call(model, stream=stream)
                assert failed is not None
                assert failed.failure.kind is FailureKind.CREDENTIAL
                assert not failed.failure.sent
                assert "KEY is not set" in failed.failure.detail
        assert provider.requests == ()


def test_the_key_of_a_provider_is_never_sent_to_another_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    with Simulated({"a": Say()}) as provider:
        assert call(at(provider.url))[1] is None
        assert "authorization" not in provider.requests[0].headers


def test_a_server_without_an_address_cannot_be_called() -> None:
    for name in ("hosted_vllm/x", "nobody/x"):
        _, failed = call(at(None, name))
        assert failed is not None
        assert (failed.failure.kind, failed.failure.sent) == (FailureKind.INTERNAL, False)


def test_an_address_that_does_not_answer() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        for stream in (False, True):
            wire = Wire()
            _, failed = call(at(url), stream=stream, wire=wire)
            assert failed is not None
            assert (failed.failure.kind, failed.failure.sent) == (FailureKind.CONNECT, False)
            assert wire.unsent


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"SSH-2.0-x\r\n", FailureKind.MALFORMED), (b"", FailureKind.CONNECTION_LOST)],
)
def test_an_answer_that_is_not_http(answer: bytes, kind: FailureKind) -> None:
    with Listening([answer]) as server:
        _, failed = call(at(server.url))
    assert failed is not None
    assert (failed.failure.kind, failed.failure.sent) == (kind, True)


REFUSAL = (
    b'{"error":{"message":"too long","type":"invalid_request_error","param":"messages",'
    b'"code":"context_length_exceeded"}}'
)


@pytest.mark.parametrize(
    ("arrives", "kind"),
    [(REFUSAL, FailureKind.CONTEXT_TOO_LONG), (REFUSAL[:20], FailureKind.BAD_REQUEST)],
    ids=["whole", "broken"],
)
def test_an_error_may_arrive_in_pieces_and_counts_by_its_status_when_it_breaks(
    arrives: bytes, kind: FailureKind
) -> None:
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(REFUSAL)}\r\n\r\n".encode()

    async def go() -> Failure:
        read = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + arrives[:10])
            await read.wait()
            writer.write(arrives[10:])
            writer.close()

        class Watched(Wire):
            __slots__ = ()

            def __setattr__(self, name: str, value: object) -> None:
                super().__setattr__(name, value)
                if name == "status" and value is not None:
                    asyncio.get_running_loop().call_soon(read.set)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        caller = OpenAIWireCaller()
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(CallFailed) as failed, watching(Watched()):
            await caller.call(at(url), HELLO, 30)
        await caller.aclose()
        server.close()
        return failed.value.failure

    failure = asyncio.run(go())
    assert (failure.kind, failure.status) == (kind, 400)


def test_connections_end_with_their_event_loop() -> None:
    caller = OpenAIWireCaller()
    loops = []
    with Simulated({"a": Say()}) as provider:

        async def go() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await caller.call(at(provider.url), HELLO, 30)

        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            for _ in range(3):
                asyncio.run(go())
            gc.collect()
    assert [loop() for loop in loops] == [None, None, None]


class Listening:
    """A server that gives each connection a script of raw answers, one for each request."""

    def __init__(self, *scripts: list[bytes]) -> None:
        self._scripts = scripts
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.requests = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)
        self._socket.close()

    def _serve(self) -> None:
        for script in self._scripts:
            connection, _ = self._socket.accept()
            with connection:
                for answer in script:
                    if not self._request(connection):
                        break
                    self.requests += 1
                    connection.sendall(answer)

    @staticmethod
    def _request(connection: socket.socket) -> bool:
        """Whether a whole request arrived."""
        read = b""
        while b"\r\n\r\n" not in read:
            data = connection.recv(65536)
            if not data:
                return False
            read += data
        head, _, body = read.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
        return True


def http(text: str) -> bytes:
    encoded = text.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(encoded)}"
    return f"{head}\r\n\r\n".encode() + encoded


def test_a_connection_that_the_server_closed_while_idle_is_replaced_once() -> None:
    good = http(whole("stop").body)
    # The first connection serves one request and closes without an answer to the second.
    with Listening([good, b""], [good]) as server:

        async def go() -> list[Any]:
            caller = OpenAIWireCaller()
            answers = [await caller.call(at(server.url), HELLO, 30) for _ in range(2)]
            await caller.aclose()
            return answers

        answers = asyncio.run(go())
    assert [a.choices[0].message.content for a in answers] == ["Half an ", "Half an "]
    assert server.requests == 3


def test_an_endless_answer_is_refused() -> None:
    model = at(None, max_output=1)
    many = "x" * 5 * 1024 * 1024
    for stream in (False, True):
        script = events(*[piece(content=many)] * 2) if stream else Garble(
            many, "application/json")  # fmt: skip
        with Simulated({"a": script}) as provider:
            _, failed = call(at(provider.url, max_output=model.max_output), stream=stream)
        assert failed is not None
        assert failed.failure.kind is FailureKind.MALFORMED
        assert "bytes" in failed.failure.detail


def test_a_cancelled_call_leaves_nothing_open() -> None:
    async def go(url: str) -> None:
        caller = OpenAIWireCaller()
        for stream in (False, True):

            async def work(*, stream: bool = stream) -> None:
                if stream:
                    chunks = await caller.stream(at(url), HELLO, 30)
                    try:
                        async for _ in chunks:
                            pass
                    finally:
                        await chunks.aclose()
                else:
                    await caller.call(at(url), HELLO, 30)

            task = asyncio.create_task(work())
            while not len(provider.requests) > int(stream):  # noqa: ASYNC110  it runs in a thread
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await caller.aclose()
        assert len(asyncio.all_tasks()) == 1

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with Simulated({"a": Stall(1)}) as provider:
            asyncio.run(go(provider.url))
            assert all(hit.disconnected.wait(60) for hit in provider.requests)
        gc.collect()


def test_no_text_of_the_prompt_is_kept() -> None:
    body = Body(messages=[{"role": "user", "content": "the soup has lovage in it, tell nobody"}])
    with Simulated(
        {"a": Fail(400, message="bad: the soup has lovage in it, tell nobody")}
    ) as provider:
        _, failed = call(at(provider.url), body)
    assert failed is not None
    assert "lovage" not in failed.failure.detail


def test_endpoints() -> None:
    assert endpoint_of(at(None, "gpt-x")) is ENDPOINTS["openai"]
    assert endpoint_of(at(None, "bedrock/x")) is None
    assert wire_name(at(None, "openrouter/a/b:free")) == "a/b:free"
    theirs = [e.address for name, e in ENDPOINTS.items() if name != "ollama_chat"]
    assert all(address is None or address.startswith("https://") for address in theirs)


@pytest.mark.parametrize(
    ("name", "environment", "url", "authorization"),
    [
        ("openai/a", {"OPENAI_BASE_URL": "http://x/v1"}, "http://x/v1", "Bearer sk-1"),
        ("openai/a", {}, "https://api.openai.com/v1", "Bearer sk-1"),
        ("hosted_vllm/a", {"HOSTED_VLLM_API_BASE": "http://v/v1/"}, "http://v/v1", None),
        ("hosted_vllm/a", {"HOSTED_VLLM_API_BASE": "http://v/v1", "HOSTED_VLLM_API_KEY": "k"},
         "http://v/v1", "Bearer k"),
        ("together_ai/a", {"TOGETHER_API_KEY": "t"}, "https://api.together.xyz/v1", "Bearer t"),
        ("ollama_chat/a", {}, "http://localhost:11434/v1", None),
        ("ollama_chat/a", {"OLLAMA_API_BASE": "http://o/v1/"}, "http://o/v1", None),
    ],
)  # fmt: skip
def test_addresses_and_keys_in_the_environment(
    name: str,
    environment: dict[str, str],
    url: str,
    authorization: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for endpoint in ENDPOINTS.values():
        for variable in (*endpoint.address_variables, *endpoint.key_variables):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    request = OpenAIWireCaller().make_request(at(None, name), HELLO, stream=False)
    assert request.url == url + "/chat/completions"
    assert request.headers.get("Authorization") == authorization


def test_an_organisation_is_named_to_its_provider_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OPENAI_ORGANIZATION", "org-1")
    monkeypatch.delenv("OPENAI_PROJECT_ID", raising=False)
    caller = OpenAIWireCaller()
    theirs = caller.make_request(at(None), HELLO, stream=False).headers
    ours = caller.make_request(at("http://localhost:1/v1"), HELLO, stream=False).headers
    assert theirs["OpenAI-Organization"] == "org-1"
    assert not {"OpenAI-Project", "OpenAI-Organization"} & ours.keys()


def test_no_context_size_is_sent_to_ollama_as_a_parameter() -> None:
    request = OpenAIWireCaller().make_request(at(None, "ollama_chat/a"), HELLO, stream=False)
    assert "num_ctx" not in request.body.decode()


def test_openai_gets_the_data_of_a_file_with_a_name_and_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    caller = OpenAIWireCaller()

    def sent(data: str, address: str | None) -> dict[str, Any]:
        part = {"type": "file", "file": {"file_data": data}}
        body = Body(messages=[{"role": "user", "content": [part]}])
        request = caller.make_request(at(address, "openai/gpt-5.1"), body, stream=False)
        file: dict[str, Any] = json.loads(request.body)["messages"][0]["content"][0]["file"]
        return file

    data = "data:application/pdf;base64,AA"
    assert sent(data, None) == {"file_data": data, "filename": "document.pdf"}
    at_home = sent("https://x/a.pdf", "http://localhost:1/v1")
    assert at_home["file_data"] == "https://x/a.pdf"
    with pytest.raises(CallFailed) as raised:
        sent("https://x/a.pdf", None)
    failure = raised.value.failure
    assert (failure.kind, failure.sent) == (FailureKind.UNSUPPORTED, False)


def test_deepseek_thinks_as_the_effort_says() -> None:
    conversation = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    made = {}
    for effort in ("none", "high"):
        body = Body(messages=conversation, reasoning_effort=effort)
        model = at("http://localhost:1/v1", "deepseek/a")
        made[effort] = json.loads(OpenAIWireCaller().make_request(model, body, stream=False).body)
    assert made["none"]["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in made["none"]
    assert made["none"]["messages"] == conversation
    assert made["high"]["thinking"] == {"type": "enabled"}
    assert made["high"]["messages"][1]["reasoning_content"] == " "


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_of("https://api.example.org/v1") is None
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert proxy_of("https://api.example.org/v1") == "http://proxy.example.org:3128"
    assert proxy_of("http://127.0.0.1:8000/v1") is None
