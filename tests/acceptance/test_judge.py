"""A model that judges: what it is sent, what counts as its verdict, and that it may fail."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.acceptance.judge import (
    OUTPUT,
    fit_messages,
    judge_messages,
    verdict_of,
)
from policy_router.classification.tokens.bound import most_tokens
from policy_router.domain.acceptance import Accept, Judge
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.fallback import Fallback
from policy_router.domain.models import Model
from policy_router.event_source import EventSource
from policy_router.events import Answered, Attempted, Decided, Event, JudgedAnswer
from policy_router.execution.executor import Executor
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.providers.requests.body import Body
from tests.execution.make import HANG, FakeCaller, candidate, decision, response, usage_chunk

if TYPE_CHECKING:
    from policy_router.execution.answer import Answer

JUDGE = Judge(Model("judge", "openai/judge", "heavy", 1), "It is polite.")
CHECKED = (Accept("task `t`", not_empty=True, llm=JUDGE),)
ASKED = Body(messages=[{"role": "user", "content": "Say hello"}])


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("PASS", True),
        ("PASS" + " indeed" * 2_000, None),
        ("FAIL", False),
        ("\n PASS.", True),
        ("pass", True),
        ("Fail", False),
        ("**PASS**", True),
        ("**FAIL**", False),
        ("_FAIL_", False),
        ("`PASS`", True),
        ("# FAIL\n", False),
        ("FAIL: it is rude", False),
        ("FAIL: it does not pass", False),
        ("Verdict: FAIL", False),
        ("Verdict: PASS", None),
        ("The answer says PASS", None),
        ("It does not pass", None),
        # The question, or the judge_messages, repeated.
        ("PASS or FAIL?", None),
        ("PASS or FAIL? FAIL", False),
        ("PASS or FAIL? PASS", True),
        ("**PASS** or **FAIL**?\n\n**FAIL**", False),
        ("PASS/FAIL: FAIL", False),
        ("PASS / FAIL: PASS", True),
        ("PASS/FAIL", None),
        ("PASS if the answer has it, FAIL if it has not.", None),
        ("PASS if the answer has it, FAIL if it has not. FAIL", False),
        ("PASS if the answer has it, FAIL if it has not. PASS", None),
        ("PASS? FAIL", False),
        ("PASS FAIL", False),
        # Thoughts.
        ("<think>x</think>FAIL", False),
        ("<think>\nFAIL, or is it?\n</think>\n\nPASS", True),
        ("<thinking>PASS</thinking>fail", False),
        ("<think>PASS", None),
        ("<think>PASS or FAIL", None),
        ("FAIL, it says <think></think>PASS", False),
        ("PASSED", None),
        ("FAILURE", None),
        ("", None),
        ("?!", None),
    ],
)
def test_what_counts_as_a_verdict(reply: str, verdict: bool | None) -> None:
    assert verdict_of(reply) is verdict


@given(
    st.text(), st.sampled_from(["PASS or FAIL?", "PASS/FAIL", "Pass or fail:", "**PASS or FAIL?**"])
)
def test_an_echoed_question_passes_nothing(more: str, echo: str) -> None:
    assert verdict_of(f"{echo} {more} FAIL") is False
    assert verdict_of(f"{echo}") is None


@given(st.text(), st.text(), st.text())
def test_all_that_is_judged_stands_between_marks(rubric: str, question: str, answer: str) -> None:
    system, user = judge_messages(rubric, question, answer, "0123456789abcdef")
    assert (system["role"], user["role"]) == ("system", "user")
    assert rubric in system["content"]
    assert user["content"] == (
        f"<question-0123456789abcdef>\n{question}\n</question-0123456789abcdef>\n"
        f"<answer-0123456789abcdef>\n{answer}\n</answer-0123456789abcdef>\nPASS or FAIL?"
    )


def test_braces_in_a_rubric_are_text() -> None:
    assert "{mark} {0}" in judge_messages("{mark} {0}", "q", "a", "m")[0]["content"]


@given(
    st.text(st.characters(), max_size=50),
    st.text(st.characters(), max_size=50),
    st.integers(1, 400),
    st.integers(1, 400),
    st.none() | st.integers(1, 20_000),
)
def test_a_judge_is_sent_what_its_context_holds(
    question: str, answer: str, longer: int, longest: int, context: int | None
) -> None:
    judge = Judge(Model("judge", "openai/judge", "heavy", 1, context=context), "It is polite.")
    told = fit_messages(judge, question * longer, answer * longest)
    if told is None:
        assert context is not None
        assert context < 1_500
        return
    assert most_tokens(told) + OUTPUT <= (context or 33_000)
    json.dumps(told, ensure_ascii=False).encode()  # nothing that cannot be sent


def test_a_long_text_is_shown_by_its_ends() -> None:
    judge = Judge(Model("judge", "openai/judge", "heavy", 1, context=4_000), "It is polite.")

    def shown(question: str, answer: str) -> tuple[str, str]:
        told = fit_messages(judge, question, answer)
        assert told is not None
        found = re.search(
            r"<question-(\w+)>\n(.*)\n</question-\1>\n<answer-\1>\n(.*)\n</answer-\1>",
            told[1]["content"],
        )
        assert found is not None
        assert f"[cut-{found[1]}]" in told[0]["content"]
        return found[2].replace(found[1], "MARK"), found[3].replace(found[1], "MARK")

    long = "begin " + "x" * 100_000 + " end"
    cut = re.compile(r"begin x+\[cut-MARK\]x+ end")
    question, answer = shown(long, "short")
    assert (bool(cut.fullmatch(question)), answer) == (True, "short")
    question, answer = shown("short", long)
    assert (question, bool(cut.fullmatch(answer))) == ("short", True)
    question, answer = shown(long, long)
    assert cut.fullmatch(question)
    assert cut.fullmatch(answer)
    assert abs(len(question) - len(answer)) < 50


def run(
    caller: FakeCaller,
    *,
    events: list[Event] | None = None,
    barred: tuple[Skip, ...] = (),
    cooldowns: Cooldowns | None = None,
    accept: tuple[Accept, ...] = CHECKED,
    **options: Any,
) -> Answer:
    observe = (events if events is not None else []).append
    executor = Executor(
        caller, events=EventSource(observe), cooldowns=cooldowns, clock=lambda: 500.0
    )
    them = decision(candidate("a"), candidate("b", rank=1), accept=accept, barred=barred)
    return asyncio.run(executor.run(them, Fallback(**options), ASKED))


def test_a_judge_may_pass_an_answer() -> None:
    caller = FakeCaller(a=[response("Hello, please")], judge=[response("PASS")])
    events: list[Event] = []
    answer = run(caller, events=events)
    assert (answer.served_by, answer.rejected, answer.unchecked) == ("a", (), ())
    assert caller.calls == ["a", "judge"]
    asked = caller.bodies[1]
    assert (asked["max_tokens"], asked["temperature"], "stream" in asked) == (OUTPUT, 0, False)
    (mark,) = set(re.findall(r"<answer-(\w+)>", asked["messages"][1]["content"]))
    assert len(mark) == 16
    assert "Say hello" in asked["messages"][1]["content"]
    assert "Hello, please" in asked["messages"][1]["content"]
    assert [type(e) for e in events] == [Decided, JudgedAnswer, Attempted, Answered]
    judged = events[1]
    assert isinstance(judged, JudgedAnswer)
    assert (judged.passed, judged.attempt.model, judged.failure) == (True, "judge", None)
    assert [a.model for a in answer.attempts] == ["a"]


def test_each_judge_gets_a_mark_of_its_own() -> None:
    caller = FakeCaller(
        a=[response("x")], b=[response("y")], judge=[response("FAIL"), response("PASS")]
    )
    run(caller)
    marks = {
        re.findall(r"<answer-(\w+)>", b["messages"][1]["content"])[0] for b in caller.bodies[1::2]
    }
    assert len(marks) == 2


def test_a_judge_may_reject_an_answer() -> None:
    caller = FakeCaller(
        a=[response("Go away")], b=[response("Hello")], judge=[response("FAIL"), response("PASS")]
    )
    answer = run(caller)
    assert caller.calls == ["a", "judge", "b", "judge"]
    assert (answer.served_by, answer.rejected) == ("b", ())
    assert (answer.attempts[0].failure, answer.attempts[0].detail) == (
        "rejected",
        "llm (task `t`): `judge` answered FAIL",
    )


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (response("I think PASS"), "`judge` answered neither PASS nor FAIL"),
        (response(""), "`judge` answered neither PASS nor FAIL"),
        (Failure(FailureKind.RATE_LIMITED, "429", 429), "`judge` gave no verdict: rate_limited"),
        (HANG, "`judge` gave no verdict: timeout"),
    ],
)
def test_a_judge_that_fails_rejects_nothing(reply: Any, detail: str) -> None:
    caller = FakeCaller(a=[response("hello")], judge=[reply])
    answer = run(caller, first_token_within=0.6)
    assert (answer.served_by, answer.rejected) == ("a", ())
    assert [(f.check, f.detail, f.by) for f in answer.unchecked] == [("llm", detail, "task `t`")]


def test_a_judge_that_may_not_see_the_request_is_not_called() -> None:
    caller = FakeCaller(a=[response("hello")])
    skip = Skip("judge", Reason.ONLY, "excluded by `only` of rule `private`")
    answer = run(caller, barred=(skip,))
    assert [f.detail for f in answer.unchecked] == [
        "`judge` was not called: excluded by `only` of rule `private`"
    ]
    assert caller.calls == ["a"]


def test_a_judge_that_fails_goes_into_cooldown_as_any_model() -> None:
    cooldowns = Cooldowns(lambda: 500.0)
    caller = FakeCaller(
        a=[response("hello"), response("hello")],
        judge=[Failure(FailureKind.RATE_LIMITED, "429", 429, retry_after=30)],
    )
    run(caller, cooldowns=cooldowns)
    answer = run(caller, cooldowns=cooldowns)
    assert caller.calls == ["a", "judge", "a"]
    assert [f.detail for f in answer.unchecked] == [
        "`judge` was not called: in cooldown until 00:08:50 UTC"
    ]


def test_what_failed_before_is_not_judged() -> None:
    caller = FakeCaller(a=[response("")], b=[response("Hello")], judge=[response("PASS")])
    assert run(caller).served_by == "b"
    assert caller.calls == ["a", "b", "judge"]


def test_a_tool_call_is_not_judged() -> None:
    asks = response("", "tool_calls")
    asks.choices[0].message.tool_calls = [{"id": "c"}]
    caller = FakeCaller(a=[asks])
    assert run(caller).rejected == ()
    assert caller.calls == ["a"]


def test_every_choice_is_judged_until_one_fails() -> None:
    two = response("Hello")
    two.choices.append(response("Go away").choices[0])
    caller = FakeCaller(
        a=[two], b=[response("Hi")], judge=[response("PASS"), response("FAIL"), response("PASS")]
    )
    assert run(caller).served_by == "b"
    assert caller.calls == ["a", "judge", "judge", "b", "judge"]


def test_no_time_is_left_for_a_judge() -> None:
    caller = FakeCaller(a=[response("hello")])
    answer = run(caller, first_token_within=0.4)
    assert [f.detail for f in answer.unchecked] == ["`judge` was not called: no time is left"]


def test_a_request_that_is_cancelled_while_it_is_judged() -> None:
    events: list[Event] = []
    used = usage_chunk(3, 4).usage
    caller = FakeCaller(a=[response("hello", usage=used)], judge=[HANG])

    async def go() -> None:
        executor = Executor(caller, events=EventSource(events.append))
        them = decision(candidate("a"), accept=CHECKED)
        asking = asyncio.create_task(executor.run(them, Fallback(), ASKED))
        for _ in range(100):
            if len(caller.calls) == 2:
                break
            await asyncio.sleep(0)
        asking.cancel()
        await asking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())
    judged, attempted = events[1], events[2]
    assert isinstance(judged, JudgedAnswer)
    assert (judged.passed, judged.attempt.failure) == (None, "cancelled")
    assert isinstance(attempted, Attempted)
    # What the provider had counted by then is what is charged.
    assert (attempted.attempt.failure, attempted.attempt.tokens_out) == ("cancelled", 4)
