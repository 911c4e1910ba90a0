"""The router over a real policy file, real HTTP on loopback and real LiteLLM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import (
    AllModelsFailedError,
    Answer,
    BadRequestError,
    Bounds,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    PolicyError,
    PolicyRouterError,
    Router,
    TooLargeError,
    Usage,
    UsageError,
    load,
)
from policy_router.options import OPTIONS
from policy_router.providers.simulated import Fail, Say, Simulated
from tests.lag import watched
from tests.own_callers import OwnCaller, answer
from tests.two_models import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from policy_router.domain.models import Model
    from policy_router.events import Event

HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def provider() -> Iterator[Simulated]:
    with Simulated({"small": Say("from small"), "big": Say("from big")}) as found:
        yield found


def asked(provider: Simulated) -> list[str]:
    return [hit.model for hit in provider.requests]


def test_answers_by_policy(tmp_path: Path, provider: Simulated) -> None:
    async def main() -> None:
        async with Router.open(write(tmp_path, provider)) as router:
            answer = await router.acompletion(messages=HELLO, user="ada", tags=["private"])
            assert answer.choices[0].message.content == "from small"
            assert answer.served_by == "small"
            assert answer.decision.rules == ("private stays",)
            assert [a.model for a in answer.attempts] == ["small"]
            hard = await router.acompletion(
                messages=HELLO, tools=[{"type": "function", "function": {"name": "f"}}]
            )
            assert hard.choices[0].message.content == "from big"
            assert hard.decision.skipped[0].detail == "does not support tools"

    asyncio.run(main())
    assert asked(provider) == ["small", "big"]
    assert "ada" not in str([hit.body for hit in provider.requests])


def test_streams(tmp_path: Path, provider: Simulated) -> None:
    async def main() -> str:
        async with Router.open(write(tmp_path, provider), watch="off") as router:
            stream = await router.acompletion(messages=HELLO, stream=True)
            text = [c.choices[0].delta.content or "" async for c in stream if c.choices]
            assert stream.served_by == "small"
            return "".join(text)

    assert asyncio.run(main()) == "from small"


def test_without_an_event_loop(tmp_path: Path, provider: Simulated) -> None:
    with Router.open(write(tmp_path, provider), watch="off") as router:
        answer = router.completion(messages=HELLO)
        assert answer.choices[0].message.content == "from small"
        with router.completion(messages=HELLO, stream=True) as stream:
            chunks = list(stream)
            assert stream.served_by == "small"
        text = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        assert "".join(text) == "from small"
        assert {c.model_dump()["object"] for c in chunks} == {"chat.completion.chunk"}


def test_an_answer_is_typed_and_looks_like_openais(tmp_path: Path, provider: Simulated) -> None:
    """mypy checks this file too: it refuses the misspelled fields, and needs no casts."""
    with Router.open(write(tmp_path, provider), watch="off") as router:
        answer: Answer = router.completion(messages=HELLO)
        text: str | None = answer.choices[0].message.content
        usage: Usage | None = answer.usage
        assert (text, answer.choices[0].finish_reason) == ("from small", "stop")
        assert usage is not None
        assert usage.prompt_tokens == 1
        dumped: Any = answer.model_dump()
        assert dumped["choices"][0]["message"]["content"] == "from small"
        assert (dumped["id"], dumped["model"]) == (answer.id, answer.model)
        assert dumped["created"] == answer.created
        assert dumped["usage"]["total_tokens"] == usage.total_tokens
        with pytest.raises(AttributeError):
            answer.choices[0].messge  # type: ignore[attr-defined]  # noqa: B018
        with pytest.raises(AttributeError):
            answer.choses  # type: ignore[attr-defined]  # noqa: B018
        # What was answered can be sent back as it is.
        again = router.completion(messages=[*HELLO, answer.choices[0].message, *HELLO])
        assert again.choices[0].message.content == "from small"


def test_the_synchronous_call_refuses_to_block_a_loop(tmp_path: Path, provider: Simulated) -> None:
    router = Router.open(write(tmp_path, provider), watch="off")

    async def main() -> None:
        with pytest.raises(UsageError, match=r"await router\.acompletion\(\.\.\.\)"):
            router.completion(messages=HELLO)

    asyncio.run(main())
    router.close()
    assert not provider.requests


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_without_an_event_loop_in_a_forked_process(tmp_path: Path, provider: Simulated) -> None:
    with Router.open(write(tmp_path, provider), watch="off") as router:
        assert router.completion(HELLO).served_by == "small"
        child = os.fork()
        if child == 0:
            served = ""
            with contextlib.suppress(BaseException):
                signal.alarm(30)  # it must not outlive the test
                served = router.completion(HELLO).served_by
                router.close()
            os._exit(served != "small")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert router.completion(HELLO).served_by == "small"
    assert asked(provider) == ["small"] * 3


def test_messages_of_any_shape_count_and_are_sent(tmp_path: Path, provider: Simulated) -> None:
    from litellm import Message

    earlier = Message(role="assistant", content="word " * 1000)

    async def main() -> None:
        async with Router.open(write(tmp_path, provider)) as router:
            answer = await router.acompletion(messages=[*HELLO, earlier, *HELLO])
            assert answer.decision.request.tokens > 1000
            routed = await router.aroute(messages=[*HELLO, earlier, *HELLO])
            assert routed.request.tokens == answer.decision.request.tokens

    asyncio.run(main())
    assert provider.requests[0].body["messages"][1]["content"] == earlier.content


def test_half_of_a_surrogate_pair_is_replaced(tmp_path: Path, provider: Simulated) -> None:
    async def main() -> None:
        async with Router.open(write(tmp_path, provider)) as router:
            for text in ["half \ud83d pair"] * 4:
                await router.acompletion(messages=[{"role": "user", "content": text}])
            assert (await router.acompletion(messages=HELLO)).served_by == "small"

    asyncio.run(main())
    assert asked(provider) == ["small"] * 5


def test_a_failing_model_is_in_cooldown(tmp_path: Path) -> None:
    events: list[Event] = []
    now = [1_800_000_000.0]
    with Simulated({"small": Fail(429, retry_after=30), "big": Say("from big")}) as provider:
        path = write(tmp_path, provider)
        with Router.open(path, watch="off", clock=lambda: now[0], on_event=events.append) as router:
            first = router.completion(messages=HELLO)
            assert [a.failure for a in first.attempts] == ["rate_limited", None]
            second = router.completion(messages=HELLO)
            assert [a.model for a in second.attempts] == ["big"]
            skip = second.decision.skipped[0]
            assert (skip.model, skip.reason.value) == ("small", "cooling")
            assert skip.until == pytest.approx(now[0] + 30)
            now[0] += 31
            third = router.completion(messages=HELLO)
            assert [a.model for a in third.attempts] == ["small", "big"]
    names = [type(event).__name__ for event in events]
    assert names.count("Attempted") == 5
    assert names.count("Answered") == 3


def test_a_new_key_ends_the_cooldown_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OLD_KEY", "NEW_KEY"):
        monkeypatch.setenv(name, f"sk-{name}")
    now = 1_800_000_000.0
    path = tmp_path / "policy.yaml"
    with Simulated({"one": [Fail(401, "invalid_api_key"), Say("x")], "two": Say("y")}) as provider:

        def put(key: str) -> None:
            of = f'api_base: "{provider.url}", api_key_env: {key}, tier: t, price: free'
            models = [f"  {name}: {{ model: openai/{name}, {of} }}" for name in ("one", "two")]
            path.write_text("\n".join(["version: 1", "tiers: [t]", "models:", *models, ""]))

        put("OLD_KEY")
        with Router.open(path, watch="off", clock=lambda: now) as router:
            with pytest.raises(AllModelsFailedError) as failed:
                router.completion(messages=HELLO)
            assert [a.failure for a in failed.value.attempts] == ["credential"]
            assert [s.detail for s in failed.value.skipped] == [
                "shares the key of `one`: credential"
            ]
            # Another model with the same key would only be refused too.
            with pytest.raises(CooldownError) as refused:
                router.completion(messages=HELLO)
            assert [s.model for s in refused.value.decision.skipped] == ["one", "two"]
            assert (refused.value.http_status, refused.value.retry_after) == (503, 600)
            put("NEW_KEY")
            assert router.reload().errors == ()
            assert router.completion(messages=HELLO).served_by == "one"


def test_refusals(tmp_path: Path, provider: Simulated) -> None:
    with Router.open(write(tmp_path, provider), watch="off") as router:
        with pytest.raises(NoCandidateError, match="denied: not with us"):
            router.completion(messages=HELLO, tags=["secret"])
        for unknown in (
            {"task": "code"},
            {"needs": ["sight"]},
            {"complexity": 7},
            {"model": "smal"},
            {"prefer": ["cheap"]},
            {"attributes": {"plan": "free"}},
        ):
            with pytest.raises(InvalidRequestError) as invalid:
                router.completion(messages=HELLO, **unknown)
            assert invalid.value.http_status == (404 if "model" in unknown else 400)
            assert isinstance(invalid.value, UsageError)
            assert not isinstance(invalid.value, NoCandidateError)
        with pytest.raises(InvalidRequestError, match=r"`smal`; did you mean `small`\?"):
            router.completion(messages=HELLO, model="smal")
        with pytest.raises(NoCandidateError, match="does not support tools"):
            router.completion(messages=HELLO, tags=["private"], needs=["tools"])
        wrongs: tuple[dict[str, Any], ...] = (
            {"temprature": 0},
            {"api_base": "http://127.0.0.1:1"},
            {"tags": "private"},
            {"max_cost": "much"},
            {"max_cost": [5]},
            {"tokens": "9"},
            {"max_tokens": [5]},
            {"tags": 5},
            {"tags": [5]},
            {"prefer": 5},
            {"attributes": "x"},
            {"task": []},
            {"task": ["code"]},
            {"user": 5},
            {"model": ["small"]},
            {"max_candidates": "1"},
        )
        for wrong in wrongs:
            with pytest.raises(UsageError):
                router.completion(messages=HELLO, **wrong)
    assert not provider.requests


class Evil:
    """Answers no question without an error."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __eq__(self, _: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError


