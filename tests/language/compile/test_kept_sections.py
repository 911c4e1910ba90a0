"""Experiments, learning, prompts, invariants and tests of a document, as values of the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from policy_router.catalog.table import Catalog
from policy_router.domain.experiments import Experiment
from policy_router.domain.invariants import Invariant
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.policy_tests import Expectation, GivenState, PolicyTest
from policy_router.domain.prompts import ParameterValue, Prompt
from policy_router.language.files import PolicyFile
from policy_router.language.load import Loaded, compile_files
from policy_router.units import Rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free }
  large: { model: acme/large, tier: heavy, price: free, tags: [far] }
tasks: { code: { keywords: [def] }, chat: {} }
attributes: { plan: [free, pro] }
limits: { quota: { requests: [50/day], tokens: [9k/hour] } }
budgets: { team: { cap: $50/month } }
"""


TABLE = Catalog({}, frozenset({"acme"}), "made up")


def load(text: str) -> Loaded:
    return compile_files([PolicyFile("p.yaml", (HEAD + text).encode())], TABLE)


def good(text: str) -> Policy:
    loaded = load(text)
    assert loaded.policy is not None, loaded.diagnostics
    return loaded.policy


def text_of(value: Experiment | Prompt | Invariant) -> str | None:
    return None if value.when is None else value.when.text


def test_a_policy_without_these_sections_keeps_nothing_of_them() -> None:
    policy = good("")
    kept = (policy.experiments, policy.prompts, policy.invariants, policy.tests)
    assert kept == ((), (), (), ())
    assert policy.learning == Learning(LearningMode.OFF, None)


def test_experiments() -> None:
    policy = good(
        "experiments:\n"
        "  one: { share: 12.5%, first: [far, small], stick_to: team, until: 2030-02-28,\n"
        "         when: { task: code } }\n"
        "  two: { share: 0%, first: [small] }\n"
    )
    one, two = policy.experiments
    assert text_of(one) == "task == 'code'"
    day = date(2030, 2, 28)
    assert replace(one, when=None) == Experiment(
        "one", None, 0.125, ("large", "small"), "team", day
    )
    assert two == Experiment("two", None, 0.0, ("small",))
    assert str(two.span) == "p.yaml:13:3"


@pytest.mark.parametrize("mode", ["off", "shadow", "suggest", "adjust"])
def test_learning(mode: str) -> None:
    assert good(f"learning: {{ mode: {mode} }}").learning == Learning(LearningMode(mode))
    stated = good(f"learning: {{ mode: {mode}, min_samples: 20 }}").learning
    assert stated == Learning(LearningMode(mode), 20)


def test_prompts() -> None:
    policy = good(
        "prompts:\n"
        "  terse: { models: [far], when: plan == 'pro', system: Be brief.,\n"
        "           params: { temperature: 0, stop: [a, b] } }\n"
        "  bare: { models: [small] }\n"
    )
    terse, bare = policy.prompts
    assert text_of(terse) == "plan == 'pro'"
    params: Mapping[str, ParameterValue | tuple[ParameterValue, ...]] = {
        "temperature": 0,
        "stop": ("a", "b"),
    }
    assert replace(terse, when=None) == Prompt("terse", ("large",), None, "Be brief.", params)
    assert bare == Prompt("bare", ("small",))
    with pytest.raises(TypeError):
        terse.params["temperature"] = 1  # type: ignore[index]  # the point of the test


def test_invariants() -> None:
    (kept,) = good(
        "invariants: [{ name: it stays, when: { tags: private }, never: [acme/*] }]"
    ).invariants
    assert text_of(kept) == "'private' in tags"
    assert replace(kept, when=None) == Invariant("it stays", None, ("small", "large"))
    assert str(kept.span) == "p.yaml:10:22"


def test_a_test_of_facts() -> None:
    (kept,) = good(
        "experiments: { try: { share: 5%, first: [large] } }\n"
        "rules: [{ name: r, avoid: [large] }]\n"
        "tests:\n"
        "- name: t\n"
        "  request: { task: code, tags: [a], tokens: 900, prompt: def f, needs: [json] }\n"
        "  given: { spent: { team: $1.50 }, used: { quota: 5k tokens/hour }, arm: try }\n"
        "  expect: { first: small, then: [], never: [far], task: code, complexity: easy,\n"
        "            rule: r, cost: $0.01, denied: false }\n"
        "complexity: { bands: { easy: { from: 0 } } }\n"
    ).tests
    assert kept == PolicyTest(
        "t",
        {"task": "code", "tags": ("a",), "tokens": 900, "prompt": "def f", "needs": ("json",)},
        Expectation("small", (), ("large",), "code", "easy", "r", 10_000_000, denied=False),
        GivenState({"team": 1_500_000_000}, {"quota": Rate(5000, "tokens", "hour")}, "try"),
    )
    assert str(kept.span) == "p.yaml:13:9"


def test_tests_of_a_prompt() -> None:
    bare, mapped = good(
        "tests:\n- { name: t, request: Hi there, expect: {} }\n"
        "- { name: u, request: { prompt: Hi there }, expect: {} }"
    ).tests
    assert bare == PolicyTest("t", "Hi there", Expectation(), GivenState())
    assert mapped == PolicyTest("u", {"prompt": "Hi there"}, Expectation(), GivenState())


@pytest.mark.parametrize(
    ("text", "metric", "amount"),
    [
        ("50/day", "requests", 50),
        ("1k/day", "requests", 1000),
        ("2M tokens/day", "tokens", 2 * 10**6),
    ],
)
def test_used_quota(text: str, metric: str, amount: int) -> None:
    test = (
        f"tests: [{{ name: t, request: x, given: {{ used: {{ quota: {text} }} }}, expect: {{}} }}]"
    )
    (kept,) = good(test).tests
    assert kept.given.used == {"quota": Rate(amount, metric, "day")}


SECTIONS = [
    ("experiments: { e: { share: 5%, first: [small] } }", "5%", "6%"),
    ("learning: { mode: shadow }", "shadow", "suggest"),
    ("prompts: { p: { models: [small], system: A } }", "system: A", "system: B"),
    ("invariants: [{ name: i, never: [small] }]", "[small]", "[large]"),
    ("tests: [{ name: t, request: x, expect: { first: small } }]", "first: small", "first: large"),
]


@pytest.mark.parametrize(("text", "old", "new"), SECTIONS)
def test_the_revision_covers_them(text: str, old: str, new: str) -> None:
    revisions = {good(t).revision for t in ("", text, text.replace(old, new))}
    assert len(revisions) == 3
