"""What goes wrong at providers, by scenario, against servers on the loopback interface.

No policy here has a section `fallback`: the defaults must be the settings that survive. A model of
the policy states a time of its own only where the default one would make the test slow.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from policy_router import Router
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    CooldownError,
    RoutingError,
    StreamBrokenError,
)
from policy_router.http_errors import error_response
from policy_router.providers.simulated import Cut, Fail, Garble, Redirect, Say, Simulated, Stall
from policy_router.providers.simulated.wire import chunks, event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.simulated.behaviour import Behaviour

TEXT = "one two three four"
GOOD = Say(TEXT)
HELLO = [{"role": "user", "content": "hello"}]
WHOLE, STREAM = False, True
BOTH = (WHOLE, STREAM)
NAMES = ("first", "second", "third", "fourth")


class Scenario(NamedTuple):
    """What the models do, and what the caller gets.

    Attributes:
        name: What happens.
        scripts: What each model does, in the order of the policy.
        hits: How many calls each gets; the last of those that are called answers. None where that
            depends on how soon a library reads on.
        modes: Whether the answer is streamed.
        limits: Times of the first model that are shorter than the defaults.
    """

    name: str
    scripts: Sequence[Behaviour | Sequence[Behaviour]]
    hits: Sequence[int | None]
    modes: Sequence[bool] = BOTH
    limits: str = ""


def events(*bodies: str) -> Garble:
    return Garble("".join(bodies), "text/event-stream")


WORDS = [event(each).decode() for each in chunks("m", GOOD, {})]
BAD_CHUNK = 'data: {"choices": [{"ind\n\n'

SCENARIOS = [
    Scenario("a rate limit that ends soon", [[Fail(429, retry_after=0.05), GOOD], GOOD], [2, 0]),
    Scenario("a rate limit that lasts", [Fail(429, retry_after=30), GOOD], [1, 1]),
    Scenario("a rate limit without a time", [Fail(429), GOOD], [1, 1]),
    Scenario("500 once", [[Fail(500), GOOD], GOOD], [2, 0]),
    Scenario("500 always", [Fail(500), GOOD], [2, 1]),
    Scenario("503 that says for how long", [Fail(503, retry_after=30), GOOD], [1, 1]),
    Scenario("overloaded", [Fail(529, type="overloaded_error"), GOOD], [1, 1]),
    Scenario("silence before the headers", [Stall(), GOOD], [1, 1], BOTH, "deadline: 400ms"),
    Scenario(
        "silence before the first token",
        [Stall(after=0), GOOD],
        [1, 1],
        [STREAM],
        "first_token_within: 400ms",
    ),
    Scenario("a slow drip", [Say(TEXT, pause=0.05), GOOD], [1, 0], [STREAM]),
    Scenario("a stream that stalls", [Stall(after=2), GOOD], [1, 1], [STREAM], "stall: 400ms"),
    Scenario("cut before the first token", [Cut(), GOOD], [2, 1]),
    Scenario("reset before the first token", [Cut(reset=True), GOOD], [2, 1]),
    Scenario("cut after the first token", [[Cut(after=2), GOOD], GOOD], [2, 0], [STREAM]),
    Scenario("cut after the first token each time", [Cut(after=2), GOOD], [2, 1], [STREAM]),
    Scenario(
        "a chunk that cannot be read", [events(*WORDS[:3], BAD_CHUNK), GOOD], [None, 1], [STREAM]
    ),
    Scenario("only a chunk that cannot be read", [events(BAD_CHUNK), GOOD], [1, 1], [STREAM]),
    Scenario("an end without a finish reason", [Say(TEXT, finish=None), GOOD], [2, 1], [STREAM]),
    Scenario("an empty answer", [Say(""), GOOD], [1, 1]),
    Scenario("a web page", [Garble(), GOOD], [1, 1]),
    Scenario("JSON cut short", [Garble('{"choices": [{"mess', "application/json"), GOOD], [1, 1]),
    Scenario(
        "an error in a 200",
        [Garble('{"error": {"message": "no", "code": 500}}', "application/json"), GOOD],
        [2, 1],
    ),
    Scenario(
        "an error whose text is all there is, in a 200",
        [Garble('{"error": "no capacity left"}', "application/json"), GOOD],
        [1, 1],
    ),
    Scenario("a bad key", [Fail(401, code="invalid_api_key"), GOOD], [1, 1]),
    Scenario("no credit", [Fail(429, code="insufficient_quota"), GOOD], [1, 1]),
    Scenario("no credit, said as 400", [Fail(400, code="billing_not_active"), GOOD], [1, 1]),
    Scenario("payment required", [Fail(402), GOOD], [1, 1]),
    Scenario("a context too long", [Fail(400, code="context_length_exceeded"), GOOD], [1, 1]),
    Scenario("a model that is gone", [Fail(404, code="model_not_found"), GOOD], [1, 1]),
    Scenario("an unlisted status", [Fail(451), GOOD], [1, 1]),
    Scenario("a redirect", [Redirect("http://127.0.0.1:9/v1"), GOOD], [1, 1]),
    Scenario(
        "two that fail, and two that would not",
        [Fail(500), Stall(), GOOD, GOOD],
        [2, 1, 1, 0],
        BOTH,
        "deadline: 400ms",
    ),
    Scenario("three that fail", [Fail(401), Fail(429), Fail(529), GOOD], [1, 1, 1, 1]),
]


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_router(
    folder: Path,
    stack: ExitStack,
    via: str,
    scripts: Sequence[Behaviour | Sequence[Behaviour] | None],
    limits: str = "",
) -> tuple[Router, list[Simulated | None]]:
    """A router over models at servers of their own; None is a server that is down."""
    lines, servers = [], []
    for i, (name, script) in enumerate(zip(NAMES, scripts, strict=False)):
        server = None if script is None else stack.enter_context(Simulated({"m": script}))
        url = _refusing(stack) if server is None else server.url
        servers.append(server)
        own = f", {limits}" if limits else ""
        lines.append(
            f"  {name}: {{ model: hosted_vllm/m, api_base: '{url}', via: {via}, tier: t, "
            f"price: free, weight: {i + 1}, context: {32 * (i + 1)}k{own} }}"
        )
    path = folder / "policy.yaml"
    path.write_text("version: 1\ntiers: [t]\nmodels:\n" + "\n".join(lines) + "\n")
    return stack.enter_context(Router.open(path, watch="off")), servers


def _refusing(stack: ExitStack) -> str:
    """An address whose port is taken, and where nothing listens."""
    taken = stack.enter_context(socket.socket())
    taken.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def ask(router: Router, *, stream: bool) -> tuple[str, str, str | None]:
    """The text of the answer, the model that gave it, and its finish reason."""
    if not stream:
        answer = router.completion(messages=HELLO)
        choice = answer.choices[0]
        return choice.message.content or "", answer.served_by, choice.finish_reason
    with router.completion(messages=HELLO, stream=True) as reading:
        read = list(reading)
        ends = [c.finish_reason for chunk in read for c in chunk.choices if c.finish_reason]
        assert len(ends) == 1
        return "".join(chunk.text for chunk in read), reading.served_by, ends[0]


def calls(servers: Sequence[Simulated | None]) -> list[int]:
    return [0 if server is None else len(server.requests) for server in servers]


EACH_CALLER = pytest.mark.parametrize("via", ["direct", "litellm"])


@EACH_CALLER
@pytest.mark.parametrize(
    ("scenario", "stream"),
    [
        pytest.param(each, stream, id=f"{each.name}-{'stream' if stream else 'whole'}")
        for each in SCENARIOS
        for stream in each.modes
    ],
)
def test_the_caller_gets_the_whole_answer(
    tmp_path: Path, servers: ExitStack, via: str, scenario: Scenario, stream: bool
) -> None:
    router, them = open_router(tmp_path, servers, via, scenario.scripts, scenario.limits)
    served_by = [n for n, hits in zip(NAMES, scenario.hits, strict=False) if hits != 0][-1]
    assert ask(router, stream=stream) == (TEXT, served_by, "stop")
    seen = [
        h if due is not None else None for h, due in zip(calls(them), scenario.hits, strict=True)
    ]
    assert seen == list(scenario.hits)


@EACH_CALLER
@pytest.mark.parametrize("stream", BOTH)
def test_a_server_that_is_down(tmp_path: Path, servers: ExitStack, via: str, stream: bool) -> None:
    router, them = open_router(tmp_path, servers, via, [None, GOOD])
    for _ in range(3):
        assert ask(router, stream=stream) == (TEXT, "second", "stop")
    assert calls(them) == [0, 3]


@EACH_CALLER
def test_a_primary_that_flaps_costs_no_request_its_answer(
    tmp_path: Path, servers: ExitStack, via: str
) -> None:
    flapping: list[Behaviour] = [
        Fail(500),
        GOOD,
        Cut(),
        GOOD,
        GOOD,
        Fail(503),
        GOOD,
        Fail(429),
        GOOD,
    ]
    router, _ = open_router(tmp_path, servers, via, [flapping, GOOD])
    for i in range(8):
        text, _, finish = ask(router, stream=bool(i % 2))
        assert (text, finish) == (TEXT, "stop")


@EACH_CALLER
@pytest.mark.parametrize("stream", BOTH)
def test_a_wait_that_the_provider_names_is_kept_to(
    tmp_path: Path, servers: ExitStack, via: str, stream: bool
) -> None:
    scripts = [Fail(503, retry_after=30), Fail(429, retry_after=20)]
    router, them = open_router(tmp_path, servers, via, scripts)
    with pytest.raises(AllModelsFailedError) as failed:
        ask(router, stream=stream)
    status, _, headers = error_response(failed.value)
    assert (status, headers["retry-after"]) == (429, "20")
    with pytest.raises(CooldownError) as cooling:
        ask(router, stream=stream)
    status, _, headers = error_response(cooling.value)
    assert (status, headers["retry-after"]) == (503, "20")
    assert calls(them) == [1, 1]


@EACH_CALLER
@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (Fail(429), (429, "all_models_failed")),
        (Fail(500), (502, "all_models_failed")),
        (Fail(529, type="overloaded_error"), (503, "all_models_failed")),
        (Fail(401), (502, "all_models_failed")),
        (Stall(), (504, "all_models_failed")),
        (Fail(400, code="context_length_exceeded"), (400, "context_length_exceeded")),
        (Fail(400, message="`temperature` is too high"), (400, "bad_request")),
    ],
)
def test_without_any_answer_the_status_says_why(
    tmp_path: Path, servers: ExitStack, via: str, script: Behaviour, answer: tuple[int, str]
) -> None:
    router, _ = open_router(tmp_path, servers, via, [script] * 2, "deadline: 400ms")
    with pytest.raises(RoutingError) as failed:
        ask(router, stream=WHOLE)
    status, body, _ = error_response(failed.value)
    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["code"]) == answer


@EACH_CALLER
@pytest.mark.parametrize("stream", BOTH)
def test_what_a_filter_refuses_is_asked_of_no_other_model(
    tmp_path: Path, servers: ExitStack, via: str, stream: bool
) -> None:
    filtered = Fail(400, code="content_filter")
    router, them = open_router(tmp_path, servers, via, [filtered, GOOD])
    with pytest.raises(BadRequestError) as refused:
        ask(router, stream=stream)
    assert (error_response(refused.value).status, calls(them)) == (400, [1, 0])


@EACH_CALLER
def test_a_stream_that_would_go_on_in_other_words_is_broken(
    tmp_path: Path, servers: ExitStack, via: str
) -> None:
    scripts: list[Behaviour] = [Cut(after=2), Say("two different words")]
    router, them = open_router(tmp_path, servers, via, scripts)
    read: list[ChatChunk] = []
    with (
        router.completion(messages=HELLO, stream=True) as stream,
        pytest.raises(StreamBrokenError),
    ):
        read.extend(stream)
    assert "".join(chunk.text for chunk in read).strip() == "one two"
    assert not any(choice.finish_reason for chunk in read for choice in chunk.choices)
    assert calls(them) == [2, 1]
