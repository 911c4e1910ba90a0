"""Small changes of a policy, and whether its tests notice them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router import load
from policy_router.cases.equivalence import TellingRequest, compare
from policy_router.cases.generate import generate
from policy_router.cases.mutants import mutants
from policy_router.cases.mutation import Fate, Mutation, mutate
from policy_router.cases.run import run_tests
from policy_router.cases.write_yaml import whole_file
from policy_router.decision.decide import decide
from policy_router.domain.snapshot import Snapshot
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from tests.cases.policies import policy_with
from tests.generate import policies, requests, snapshots

HEAD = """\
version: 1
tiers: [light, standard, heavy]
tags: [a, b]
models:
  x: { model: ollama_chat/x, tier: light, price: free, context: 1M }
  y: { model: ollama_chat/y, tier: standard, price: free, context: 1M }
  z: { model: openai/z, tier: heavy, price: { input: $1/M, output: $2/M }, context: 1M }
prefer: [free, smallest]
tasks:
  form: { use: [y, x] }
  hard: { min_tier: standard, first: [z], prefer: [quality] }
  chat: {}
complexity: { bands: { easy: { from: 0 }, high: { from: 0.5, min_tier: heavy } } }
budgets: { all: { cap: $5/day, then: free_only } }
limits: { few: { models: [x], requests: [5/min] }, many: { concurrent: 3, shadow: true } }
"""
RULES = """\
rules:
  - { name: one, when: "tags == 1", avoid: [z] }
""".replace("tags == 1", "'a' in tags and (tokens > 100 or stream)")
MORE = """\
  - { name: two, when: { task: [form, hard] }, first: [y, z], prefer: [cheapest, quality] }
  - { name: three, when: not stream, only: [x, y], min_tier: standard, max_cost: $1 }
  - { name: seen, when: stream, deny: no, shadow: true }