ODD: tuple[Any, ...] = (
    None, 0, -1, True, 1.5, float("nan"), float("inf"), 10**400, 10**5000, "", "x", "\ud800",
    "a\x00b", "x" * 100_000, b"x", [], ["x"], [[]], [None], {}, {"a": 1}, {1: 2}, (), ("x",),
    {"x"}, object(), Evil(), [Evil()], {"a": Evil()}, len, 1j, range(3), iter([1]), "auto",
)  # fmt: skip


@pytest.mark.parametrize("name", [*sorted(OPTIONS), "messages", "stream"])
def test_whatever_a_call_holds_is_answered_or_refused(tmp_path: Path, name: str) -> None:
    """Nothing but errors of this package comes out."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nmodels:\n  a: { model: openai/a, tier: light, price: free, context: 1M }\n"
    )
    hello: dict[str, Any] = {"messages": HELLO}
    with Router.open(path, caller=OwnCaller(lambda _: answer("hi")), watch="off") as router:
        for odd in ODD:
            with contextlib.suppress(PolicyRouterError):
                router.completion(**{**hello, name: odd})
            with contextlib.suppress(PolicyRouterError):
                router.route(**{**hello, name: odd})


WEB = {"type": "web_search_20250305", "name": "web_search", "max_uses": 50}
FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    "asked_for",
    [
        {"tools": [WEB]},
        {"tools": [FUNCTION, WEB]},
        {"tools": [{"type": "mcp", "server_url": "https://e", "headers": {"Authorization": "x"}}]},
        {"tools": [FUNCTION], "web_search_options": {}},
        {"tools": [FUNCTION], "tool_choice": {"type": "file_search"}},
    ],
)
def test_hosted_tools_need_a_model_that_may_use_them(
    tmp_path: Path, provider: Simulated, asked_for: dict[str, Any]
) -> None:
    path = write(tmp_path, provider)
    with Router.open(path, watch="off") as router:
        with pytest.raises(NoCandidateError, match="big: does not support hosted_tools"):
            router.completion(messages=HELLO, **asked_for)
        text = path.read_text()
        path.write_text(text.replace("[tools, json]", "[tools, json, hosted_tools]"))
        assert router.reload().state == "ok"
        assert [c.name for c in router.route(HELLO, **asked_for).candidates] == ["big"]
        capped = text.replace("[tools, json]", "[tools, json, hosted_tools]")
        path.write_text(capped.replace("cap: unlimited", "cap: $5/day"))
        assert router.reload().state == "ok"
        with pytest.raises(NoCandidateError, match="cost of hosted tools is unknown, and budget"):
            router.completion(messages=HELLO, **asked_for)
    assert not provider.requests


def test_media_need_a_model_that_takes_them(tmp_path: Path, provider: Simulated) -> None:
    video = {"type": "video_url", "video_url": {"url": "https://e/v.mp4"}}
    message = {"role": "user", "content": [{"type": "text", "text": "see"}, video]}
    with Router.open(write(tmp_path, provider), watch="off") as router:
        with pytest.raises(NoCandidateError, match="big: does not support video"):
            router.completion(messages=[message])
        with pytest.raises(NoCandidateError, match="big: does not support image_output"):
            router.completion(messages=HELLO, modalities=["text", "image"])
        with pytest.raises(UsageError, match=r"content\[0\]`: unknown type of part `hologram`"):
            router.completion(messages=[{"role": "user", "content": [{"type": "hologram"}]}])
    assert not provider.requests


def test_a_request_has_bounds(tmp_path: Path, provider: Simulated) -> None:
    bounds = Bounds(messages=2, fact_characters=10)
    with Router.open(write(tmp_path, provider), watch="off", bounds=bounds) as router:
        with pytest.raises(TooLargeError, match="3 messages, more than the 2 allowed"):
            router.completion(messages=HELLO * 3)
        with pytest.raises(
            TooLargeError, match="`task` contains a string of 10,000,000 characters"
        ):
            router.route(messages=HELLO, task="u" * 10_000_000)
    assert not provider.requests


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "text", "text": "a"}] * 60_000}],
        HELLO * 9_000,
        [{"role": "user", "content": "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 10_000_000}],
        [{"role": "user", "content": "needle " * 5_000_000}],
    ],
    ids=["parts", "messages", "characters", "words"],
)
def test_the_loop_goes_on_while_a_large_request_is_read(tmp_path: Path, messages: Any) -> None:
    path = tmp_path / "policy.yaml"
    tasks = ", ".join(f"t{n}: {{ keywords: [needles{n}] }}" for n in range(50))
    path.write_text(
        "version: 1\nmodels:\n  a: { model: openai/a, tier: light, price: free, context: 1M }\n"
        f"tasks: {{ {tasks}, rest: {{}} }}\n"
    )

    async def main() -> None:
        caller = OwnCaller(lambda _: answer("hi"))
        async with Router.open(path, caller=caller, watch="off") as router:
            await router.aroute(HELLO)
            async with watched() as lag:
                decision = await router.aroute(messages)
            assert decision.request.tokens > 30_000
            lag.check()

    asyncio.run(main())


def test_every_failure_is_in_the_error(tmp_path: Path) -> None:
    scripts = {"small": Fail(500), "big": Fail(401)}
    with Simulated(scripts) as provider:
        with (
            Router.open(write(tmp_path, provider), watch="off") as router,
            pytest.raises(AllModelsFailedError) as failed,
        ):
            router.completion(messages=HELLO)
        assert [a.failure for a in failed.value.attempts] == [
            "server_error",
            "server_error",
            "credential",
        ]
        assert failed.value.decision.candidates
    with Simulated({"small": Fail(400, "invalid_image_format")}) as provider:
        router = Router.open(write(tmp_path, provider), watch="off")
        with router, pytest.raises(BadRequestError):
            router.completion(messages=HELLO)
        assert asked(provider) == ["small"]


def test_constraints_narrow_and_reorder(tmp_path: Path, provider: Simulated) -> None:
    with Router.open(write(tmp_path, provider), watch="off") as router:

        def order(**options: Any) -> list[str]:
            return [c.name for c in router.route(HELLO, **options).candidates]

        assert order() == ["small", "big"]
        assert order(prefer=["quality"]) == ["big", "small"]
        assert order(model="big") == ["big"]
        assert order(model="auto") == ["small", "big"]
        assert order(max_candidates=1) == ["small"]
        assert order(max_cost=0) == ["small"]
        assert order(max_cost="$0.01") == ["small", "big"]
        assert order(min_quality=0.6) == ["big"]
        assert order(needs=["json"]) == ["big"]
        assert order(tokens=9000) == ["big"]
        assert order(max_tokens=8000) == ["big"]
        assert order(response_format={"type": "json_object"}) == ["big"]
        assert order(tags=["private"], model="big") == []
        assert router.route().request.tokens == 0
    assert not provider.requests


def test_the_text_fills_what_the_caller_leaves_open(tmp_path: Path, provider: Simulated) -> None:
    path = write(tmp_path, provider)
    text = path.read_text()
    path.write_text(
        text + "tasks: { sums: { keywords: [sum] }, json: { when_needs: [json] }, rest: {} }\n"
    )
    sums = [{"role": "user", "content": "The sum of 2 and 3"}]
    with Router.open(path, watch="off") as router:
        seen = router.route(messages=sums)
        assert (seen.task, seen.request.task) == ("sums", "sums")
        assert seen.score is not None
        assert seen.complexity == "trivial"
        assert seen.request.tokens > 0
        plain = router.route(messages=HELLO)
        assert (plain.task, plain.request.task) == ("rest", None)
        assert router.route(messages=HELLO, needs=["json"]).task == "json"
        wanted = router.route(messages=sums, response_format={"type": "json_object"})
        assert wanted.task == "sums"
        named = router.route(messages=sums, task="rest")
        assert (named.task, named.score) == ("rest", seen.score)
        hard = router.route(messages=sums, complexity="expert")
        assert (hard.task, hard.complexity) == ("sums", "expert")
        both = router.route(messages=sums, task="rest", complexity=0.5)
        assert (both.task, both.score) == ("rest", 0.5)
        assert both.request.tokens == seen.request.tokens
        none = router.route()
        assert (none.task, none.score) == ("rest", None)
        path.write_text(text + "tasks: { rest: {} }\n")
        router.reload()
        assert router.route(messages=sums).request.task is None


def test_follows_the_file(tmp_path: Path, provider: Simulated) -> None:
    path = write(tmp_path, provider)
    with Router.open(path, interval=0.05) as router:
        assert router.completion(messages=HELLO).served_by == "small"
        before = router.policy.revision
        write(tmp_path, provider, "[quality]")
        until = time.monotonic() + 60
        while router.policy.revision == before and time.monotonic() < until:
            time.sleep(0.02)
        assert router.completion(messages=HELLO).served_by == "big"
        path.write_text("version: 1\nmodels: nonsense\n")
        while router.status().state == "ok" and time.monotonic() < until:
            time.sleep(0.02)
        status = router.status()
        assert status.state == "degraded"
        assert status.errors[0].rule == "wrong-type"
        assert router.completion(messages=HELLO).served_by == "big"
        write(tmp_path, provider, "[quality]")
        assert router.reload().state == "ok"


def test_a_request_keeps_its_policy(tmp_path: Path) -> None:
    """A fallback after a reload follows the decision that the request began with."""
    with Simulated({"small": Fail(500), "big": Say("from big")}) as provider:
        path = write(tmp_path, provider)
        holder: list[Router] = []

        def swap(event: Event) -> None:
            if type(event).__name__ == "Attempted" and len(provider.requests) == 1:
                path.write_text(path.read_text().replace("big", "huge"))
                holder[0].reload()

        router = Router.open(path, watch="off", on_event=swap)
        holder.append(router)
        with router:
            answer = router.completion(messages=HELLO)
            assert answer.served_by == "big"
            assert [m.name for m in router.policy.models] == ["small", "huge"]
            assert answer.decision.revision != router.policy.revision


def test_starts_on_nothing_broken(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 2\n")
    with pytest.raises(PolicyError, match="version `2` of the policy language is unknown"):
        Router.open(path)
    with pytest.raises(PolicyError, match="missing"):
        Router.open(tmp_path / "missing")


LOADED = """\
version: 1
models:
  small: { model: openai/small, tier: light, price: free, tags: [local] }
  large: { model: openai/large, tier: light, price: free }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: nights, when: hour >= 22, deny: we sleep }
