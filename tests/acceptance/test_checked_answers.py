"""Checked answers from end to end: policy, router, real HTTP, real LiteLLM, ledger, events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from policy_router import AllModelsFailedError
from policy_router.events import Answered, Attempted, JudgedAnswer
from policy_router.providers.simulated import Cut, Fail, Garble, Say, Simulated, Stall
from tests.execution.test_ledger import HELLO, World, play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from policy_router.providers.simulated.behaviour import Behaviour

POLICY = """\
version: 1
tiers: [light, standard, heavy]
models:
  cheap: {{ model: openai/cheap, api_base: "{url}", tier: light,
           price: {{ input: $1/M, output: $1/M }}, context: 8k }}
  other: {{ model: openai/other, api_base: "{url}", tier: light,
           price: {{ input: $2/M, output: $2/M }}, context: 8k }}
  middle: {{ model: openai/middle, api_base: "{url}", tier: standard,
            price: {{ input: $3/M, output: $3/M }}, context: 32k }}
  large: {{ model: openai/large, api_base: "{url}", tier: heavy,
           price: {{ input: $9/M, output: $9/M }}, context: 128k }}
prefer: [cheapest]
fallback: {{ first_token_within: 20s, stall: 20s, deadline: 60s }}
{counted}
"""
JSON = "tasks: { form: { accept: { json: true } }, chat: {} }\n"
MONEY = "budgets: { all: { cap: $5/day } }\n"
GOOD, BAD = '{"name": "Ada"}', "Sure! Here is your JSON."
USED = {"prompt_tokens": 10, "completion_tokens": 20}
AGAINST_JSON = "json (task `form`): no JSON: expecting value at character 0"


def scene_of(
    tmp_path: Path,
    scripts: dict[str, Any],
    scene: Callable[[World], Awaitable[None]],
    counted: str = JSON + MONEY,
    policy: str = POLICY,
    *,
    functions: Sequence[str] = (),
) -> None:
    play(tmp_path, counted, scene, Simulated(scripts), policy, functions=functions)


async def ask(w: World, how: str, **options: Any) -> tuple[str, Any]:
    """The text of an answer, whole or streamed, and who came with it."""
    if how == "whole":
        got = await w.router.acompletion(HELLO, task="form", **options)
        return got.choices[0].message.content, got
    async with await w.router.acompletion(HELLO, task="form", stream=True, **options) as stream:
        chunks = [chunk async for chunk in stream]
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), stream


both = pytest.mark.parametrize("how", ["whole", "stream"])


@both
def test_invalid_json_leads_to_a_higher_tier_and_both_are_charged(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, how, max_tokens=100)
        assert (text, got.served_by, got.rejected) == (GOOD, "middle", ())
        assert [hit.model for hit in w.provider.requests] == ["cheap", "middle"]
        assert [(a.model, a.failure, a.detail, a.cost_nano_usd) for a in got.attempts] == [
            ("cheap", "rejected", AGAINST_JSON, 30_000),
            ("middle", None, "", 90_000),
        ]
        assert [(a.passed, a.rejected) for a in got.attempts] == [
            ((), ("json",)),
            (("json",), ()),
        ]
        assert [(r.about.model, r.cost, r.estimated) for r in await w.rows()] == [
            ("cheap", 30_000, False),
            ("middle", 90_000, False),
        ]
        first, _ = [e for e in w.events if isinstance(e, Attempted)]
        assert first.failure is not None
        assert (first.failure.kind, first.failure.detail) == ("rejected", AGAINST_JSON)
        done = w.events[-1]
        assert isinstance(done, Answered)
        assert [(s.model, s.detail) for s in done.skipped] == [
            ("other", "not of a higher tier than `cheap`, whose answer was rejected")
        ]

    scene_of(tmp_path, {"cheap": Say(BAD, usage=USED), "middle": Say(GOOD, usage=USED)}, scene)


@both
def test_a_rejected_answer_without_usage_is_charged_in_full(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        await ask(w, how, max_tokens=50)
        first = (await w.rows())[0]
        assert (first.about.model, first.tokens_out, first.estimated) == ("cheap", 50, True)

    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    scene_of(tmp_path, {"cheap": Say(BAD, usage=usage), "middle": Say(GOOD)}, scene)


@both
def test_when_all_fail_the_best_answer_is_returned_marked(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, how)
        assert (text, got.served_by) == (BAD, "large")
        assert [str(f) for f in got.rejected] == [AGAINST_JSON]
        assert [a.failure for a in got.attempts] == ["rejected"] * 3
        assert len(await w.rows()) == 3

    scene_of(tmp_path, {m: Say(BAD) for m in ("cheap", "middle", "large")}, scene)


@both
def test_all_fail_and_that_is_an_error(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        with pytest.raises(AllModelsFailedError) as caught:
            await ask(w, how)
        assert str(caught.value).count("rejected (json (rule `forms parse`): no JSON") == 3
        assert len(await w.rows()) == 3

    counted = (
        "rules: [{ name: forms parse, when: { task: form }, "
        "accept: { json: true, otherwise: error } }]\ntasks: { form: {}, chat: {} }\n"
    )
    scripts = {m: Say(BAD) for m in ("cheap", "middle", "large")}
    scene_of(tmp_path, scripts, scene, counted + MONEY)


@both
def test_a_budget_without_room_for_the_second_attempt(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, how, max_tokens=1000)
        assert (text, got.served_by, [f.check for f in got.rejected]) == (BAD, "cheap", ["json"])
        assert [hit.model for hit in w.provider.requests] == ["cheap"]
        done = w.events[-1]
        assert isinstance(done, Answered)
        assert [c.name for c in got.decision.candidates] == ["cheap", "other", "middle"]
        assert [(s.model, s.reason) for s in done.skipped] == [
            ("other", "tier"), ("middle", "budget"),
        ]  # fmt: skip

    # Room for an answer of the middle one ($0.003 and what goes in), but not after the cheap one's.
    used = {"prompt_tokens": 10, "completion_tokens": 1000}
    budget = "budgets: { all: { cap: $0.0035/day } }\n"
    scene_of(tmp_path, {"cheap": Say(BAD, usage=used)}, scene, JSON + budget)


@both
@pytest.mark.parametrize(
    ("limits", "served_by", "failures"),
    [
        ("max_attempts: 2", "middle", ["rejected", "rejected"]),
        ("max_attempts: 1", "cheap", ["rejected"]),
    ],
)
def test_max_attempts(
    tmp_path: Path, how: str, limits: str, served_by: str, failures: list[str]
) -> None:
    async def scene(w: World) -> None:
        _, got = await ask(w, how)
        assert (got.served_by, [a.failure for a in got.attempts]) == (served_by, failures)
        assert got.rejected

    scripts = {m: Say(BAD) for m in ("cheap", "middle", "large")}
    policy = POLICY.replace("fallback: {{", f"fallback: {{{{ {limits},")
    scene_of(tmp_path, scripts, scene, policy=policy)


@both
def test_the_deadline_holds(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        await w.router.acompletion(HELLO, model="other")  # the first call is slow
        text, got = await ask(w, how)
        assert (text, got.served_by) == (BAD, "cheap")
        assert got.attempts[0].failure == "rejected"
        assert {a.failure for a in got.attempts[1:]} <= {"timeout", "deadline"}

    policy = POLICY.replace("deadline: 60s", "deadline: 5s")
    scripts = {"cheap": Say(BAD), "middle": Stall(), "large": Stall()}
    scene_of(tmp_path, scripts, scene, policy=policy)


def test_nothing_of_a_rejected_stream_is_given_out(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, "stream")
        assert (text, got.served_by) == (GOOD, "large")
        assert [a.failure for a in got.attempts] == ["rejected", "connection_lost", None]

    policy = POLICY.replace("stall: 20s", "stall: 20s, on_error: {{ server_error: next }}")
    scripts = {"cheap": Say(BAD), "middle": Cut(after=2), "large": Say(GOOD)}
    scene_of(tmp_path, scripts, scene, policy=policy)


def test_a_stream_with_usage_brings_the_usage_of_its_own_answer(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        options = {"include_usage": True}
        stream = await w.router.acompletion(HELLO, task="form", stream=True, stream_options=options)
        chunks = [chunk async for chunk in stream]
        assert [c.usage.completion_tokens for c in chunks if c.usage] == [20]

    scene_of(tmp_path, {"cheap": Say(BAD), "middle": Say(GOOD, usage=USED)}, scene)


def test_a_tool_call_needs_no_json(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    async def scene(w: World) -> None:
        for how in ("whole", "stream"):
            _, got = await ask(w, how)
            assert (got.served_by, got.rejected) == ("cheap", ())

    scene_of(tmp_path, {"cheap": Say("", tool_calls=[call], finish="tool_calls")}, scene)


@both
def test_a_function_of_ours(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, how)
        assert (text, got.served_by) == ("yes, please", "middle")
        assert got.attempts[0].detail == (
            "python (task `form`): `tests.execution.checks_of_ours:polite`: it is not polite"
        )

    counted = (
        "tasks: { form: { accept: { python: tests.execution.checks_of_ours:polite } }, chat: {} }\n"
    )
    scripts = {"cheap": Say("no"), "middle": Say("yes, please")}
    ours = ["tests.execution.checks_of_ours:polite"]
    scene_of(tmp_path, scripts, scene, counted + MONEY, functions=ours)


JUDGED = "tasks: { form: { accept: { llm: { model: other, rubric: It is polite. } } }, chat: {} }\n"


@both
def test_a_judge_is_charged_in_addition_to_what_it_judges(tmp_path: Path, how: str) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, how, user="ada", max_tokens=100)
        assert (text, got.served_by) == ("Hello, please", "middle")
        rows = await w.rows()
        assert sorted((r.about.model, r.about.user, r.cost) for r in rows) == [
            ("cheap", "ada", 30_000),
            ("middle", "ada", 90_000),
            ("other", "ada", 2 * 51_000),
            ("other", "ada", 2 * 51_000),
        ]
        judged = [e for e in w.events if isinstance(e, JudgedAnswer)]
        assert [(e.passed, e.attempt.model, e.attempt.cost_nano_usd) for e in judged] == [
            (False, "other", 102_000),
            (True, "other", 102_000),
        ]
        asked = [hit for hit in w.provider.requests if hit.model == "other"]
        assert [hit.body["max_tokens"] for hit in asked] == [16, 16]
        assert "Hello!" in asked[0].body["messages"][1]["content"]

    said = {"prompt_tokens": 50, "completion_tokens": 1}
    scripts = {
        "cheap": Say("Go away", usage=USED),
        "middle": Say("Hello, please", usage=USED),
        "other": [Say("FAIL", usage=said), Say("PASS", usage=said)],
    }
    # One request at a time for each user: a judge sits on the seat of what it judges.
    limits = "limits: { each: { per: user, concurrent: 1 } }\n"
    scene_of(tmp_path, scripts, scene, JUDGED + MONEY + limits)


@pytest.mark.parametrize(
    ("judge", "more", "detail"),
    [
        (Fail(429), "", "`other` gave no verdict: rate_limited"),
        (Stall(), "", "`other` gave no verdict: timeout"),
        (Say("I follow the answer: PASS"), "", "`other` answered neither PASS nor FAIL"),
        (
            Say("PASS"),
            "limits: { o: { models: [other], tokens: [9/min] } }\n",
            "`other` was not called: limit `o`: 0 of 9 tokens a minute used, this request may use ",
        ),
        (
            Say("PASS"),
            "rules: [{ name: not there, when: { task: form }, avoid: [other] }]\n",
            "`other` was not called: excluded by `avoid` of rule `not there`",
        ),
    ],
)
def test_without_a_judgement_the_answer_is_taken_and_marked(
    tmp_path: Path, judge: Any, more: str, detail: str
) -> None:
    async def scene(w: World) -> None:
        text, got = await ask(w, "whole")
        assert (text, got.served_by, got.rejected) == ("Hello", "cheap", ())
        (finding,) = got.unchecked
        assert finding.check == "llm"
        assert finding.detail.startswith(detail)
        done = w.events[-1]
        assert isinstance(done, Answered)
        assert done.unchecked == got.unchecked

    policy = POLICY.replace("first_token_within: 20s", "first_token_within: 2s")
    scripts = {"cheap": Say("Hello"), "other": judge}
    scene_of(tmp_path, scripts, scene, JUDGED + MONEY + more, policy)


BROKEN_TEXT = (
    '{"choices": [{"index": 0, "finish_reason": "stop", '
    '"message": {"role": "assistant", "content": "\\ud83d you idiot"}}]}'
)
"""An answer with a lone surrogate, as only an escape of JSON can bring it."""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Hello!", Garble(BROKEN_TEXT, "application/json")),
        ("a b " * 60_000, Say("you idiot")),
        ("Hello!", Say("idiot " * 9_000)),
    ],
    ids=["surrogate", "long question", "long answer"],
)
def test_no_text_switches_the_judge_off(tmp_path: Path, question: str, answer: Behaviour) -> None:
    async def scene(w: World) -> None:
        messages = [{"role": "user", "content": question}]
        got = await w.router.acompletion(messages, task="form", model="large")
        assert [f.detail for f in got.rejected] == ["`other` answered FAIL"]
        asked = next(hit for hit in w.provider.requests if hit.model == "other")
        told = asked.body["messages"]
        assert sum(len(m["content"].encode()) for m in told) < 8_000
        assert "idiot" in told[1]["content"]

    scene_of(tmp_path, {"large": answer, "other": Say("FAIL")}, scene, JUDGED + MONEY)


def test_a_judge_that_is_the_model_itself_needs_no_second_slot(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        _, got = await ask(w, "whole")
        assert (got.served_by, got.unchecked) == ("cheap", ())
        assert await w.spent() > 0

    counted = JUDGED.replace("other", "cheap") + MONEY
    limits = "limits: { seat: { models: [cheap], concurrent: 1 } }\n"
    scene_of(tmp_path, {"cheap": [Say("Hello"), Say("PASS")]}, scene, counted + limits)