"""


def fates(text: str) -> dict[str, Fate]:
    policy = load(text=HEAD + text)
    return {each.change: each.fate for each in mutate(policy, policy.tests)}


def test_every_small_change_is_made_once() -> None:
    policy = load(text=HEAD + RULES + MORE)
    changes = [mutant.change for mutant in mutants(policy)]
    assert len(set(changes)) == len(changes)
    assert all(mutant.policy != policy for mutant in mutants(policy))
    for expected in (
        "rule `one` removed",
        "rule `one`: its condition negated",
        "rule `one`: its condition removed",
        "rule `one`: without `'a' in tags`",
        "rule `one`: `tokens > 100` made `tokens >= 100`",
        "rule `one`: without `stream`",
        "rule `one`: `avoid` without `z`",
        "rule `two`: without 'form'",
        "rule `two`: first: `y` and `z` swapped",
        "rule `two`: prefer: without `cheapest`",
        "rule `three`: `only` without `x`",
        "rule `three`: min_tier removed",
        "rule `three`: min_tier heavy",
        "rule `three`: its criteria removed",
        "task `form`: use: `y` and `x` swapped",
        "task `hard`: min_tier removed",
        "task `hard`: first: without `z`",
        "band `high`: min_tier standard",
        "prefer: `free` and `smallest` swapped",
        "budget `all` of usd per day removed",
        "limit `few` of requests per min removed",
        "step_down off",
    ):
        assert expected in changes
    assert not any("seen" in change or "many" in change for change in changes)


def test_a_test_notices_changes_of_its_subject() -> None:
    found = fates(
        RULES
        + "tests:\n  - { name: t, request: { tags: [a], tokens: 101 }, expect: { never: [z] } }"
    )
    assert found["rule `one` removed"] is Fate.CAUGHT
    assert found["rule `one`: `tokens > 100` made `tokens >= 100`"] is Fate.SURVIVED
    found = fates(
        RULES
        + "tests:\n  - { name: t, request: { tags: [a], tokens: 100 }, expect: { then: [y, z] } }"
    )
    assert found["rule `one`: `tokens > 100` made `tokens >= 100`"] is Fate.CAUGHT
    assert found["rule `one` removed"] is Fate.SURVIVED


def test_a_survivor_comes_with_a_request_that_tells() -> None:
    policy = load(text=HEAD + RULES)
    survivors = [each for each in mutate(policy, ()) if each.fate is Fate.SURVIVED]
    by_change = {mutant.change: mutant.policy for mutant in mutants(policy)}
    assert len(survivors) > 10
    for each in survivors:
        assert each.difference is not None
        witness = each.difference.witness
        if "limit" not in each.change and "budget" not in each.change:
            snapshot = Snapshot(now=witness.now)
            one, other = (
                decide(p, witness.request, snapshot) for p in (policy, by_change[each.change])
            )
            assert (one, other) == (each.difference.before, each.difference.after)
            assert [c.name for c in one.candidates] != [c.name for c in other.candidates]


def test_changes_that_are_proved_to_change_nothing_do_not_count() -> None:
    twice = RULES + "  - { name: two, when: { tags: a }, avoid: [z] }\n"
    policy = load(text=HEAD + twice)
    found = {each.change: each.fate for each in mutate(policy, ())}
    assert found["rule `one` removed"] is Fate.EQUIVALENT
    assert found["rule `one`: `tokens > 100` made `tokens >= 100`"] is Fate.EQUIVALENT
    assert found["rule `two` removed"] is Fate.SURVIVED
    assert Mutation(tuple(mutate(policy, ()))).share == 0
    assert Mutation(()).share == 1


def test_other_changes_that_change_nothing_are_proved_to() -> None:
    text = (
        HEAD.replace("prefer: [quality]", "prefer: [smallest]")
        .replace("  chat: {}", "  idle: { min_tier: standard }\n  chat: {}")
        .replace("easy: { from: 0 }", "easy: { from: 0, min_tier: standard }")
        .replace("budgets: {", "budgets: { none: { when: { tags: a }, models: [z], cap: $1/day },")
    )
    policy = load(
        text=text + "rules:\n  - { name: a, when: { tags: a }, avoid: [z] }\n"
        "  - { name: low, when: \"task == 'idle' or complexity == 'easy'\", avoid: [x], "
        "min_tier: standard }\n"
    )
    found = {each.change: each.fate for each in mutate(policy, ())}
    for change in (
        "prefer: `free` and `smallest` swapped",  # all paid models are of the highest tier
        "prefer: without `free`",
        "budget `none` of usd per day removed",
        "task `idle`: min_tier removed",
        "band `easy`: min_tier removed",
    ):
        assert found[change] is Fate.EQUIVALENT
    assert found["task `hard`: first: without `z`"] is Fate.SURVIVED
    assert found["budget `all` of usd per day removed"] is Fate.SURVIVED


def test_a_promise_notices_what_would_break_it() -> None:
    policy = load(
        text=HEAD + RULES + "  - { name: safe, when: { tags: b }, avoid: [z] }\n"
        "invariants: [{ name: at home, when: { tags: b }, never: [z] }]\n"
    )
    found = {each.change: each for each in mutate(policy, ())}
    for change in ("rule `safe` removed", "rule `safe`: `avoid` without `z`"):
        assert (found[change].fate, found[change].by) == (Fate.CAUGHT, "invariant at home")
    assert found["rule `one` removed"].fate is Fate.SURVIVED
    assert found["rule `safe`: its condition removed"].fate is Fate.SURVIVED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prefer: [fastest, free, smallest]\n", "no request was found that shows it"),
        ("rules: [{ name: r, when: \"matches(user, '^a') and matches(user, '^b')\", avoid: [x] }]",
         "for some kinds of requests there is no example"),
    ],
)  # fmt: skip
def test_what_is_not_proved_is_reported(text: str, words: str) -> None:
    plain = load(text=HEAD)
    other = load(text=HEAD.replace("prefer: [free, smallest]\n", "") + text if "prefer" in text
                 else HEAD + text)  # fmt: skip
    assert compare(plain, other) == words


def test_too_many_kinds_are_drawn_from() -> None:
    wide = "rules:\n" + "".join(
        f"  - {{ name: r{i}, when: \"tokens > {i * 10 + 10} and user == 'u{i}' "
        f'and turn < {i + 2}", avoid: [x] }}\n'
        for i in range(12)
    )
    one = load(text=HEAD + wide)
    same = load(text=HEAD + wide.replace("tokens > 20 ", "tokens >= 21 "))
    assert compare(one, same) is None
    says = "  - { name: said, when: \"user == 'u0'\", accept: { json: true } }\n"
    one, same = (load(text=HEAD + text + says) for text in (wide, wide.replace("> 20 ", ">= 21 ")))
    assert compare(one, same) == "there are too many kinds of requests to decide them all"
    other = load(text=HEAD + wide.replace("user == 'u1'", "user != 'u1'"))
    assert isinstance(compare(one, other), TellingRequest)


def test_generated_tests_hold_and_notice_most() -> None:
    policy = policy_with("[]")
    tests = list(generate(policy))
    assert all(result.passed for result in run_tests(policy, tests))
    rules = {test.expect.rule for test in tests}
    assert {rule.name for rule in policy.rules if rule.deny is None} <= rules
    assert Mutation(tuple(mutate(policy, tests))).share > 0.75
    names = [test.name for test in tests]
    assert "limit `big` is used up: requests per min" in names
    assert "budget `team` is used up: usd per month" in names


def test_a_limit_may_be_about_a_fact_that_nothing_else_reads() -> None:
    policy = load(text=(HEAD + RULES).replace("models: [x], req", "when: turn > 3, req"))
    tests = list(generate(policy))
    assert all(result.passed for result in run_tests(policy, tests))
    [used_up] = [test for test in tests if test.name.startswith("limit `few`")]
    assert not isinstance(used_up.request, str)
    assert used_up.request["turn"] == 4


def test_generated_tests_stand_at_the_edges() -> None:
    policy = load(text=HEAD + RULES + MORE)
    tests = list(generate(policy))
    tokens = {t.request["tokens"] for t in tests if not isinstance(t.request, str)}
    assert {100, 101} <= tokens
    # Rule `three` takes away what rule `one` does, unless the request is a stream.
    found = {each.change: each.fate for each in mutate(policy, tests)}
    assert found["rule `one`: `tokens > 100` made `tokens >= 100`"] is Fate.EQUIVALENT
    alone = load(text=HEAD + RULES)
    found = {each.change: each.fate for each in mutate(alone, list(generate(alone)))}
    assert found["rule `one`: `tokens > 100` made `tokens >= 100`"] is Fate.CAUGHT


def test_generated_tests_can_be_written_and_read() -> None:
    policy = load(text=HEAD + RULES + MORE)
    tests = tuple(generate(policy))
    files = [
        PolicyFile("p.yaml", (HEAD + RULES + MORE).encode()),
        PolicyFile("p.test.yaml", whole_file(tests).encode(), only_tests=True),
    ]
    loaded = compile_files(files)
    assert loaded.policy is not None, loaded.diagnostics
    assert loaded.policy.tests == tests
    assert loaded.policy.revision == policy.revision


def test_generated_numbers_have_few_digits() -> None:
    text = HEAD + "rules: [{ name: r, when: score > 0.1 and score < 0.35, avoid: [x] }]\n"
    written = whole_file(tuple(generate(load(text=text))))
    files = [
        PolicyFile("p.yaml", text.encode()),
        PolicyFile("p.test.yaml", written.encode(), only_tests=True),
    ]
    assert compile_files(files).policy is not None
    assert "complexity: 0.2," in written


def test_checks_of_answers_tell_nothing_where_no_model_answers() -> None:
    of_checks = "rules: [{ name: r, when: stream, accept: { json: true } }]\n"
    unpaid = HEAD[: HEAD.index("budgets")].replace("price: free, context", "context")
    found = {each.change: each.fate for each in mutate(load(text=unpaid + of_checks), ())}
    assert found["rule `r` removed"] is not Fate.SURVIVED


def test_what_is_measured_may_tell_what_prices_do_not() -> None:
    measured = HEAD.replace("prefer: [free, smallest]", "prefer: [fastest, smallest]")
    found = {each.change: each.fate for each in mutate(load(text=measured), ())}
    assert found["prefer: without `fastest`"] is Fate.UNKNOWN


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_request_tells_policies_that_are_proved_equal(data: st.DataObject) -> None:
    policy = data.draw(policies(max_rules=3))
    every = list(mutants(policy))
    mutant = data.draw(st.sampled_from(every))
    if compare(policy, mutant.policy, mutant.limit) is not None:
        return
    for _ in range(8):
        request, snapshot = data.draw(requests(policy)), data.draw(snapshots(policy))
        one, other = (decide(each, request, snapshot) for each in (policy, mutant.policy))
        assert [c.name for c in one.candidates] == [c.name for c in other.candidates]
        assert one.denied == other.denied