"""
MORNING = 1_800_000_000.0
"""8 o'clock, UTC."""


def test_an_unknown_option_is_refused_without_messages_too() -> None:
    caller = OwnCaller(lambda _: answer("hi"))
    with Router(load(text=LOADED), caller, clock=lambda: MORNING) as router:
        assert [c.name for c in router.route(tags=["private"]).candidates] == ["small"]
        slip: dict[str, Any] = {"tag": ["private"]}
        for messages in ((), HELLO):
            with pytest.raises(UsageError, match=r"`tag`; did you mean `tags`\?"):
                router.route(messages, **slip)
        with pytest.raises(UsageError, match="at least one message"):
            router.completion(())
        with pytest.raises(UsageError, match="at least one message"):
            router.completion(None)  # type: ignore[call-overload]  # the mistake under test


def test_a_router_over_a_loaded_policy_follows_no_file() -> None:
    policy = load(text=LOADED)
    with Router(policy, OwnCaller(lambda _: answer("hi")), clock=lambda: MORNING) as router:
        assert router.policy is policy
        assert (router.status().state, router.status().backend) == ("ok", "off")
        assert router.reload() == router.status()
        assert router.status().revision == policy.revision
        assert router.store_status() is None
        assert router.completion(HELLO).choices[0].message.content == "hi"


