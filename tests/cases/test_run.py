"""Tests of a policy: the request, the state, and the comparison with the decision."""

from __future__ import annotations

import pytest

from policy_router.cases.run import run_tests
from policy_router.resilience.cancellation import Cancelled
from tests.cases.policies import policy_with, result, results

HOLDS = [
    ("a prompt", "Hi there!", "{}", "{ task: chat, complexity: easy, first: local, cost: $0 }"),
    ("a keyword", "What is this traceback?", "{}", "{ task: code }"),
    ("a system message", "{ prompt: Hi, system: Be brief }", "{}", "{ first: local }"),
    ("sensitive text", "Write to ada@example.com", "{}",
     "{ rule: no mail goes out, reasons: { big: avoid } }"),
    ("a stated kind", "{ detected: [email] }", "{}", "{ rule: no mail goes out }"),
    ("one word for a list", "{ tags: private }", "{}", "{ order: [local, rack], never: [big] }"),
    ("a band", "{ complexity: hard }", "{}", "{ order: [rack, big, local], then: [big, local] }"),
    ("a score", "{ complexity: 0.7 }", "{}", "{ complexity: hard, first: rack }"),
    ("the same by the name of the fact", "{ score: 0.7 }", "{}", "{ complexity: hard }"),
    ("needs", "{ needs: [legal] }", "{}", "{ order: [rack], reasons: { big: ability } }"),
    ("facts about needs", "{ has_tools: true, wants_json: true, has_images: false }", "{}",
     "{ never: [local], order: [rack, big] }"),
    ("pictures", "{ has_images: true }", "{}", "{ order: [rack] }"),
    ("a declared fact", "{ staff: true }", "{}", "{ first: big, rule: staff first }"),
    ("a stream", "{ stream: true, tokens: 5 }", "{}", "{ first: local }"),
    ("a denial", "{ plan: free, staff: false }", "{}",
     "{ denied: it needs a paid plan, reasons: { big: denied } }"),
    ("a denial, whatever its text", "{ plan: free, staff: false }", "{}", "{ denied: true }"),
    ("an alias", "{ model: gpt-4o }", "{}", "{ alias: gpt-*, order: [big] }"),
    ("constraints", "{ max_cost: $0, min_tier: heavy, max_candidates: 1 }", "{}",
     "{ order: [rack], max_cost: $0 }"),
    ("more constraints", "{ only: [heavy], avoid: big, prefer: cheapest }", "{}",
     "{ order: [rack] }"),
    ("the most that it costs", "{ tokens: 1000, max_tokens: 100, only: [big] }", "{}",
     "{ cost: $0.0035, max_cost: $0.0035 }"),
    ("the hour", "{ hour: 23 }", "{}", "{ never: [big], rule: nights }"),
    ("the weekday", "{ weekday: sun, hour: 3 }", "{}", "{ order: [local, rack, big] }"),
    ("the clock", "{ tokens: 5 }", "{ clock: '2026-07-01 22:00' }", "{ rule: nights }"),
    ("the clock by day", "{ tokens: 5 }", "{ clock: '21:59' }", "{ then: [rack, big] }"),
    ("money spent", "{ tokens: 5 }", "{ spent: { team: $50 } }", "{ reasons: { big: budget } }"),
    ("tokens spent", "{ tokens: 5, tenant: a }", "{ used: { words: 1M tokens/day } }",
     "{ denied: true }"),
    ("a quota of the user", "{ tokens: 5, user: a }", "{ used: { each: 60/min } }",
     "{ denied: true }"),
    ("a quota of a model", "{ tokens: 5 }", "{ used: { big: 5/60s } }",
     "{ reasons: { big: rate_limit } }"),
    ("places", "{ tokens: 5 }", "{ used: { quick: 4 concurrent } }",
     "{ reasons: { local: rate_limit } }"),
    ("a cooldown", "{ tokens: 5 }", "{ cooling: [light] }",
     "{ order: [rack, big], reasons: { local: cooling } }"),
    ("a session", "{ tokens: 5, session: s }", "{ session: { s: big } }",
     "{ first: big, session: stays }"),
    ("a session that began", "{ tokens: 5, session: s }", "{}", "{ session: begins }"),
    ("an arm", "Hi", "{ arm: try }", "{ first: big }"),
    ("the control", "Hi", "{ arm: try/control }", "{ first: local }"),
    ("no experiment", "{ user: ada, task: chat }", "{}", "{ first: local }"),
    ("outcomes", "{ tokens: 5, prefer: [reliable] }",
     "{ stats: { local: { success: 10% }, rack: { success: 99%, quality: 0.5 } } }",
     "{ first: rack }"),
    ("too few outcomes", "{ tokens: 5, prefer: [reliable] }",
     "{ stats: { rack: { success: 99%, samples: 3 } } }", "{ first: local }"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "given", "expect"), [each[1:] for each in HOLDS], ids=[each[0] for each in HOLDS]
)
def test_it_holds(request_: str, given: str, expect: str) -> None:
    one = result(request=request_, given=given, expect=expect)
    assert one.passed, (one.problem, one.mismatches, one.decision)


