"""What a request gets that asks for an alias: only its models, in its order, of what is allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.domain.decision import Reason
from policy_router.domain.request import Request
from policy_router.intake import classify
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from tests.generate import situations

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.snapshot import Snapshot

FOUR = """\
version: 1
tiers: [light, standard, heavy]
models:
  small: { model: acme/small, tier: light, price: free, context: 32k, tags: [local] }
  middle: { model: acme/middle, tier: standard, price: { input: $1/M, output: $2/M } }
  other: { model: acme/other, tier: standard, price: { input: $0.5/M, output: $1/M } }
  large: { model: acme/large, tier: heavy, price: { input: $3/M, output: $9/M } }
budgets: { all: { cap: unlimited } }
"""


def policy(more: str) -> Policy:
    loaded = compile_files([PolicyFile("p.yaml", (FOUR + more).encode())])
    assert loaded.policy is not None, loaded.diagnostics
    return loaded.policy


def order(more: str, asked: str | None, tags: frozenset[str] = frozenset()) -> list[str]:
    found = decide(policy(more), Request(model=asked, tags=tags))
    assert found.denied is None
    return [c.name for c in found.candidates]


KNOWN = "`small`, `middle`, `other`, `large`, `fast`, `gpt-*`"
USUAL = ["small", "other", "middle", "large"]
ORDERS: list[tuple[str, str | None, list[str]]] = [
    ("{ gpt: [large, small] }", "gpt", ["large", "small"]),
    ("{ gpt: [large, small] }", None, USUAL),
    ("{ gpt: [large, small] }", "auto", USUAL),
    ("{ auto: [middle, small] }", "auto", ["middle", "small"]),
    ("{ auto: ['*'] }", "auto", USUAL),
    ("{ claude-auto: ['*'] }", "claude-auto", USUAL),
    ("{ gpt: [standard, small] }", "gpt", ["other", "middle", "small"]),
    ("{ gpt: [paid, '*'] }", "gpt", ["other", "middle", "large", "small"]),
    ("{ 'gpt-4o*': [large, local] }", "gpt-4o-mini-2024", ["large", "small"]),
    ("{ 'gpt-4o*': [large, local] }", "gpt-4o", ["large", "small"]),
    ("{ 'gpt-?': [large], 'gpt-*': [small] }", "gpt-5", ["large"]),
    ("{ 'gpt-?': [large], 'gpt-*': [small] }", "gpt-51", ["small"]),
    ("{ 'gpt*': [small], gpt-5: [large] }", "gpt-5", ["large"]),
    ("{ 's*': [large], '*': [middle] }", "small", ["small"]),
    ("{ 's*': [large], '*': [middle] }", "sonnet", ["large"]),
    ("{ '*': [middle] }", "auto", USUAL),
    ("{ '*': [middle] }", "anything", ["middle"]),
    ("{ openai/gpt-4o@eu: [middle] }", "openai/gpt-4o@eu", ["middle"]),
]


@pytest.mark.parametrize(("aliases", "asked", "expected"), ORDERS)
def test_what_a_name_stands_for(aliases: str, asked: str | None, expected: list[str]) -> None:
    assert order(f"aliases: {aliases}\n", asked) == expected


def test_the_order_across_selectors_is_exact_and_floors_apply_within_one() -> None:
    """A weaker model keeps its place between selectors, and comes last within one."""
    floor = "rules: [{ name: r, min_tier: heavy, first: [middle] }]\n"
    assert order(f"aliases: {{ a: [small, large] }}\n{floor}", "a") == ["small", "large"]
    assert order(f"aliases: {{ a: ['*'] }}\n{floor}", "a") == ["large", "other", "middle", "small"]
    strict = floor + "fallback: { step_down: false }\n"
    assert order(f"aliases: {{ a: [small, large] }}\n{strict}", "a") == ["large"]


def test_what_a_rule_puts_first_comes_first_within_its_selector() -> None:
    first = "rules: [{ name: r, first: [middle] }]\n"
    assert order(f"aliases: {{ a: [small, standard] }}\n{first}", "a") == [
        "small",
        "middle",
        "other",
    ]


def test_an_alias_only_narrows_and_reorders() -> None:
    more = (
        "aliases: { a: [large, small] }\nrules: [{ name: r, when: { tags: x }, only: [local] }]\n"
    )
    assert order(more, "a", tags=frozenset("x")) == ["small"]
    denied = decide(
        policy("aliases: { a: [large] }\nrules: [{ name: r, when: { model: a }, deny: no }]\n"),
        Request(model="a"),
    )
    assert denied.denied == "no"


def test_conditions_read_the_name_that_was_asked_for() -> None:
    more = (
        "aliases: { 'gpt-*': [large, small] }\n"
        "rules:\n"
        "  - { name: mini, when: \"model.startswith('gpt-4o')\", avoid: [large] }\n"
        "  - { name: auto, when: { model: auto }, avoid: [small] }\n"
    )
    assert order(more, "gpt-4o-mini") == ["small"]
    assert order(more, "gpt-5") == ["large", "small"]
    assert order(more, "auto") == ["other", "middle", "large"]
    request = classify(policy(more), [{"role": "user", "content": "hi"}], model="auto")
    assert request.model == "auto"


def test_candidates_and_reasons_name_the_alias_and_its_place() -> None:
    found = decide(policy("aliases: { 'gpt-4o*': [large, standard] }\n"), Request(model="gpt-4o"))
    assert [(c.name, c.placed_by, c.detail) for c in found.candidates] == [
        ("large", "alias", "number 1 of alias `gpt-4o*`"),
        ("other", "alias", "number 2 of alias `gpt-4o*`"),
        ("middle", "cheapest", "next cheapest"),
    ]
    (skip,) = found.skipped
    assert (skip.model, skip.reason) == ("small", Reason.MODEL)
    assert skip.detail == "not among the models of alias `gpt-4o*`"
    assert str(skip.span) == "p.yaml:9:12"


def test_an_unknown_name_is_an_invalid_request() -> None:
    made = policy("aliases: { fast: [small], 'gpt-*': [large] }\n")
    for asked, hint in (
        ("fats", "unknown model `fats`; did you mean `fast`?"),
        ("larg", "unknown model `larg`; did you mean `large`?"),
        ("zzz", f"unknown model `zzz`: the known ones are {KNOWN}"),
    ):
        found = decide(made, Request(model=asked))
        assert (found.invalid, found.denied) == (True, hint)


def test_a_policy_lists_its_aliases() -> None:
    made = policy("aliases: { fast: [light, standard], 'gpt-*': [large] }\n")
    fast, gpt = made.aliases
    assert (fast.name, fast.groups) == ("fast", (("small",), ("middle", "other")))
    assert (gpt.name, gpt.is_pattern, str(gpt.span)) == ("gpt-*", True, "p.yaml:9:37")
    assert made.alias("gpt-5") is gpt
    assert made.alias("small") is None
    assert made.revision != policy("aliases: { fast: [light] }\n").revision


def test_eighteen_named_models_with_a_stand_in_take_a_line_each() -> None:
    """A client that names a model keeps a fallback, without a rule for each name."""
    names = [f"vendor-{n}/model-{n}" for n in range(18)]
    lines = "".join(f"  {name}: [middle, large]\n" for name in names)
    section = f"aliases:\n{lines}"
    assert len(section.splitlines()) == 19
    made = policy(section)
    for name in names:
        found = decide(made, Request(model=name))
        assert [c.name for c in found.candidates] == ["middle", "large"]


@settings(max_examples=200, deadline=None)
@given(situations(), st.data())
def test_an_alias_never_adds_a_candidate(
    situation: tuple[Policy, Request, Snapshot], data: st.DataObject
) -> None:
    policy, request, snapshot = situation
    asked = data.draw(st.sampled_from([*(a.name for a in policy.aliases), "auto"]))
    plain = replace(request, model=None, max_candidates=None)
    # Conditions may read the name, so it is compared under a policy without rules.
    free = replace(policy, rules=())
    everyone = {c.name for c in decide(free, plain, snapshot).candidates}
    found = decide(free, replace(plain, model=asked), snapshot)
    assert {c.name for c in found.candidates} <= everyone
    assert {c.name for c in found.candidates} | {s.model for s in found.skipped} == {
        m.name for m in policy.models
    }