def test_conditions_on_the_hour_can_be_decided_at_another_moment() -> None:
    night = MORNING + 15 * 3600
    policy = load(text=LOADED)
    with Router(policy, OwnCaller(lambda _: answer("hi")), clock=lambda: MORNING) as router:
        assert router.route().denied is None
    later = Router(
        policy, OwnCaller(lambda _: answer("hi")), clock=lambda: MORNING, decide_at=lambda: night
    )
    with later:
        assert later.route().denied == "we sleep"


def test_nothing_is_prepared_for_a_request_that_no_model_may_answer() -> None:
    class Preparing(OwnCaller):
        prepared = 0

        async def prepare(self, models: Iterable[Model] = ()) -> None:
            self.prepared += len(list(models))

    caller = Preparing(lambda _: answer("hi"))
    with Router(load(text=LOADED), caller, clock=lambda: 1_800_054_000.0) as router:
        with pytest.raises(NoCandidateError, match="we sleep"):
            router.completion(HELLO)
        assert (caller.prepared, caller.asked) == (0, [])


def test_what_a_stream_knows_of_itself_without_an_event_loop(
    tmp_path: Path, provider: Simulated
) -> None:
    with (
        Router.open(write(tmp_path, provider), watch="off") as router,
        router.completion(HELLO, stream=True) as stream,
    ):
        assert list(stream)
        assert [a.model for a in stream.attempts] == ["small"]
        assert stream.decision.candidates[0].name == "small"
        assert stream.decision_id == stream.decision.id
        assert (stream.rejected, stream.unchecked) == ((), ())


class Prepared(OwnCaller):
    """Notes what it is prepared for."""

    def __init__(self) -> None:
        super().__init__(lambda _: "hello")
        self.prepared: list[list[str]] = []

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        self.prepared.append([model.name for model in models])


def test_a_router_gets_ready_before_the_first_request(tmp_path: Path, provider: Simulated) -> None:
    path = write(tmp_path, provider)

    async def main() -> None:
        caller = Prepared()
        async with Router.open(path, caller=caller, watch="off") as router:
            assert caller.prepared == []
            await router.warm()
            assert caller.prepared == [["small", "big"]]
        caller = Prepared()
        router = Router.open(path, caller=caller, watch="off", warm=True)
        assert caller.prepared == []  # it would block the loop
        async with router:
            assert caller.prepared == [["small", "big"]]
        async with Router.open(path, caller=lambda *_: "hello", watch="off", warm=True):
            pass  # a function has nothing to prepare

    asyncio.run(main())
    caller = Prepared()
    with Router.open(path, caller=caller, watch="off", warm=True):
        assert caller.prepared == [["small", "big"]]
    assert asked(provider) == []