FAILS = [
    ("{ order: [rack, local, big] }", "`rack`, `local`, `big`", "`local`, `rack`, `big`",
     "`local` has its place by: smallest tier first"),
    ("{ order: [local, rack] }", "`local`, `rack`", "`local`, `rack`, `big`",
     "`big` has its place by: paid, after the free ones"),
    ("{ first: rack }", "`rack`", "`local`", "`local` goes first: smallest tier first"),
    ("{ then: [big] }", "`big`", "`rack`, `big`", "`rack` has its place by: "),
    ("{ then: [local] }", "`local`", "`rack`, `big`", "`local` goes first"),
    ("{ never: [rack] }", "not `rack`", "`rack` at place 2 of 3", "nothing excludes it"),
    ("{ task: code }", "`code`", "`chat`", ""),
    ("{ complexity: hard }", "`hard`", "none", ""),
    ("{ rule: nights }", "`nights`", "none", "its condition does not hold: hour >= 22"),
    ("{ cost: $1 }", "$1.00", "$0.00", "of `local`"),
    ("{ max_cost: $0 }", "at most $0.00", "$", "of `big`"),
    ("{ denied: true }", "denied", "`local` may answer", ""),
    ("{ denied: no }", "denied: no", "`local` may answer", ""),
    ("{ reasons: { rack: budget } }", "`rack`: budget", "`rack` may answer", ""),
    ("{ alias: fast }", "`fast`", "none", "the request asks for no model"),
    ("{ session: stays }", "`stays`", "none", "no session matters"),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "expected", "got", "why"), FAILS)
def test_it_says_what_was_decided_and_why(expect: str, expected: str, got: str, why: str) -> None:
    one = result(request="{ task: chat, tokens: 10 }", expect=expect)
    (found,) = one.mismatches
    assert not one.passed
    assert expect.startswith(f"{{ {found.expectation}:")
    assert (found.expected, found.got[: len(got)]) == (expected, got)
    assert found.why.startswith(why)
    assert found.span is not None


REFUSED = [
    ("{ plan: free, staff: false }", "{ first: local }", "no model", "`local` is out: denied by"),
    ("{ plan: free, staff: false }", "{ cost: $0 }", "unknown", "no model"),
    ("{ plan: free, staff: false }", "{ denied: false }", "denied: it needs a paid plan", ""),
    ("{ only: [big], tags: [private] }", "{ denied: false }", "no model is left", ""),
    ("{ only: [big], tags: [private] }", "{ reasons: { big: model } }", "`big`: only",
     "excluded by `only` of rule `private stays`"),
    ("{ only: [big], tags: [private] }", "{ order: [big] }", "none", "`big` is out: "),
    ("{ model: gpt-5 }", "{ alias: fast }", "`gpt-*`", "it asks for gpt-5"),
    ("Hi there!", "{ task: code }", "`chat`", ""),
    ("What is this traceback?", "{ task: chat }", "`code`", "the classifier is "),
    ("Hi there!", "{ complexity: hard }", "`easy`", "the score is 0."),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "expect", "got", "why"), REFUSED)
def test_why_others_fail(request_: str, expect: str, got: str, why: str) -> None:
    (found,) = result(request=request_, expect=expect).mismatches
    assert found.got == got
    assert found.why.startswith(why)


@pytest.mark.parametrize(
    ("request_", "given", "problem"),
    [
        ("{ max_candidates: 2000000000 }", "{}", "the request is invalid: `max_candidates`"),
        ("{ max_candidates: 0.5 }", "{}", "`max_candidates` must be an integer"),
        ("{ task: code }", "{ arm: try }", "experiment `try` is not about the request"),
    ],
)
def test_what_cannot_be_run(request_: str, given: str, problem: str) -> None:
    one = result(request=request_, given=given, expect="{ first: local }")
    assert not one.passed
    assert one.decision is None
    assert (one.problem or "").startswith(problem)


def test_they_run_in_written_order() -> None:
    ends = results(
        "- { name: a, request: Hi, expect: { first: big } }\n"
        "- { name: b, request: Hi, expect: { first: local } }\n"
    )
    assert [(each.test.name, each.passed) for each in ends] == [("a", False), ("b", True)]


def test_they_stop_when_they_are_not_wanted() -> None:
    policy = policy_with("- { name: a, request: Hi, expect: { first: big } }")
    with pytest.raises(Cancelled):
        list(run_tests(policy, policy.tests, lambda: True))
