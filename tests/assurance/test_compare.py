"""Two policies compared for all requests at once, against brute force over the cells."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_router.assurance.compare import compare
from policy_router.assurance.cost_changes import is_rise
from policy_router.assurance.policy_pair import Pair
from policy_router.assurance.region import Replay, replay
from policy_router.assurance.samples import Value, samples
from policy_router.assurance.witness import Witness
from policy_router.decision.abilities import ABILITIES
from policy_router.domain.condition import All, Not, Tree
from policy_router.domain.condition import Any as Either
from policy_router.domain.facts import Fact
from policy_router.domain.fallback import Fallback
from policy_router.domain.learning import Learning
from policy_router.domain.request import Request
from policy_router.domain.sessions import Sessions
from policy_router.loading import load
from tests.generate import ATTRIBUTES, USERS, asked_of, condition, policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.decision.policy import Policy

DECLARED = {fact.name for fact in ATTRIBUTES}
POINTS = 250
"""Requests that are decided by brute force for one pair of policies."""


def plain(policy: Policy) -> Policy:
    """A policy without what only matters for a time."""
    return replace(policy, experiments=(), sessions=Sessions(), learning=Learning())


def rewritten(tree: Tree, chance: random.Random) -> Tree:
    """A condition of the same meaning, in other words."""
    match tree:
        case Not(Either(parts)):
            return All(tuple(Not(rewritten(part, chance)) for part in parts))
        case Not(All(parts)):
            return Either(tuple(Not(rewritten(part, chance)) for part in parts))
        case Not(part):
            return Not(rewritten(part, chance))
        case All(parts):
            mixed = [rewritten(part, chance) for part in parts]
            chance.shuffle(mixed)
            return All(tuple(mixed))
        case Either(parts):
            mixed = [rewritten(part, chance) for part in parts]
            chance.shuffle(mixed)
            return (
                Either(tuple(mixed))
                if chance.random() < 0.5
                else Not(All(tuple(Not(part) for part in mixed)))
            )
    return tree if chance.random() < 0.5 else Not(Not(tree))


def refactored(policy: Policy, chance: random.Random) -> Policy:
    """A policy of the same meaning, in other words: other names, conditions, and more rules."""
    rules = []
    for rule in policy.rules:
        if rule.when is None:
            rules.append(replace(rule, name=f"also {rule.name}"))
            continue
        tree = rewritten(rule.when.tree, chance)
        parts: list[Tree] = [tree]
        if isinstance(tree, Either) and rule.prefer is None:
            parts = list(tree.parts)
        for n, part in enumerate(parts):
            when = condition(part, policy.vocabulary)
            rules.append(replace(rule, name=f"also {rule.name} {n}", when=when))
    only = [r for r in rules if not (r.first or r.prefer is not None)]
    rest = [r for r in rules if r.first or r.prefer is not None]
    chance.shuffle(only)
    return replace(policy, rules=(*rest, *only), revision="1")


def edited(policy: Policy, other: Policy, chance: random.Random) -> Policy:
    """A policy with one or two of its parts changed."""
    made = policy
    for _ in range(chance.randint(1, 2)):
        rules = list(made.rules)
        kind = chance.randrange(10)
        if kind == 0 and rules:
            del rules[chance.randrange(len(rules))]
        elif kind == 1 and other.rules:
            names = {m.name for m in policy.models}
            rule = chance.choice(other.rules)
            if {*(rule.only or ()), *rule.avoid, *rule.first} <= names:
                rules.insert(chance.randint(0, len(rules)), replace(rule, name="another"))
        elif kind == 2 and rules:
            i = chance.randrange(len(rules))
            rules[i] = replace(rules[i], when=None)
        elif kind == 3:
            chance.shuffle(rules)
        elif kind == 4:
            made = replace(made, prefer=other.prefer)
        elif kind == 5:
            made = replace(made, fallback=Fallback(step_down=not made.fallback.step_down))
        elif kind == 6:
            made = replace(made, aliases=tuple(chance.sample(made.aliases, len(made.aliases))))
        elif kind == 7:
            made = replace(made, prompts=made.prompts[1:])
        elif kind == 8:
            models = list(made.models)
            i, other_model = chance.randrange(len(models)), chance.choice(other.models)
            able, price, free = other_model.abilities, other_model.price, other_model.free
            models[i] = replace(models[i], abilities=able, price=price, free=free)
            made = replace(made, models=tuple(models))
        else:
            models = list(made.models)
            i = chance.randrange(len(models))
            models[i] = replace(models[i], context=60, quality=0.9, abilities=frozenset({"tools"}))
            made = replace(made, models=tuple(models))
        made = replace(made, rules=tuple(rules), revision="1")
    return made


NEEDS = {"has_tools": "tools", "has_images": "vision", "wants_json": "json"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = 1_700_434_800.0
"""Midnight in Berlin."""
Axis = tuple[Fact, str | None, Value]


def points(old: Policy, new: Policy, chance: random.Random) -> list[Witness]:
    """Requests of all cells, or of a part of them where they are too many."""
    space = Pair(old, new).space
    searched = {d.fact for d in space.dimensions if d.is_pattern}
    compared = [d for d in space.dimensions if not d.is_pattern]
    values = {(d.fact, d.detail): list(samples(space, d).values()) for d in compared}
    for index in searched:  # texts on both sides of each pattern
        values[index, None] = [*values.get((index, None), [None]), *USERS]
    axes: list[list[Axis]] = [
        [(space.vocabulary.facts[index], detail, value) for value in of_axis]
        for (index, detail), of_axis in values.items()
    ]
    if prod(len(axis) for axis in axes) <= POINTS:
        found = [witness(combination) for combination in product(*axes)]
    else:
        found = [witness([chance.choice(axis) for axis in axes]) for _ in range(POINTS)]
    names = asked_of(old)
    return [*found, *(varied(each, names, chance) for each in found)]


def varied(made: Witness, names: Sequence[str], chance: random.Random) -> Witness:
    """The request with what no condition may read: a need, a name, another size."""
    request = made.request
    ability = chance.choice(ABILITIES)
    kind = chance.randrange(3)
    if kind == 0:
        needs = frozenset({ability, *request.needs})
        request = replace(request, needs=needs, answers=int(ability != "embeddings"))
    elif kind == 1:
        request = replace(request, model=chance.choice(names))
    else:
        request = replace(request, max_tokens=chance.choice((1, 3, 60, 2000)))
    now = chance.choice((made.now, MONDAY + 3_600 * chance.randrange(24 * 7)))
    return Witness(request, now)


def witness(combination: Sequence[Axis]) -> Witness:
    """The request of one value for each dimension."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    members: dict[str, Any] = {"needs": set(), "tags": set(), "detected": set()}
    for fact, detail, value in combination:
        if detail is not None:
            members[fact.name] |= {detail} if value else set()
        elif fact.name in NEEDS:
            members["needs"] |= {NEEDS[fact.name]} if value else set()
        elif value is not None:
            own = attributes if fact.name in DECLARED else fields
            own[fact.name] = value
    hour, weekday = fields.pop("hour", None), fields.pop("weekday", None)
    now = None
    if hour is not None or weekday is not None:
        day = 0 if weekday is None else DAYS.index(weekday)
        now = MONDAY + 86_400 * day + 3_600 * (12 if hour is None else hour)
    if "score" in fields:
        fields["complexity"] = float(fields.pop("score"))
    return Witness(Request(**fields, **members, attributes=attributes), now)


def differs(made: Replay | None) -> bool:
    return made is not None and bool(made.gained or made.lost or made.reordered)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(policies(4), policies(4), st.integers(0, 10**9), st.booleans())
def test_compared_as_brute_force_does(one: Policy, other: Policy, seed: int, same: bool) -> None:
    old, chance = plain(one), random.Random(seed)  # noqa: S311  a test, not a secret
    new = refactored(old, chance) if same else edited(old, plain(other), chance)
    compared = compare(old, new)
    for region in compared.regions:
        again = replay(old, new, region.shown.witness)
        assert again == region.shown
        assert differs(again)
    shown = [w for w in points(old, new, chance) if differs(replay(old, new, w))]
    if shown:
        assert not compared.equal, (shown[0], replay(old, new, shown[0]))
    if same:
        assert not compared.regions, compared.regions


OLD = """
version: 1
tags: [private, batch, legal]
tiers: [light, heavy]
tasks: { code: { min_tier: heavy }, chat: {} }
attributes: { plan: { values: [free, pro] } }
complexity: { bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } } }
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: ollama_chat/b, tier: heavy, price: free, context: 32k, tags: [local] }
  cloud: { model: openai/x, tier: heavy, price: { input: $1/M, output: $4/M }, context: 100k }
aliases: { quick: [small, cloud] }
budgets: { all: { cap: $50/month } }
prefer: [free, smallest]
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: long ones, when: tokens > 20_000, avoid: [small] }
  - { name: batches, when: { tags: batch }, first: [big] }
  - { name: no law, when: "'legal' in tags and plan == 'free'", deny: a paid plan }
"""

EDITS: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "a rule allows more": (
        "only: [local] }",
        "only: [local, cloud] }",
        [("rule `private stays`", "tag `private`", "+cloud")],
    ),
    "a threshold moves": (
        "tokens > 20_000",
        "tokens > 6_000",
        [("rule `long ones`", "tokens above 6,000 up to 20,000", "-small")],
    ),
    "another order": (
        "first: [big]",
        "first: [cloud]",
        [("rule `batches`", "tag `batch`", "order")],
    ),
    "the policy's own order": (
        "prefer: [free, smallest]",
        "prefer: [smallest, free]",
        [],
    ),
    "fewer are denied": (
        "'legal' in tags and plan == 'free'",
        "'legal' in tags and plan == 'free' and not stream",
        [("rule `no law`", "tag `legal` and `stream` and plan 'free'", "+big,cloud,small")],
    ),
    "the same in other words": (
        "'legal' in tags and plan == 'free'",
        "plan == 'free' and not ('legal' not in tags)",
        [],
    ),
    "another cap of a budget": ("$50/month", "$5/month", []),
    "an alias": (
        "quick: [small, cloud]",
        "quick: [small]",
        [("alias `quick`", "requests for `quick`", "-cloud")],
    ),
    "a larger context": (
        "context: 8k",
        "context: 16k",
        [("the context of the model", "tokens above 8,000 up to 16,000", "+small")],
    ),
    "one model less": (
        "  big: { model: ollama_chat/b, tier: heavy, price: free, context: 32k, tags: [local] }\n",
        "",
        [],
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit(name: str) -> None:
    before, after, expected = EDITS[name]
    assert before in OLD
    text = OLD.replace(before, after)
    if name == "one model less":
        text = text.replace("first: [big]", "first: [cloud]")
        compared = compare(load(text=OLD), load(text=text))
        assert {"big"} == {model for r in compared.regions for model in r.shown.lost}
        return
    compared = compare(load(text=OLD), load(text=text))
    assert [(r.cause, r.where, effect_of(r.shown)) for r in compared.regions] == expected
    assert compared.equal is not bool(expected)
    assert compared.doubts == ()
    assert compared.settings


MEANT = """version: 1
tags: [private, legal]
abilities: [law]
tiers: [light, heavy]
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 8k, can: [audio] }
  big: { model: openai/b, tier: heavy, context: 32k, price: { input: $1/M, output: $4/M } }
  cloud: { model: openai/c, tier: heavy, context: 32k, price: { input: $2/M, output: $2/M } }
budgets: { all: { cap: unlimited } }
aliases: { "g*": [small], "gpt-*": [big], auto: ["*"] }
prompts: { brief: { models: [big], when: { tags: legal }, system: Be brief. } }
prefer: [cheapest]
rules:
  - { name: not much, when: { tags: private }, max_cost: $0.01 }
  - { name: at night, when: hour < 6, avoid: [cloud] }
"""
UNSAID = {
    "an ability that no condition reads": (
        ("can: [audio]", "can: [law]"),
        {"+small": "need of `law`", "-small": "need of `audio`"},
    ),
    "the size of a prompt": (
        ("system: Be brief.", f"system: {'Be brief. ' * 40}"),
        {
            "-big": "tokens from 9,855 below 9,989 and tag `legal` and tag `private`",
            "order": "tag `legal`",
        },
    ),
    "the requests that a prompt is for": (
        ("when: { tags: legal }", "when: stream"),
        {
            "+big": (
                "tokens from 9,989 below 9,997 and tag `legal` and tag `private` and not `stream`"
            ),
        },
    ),
    "a bound on the cost": (
        ("max_cost: $0.01", "max_cost: $0.02"),
        {"+big": "tokens from 9,997 below 19,989 and tag `private`"},
    ),
    "which pattern comes first": (
        ('"g*": [small], "gpt-*": [big]', '"gpt-*": [big], "g*": [small]'),
        {"+big -small": "requests for `gpt-`"},
    ),
    "a pattern that takes names of another": (
        ('aliases: { "g*"', 'aliases: { "*t": [cloud], "g*"'),
        {"+cloud -small": "requests for `gt`"},
    ),
    "the time zone of the clock": (
        ("version: 1", "version: 1\ntimezone: Asia/Tokyo"),
        {"+cloud": "some hours, read in another time zone"},
    ),
    "a rate that moves the line of equal cost": (
        ("output: $2/M", "output: $2.001/M"),
        {"order": "every request"},
    ),
}


@pytest.mark.parametrize("name", UNSAID)
def test_a_change_of_what_no_condition_says(name: str) -> None:
    (before, after), expected = UNSAID[name]
    assert before in MEANT
    compared = compare(load(text=MEANT), load(text=MEANT.replace(before, after)))
    shown = {effect_of(region.shown): region.where for region in compared.regions}
    assert {effect: shown.get(effect) for effect in expected} == expected
    assert not compared.equal


def test_prices_by_the_hour_are_compared_at_every_hour() -> None:
    night = "at: [{ hours: 01:30-04:00, zone: Asia/Kolkata, input: $9/M }] }"
    timed = MEANT.replace("output: $4/M }", f"output: $4/M, {night}")
    reordered = timed.replace(
        "  - { name: not", "  - { name: new, max_price: $20/M }\n  - { name: not"
    )
    assert compare(load(text=timed), load(text=reordered)).equal
    compared = compare(load(text=MEANT), load(text=timed))
    assert [(r.cause, effect_of(r.shown)) for r in compared.regions if r.shown.reordered] == [
        ("the properties of models", "order")
    ]
    assert compared.doubts == ()


@pytest.mark.parametrize(
    ("before", "after", "rises"),
    [
        (
            "output: $4/M",
            "output: $5/M",
            ["`max_cost`", "the properties of models", "the cost of `big`"],
        ),
        ("input: $2/M, output: $2/M", "input: $2/M, output: $1/M", []),
        ("prefer: [cheapest]", "prefer: [fastest]", []),
    ],
)
def test_a_first_model_that_costs_more(before: str, after: str, rises: list[str]) -> None:
    compared = compare(load(text=MEANT), load(text=MEANT.replace(before, after)))
    assert [region.cause for region in compared.rises] == rises
    assert compared.may_cost_more is (bool(rises) or bool(compared.doubts))


def effect_of(shown: Replay) -> str:
    signs = [f"+{','.join(shown.gained)}"] if shown.gained else []
    signs += [f"-{','.join(shown.lost)}"] if shown.lost else []
    return " ".join(signs) or "order"


def test_the_same_policy_is_equal() -> None:
    compared = compare(load(text=OLD), load(text=OLD))
    assert compared.equal
    assert compared.settings == ()


def test_other_facts_defaults_and_bands() -> None:
    """What one policy assumes of a request and the other does not is compared as it is decided."""
    defaults = OLD.replace("values: [free, pro] }", "values: [free, pro], default: free }")
    compared = compare(load(text=OLD), load(text=defaults))
    [region] = compared.regions
    assert (region.cause, region.shown.after) == ("rule `no law`", ())
    assert "no `plan`" in region.where
    bands = OLD.replace("from: 0.5", "from: 0.7") + "fallback: { step_down: false }\n"
    strict = OLD + "fallback: { step_down: false }\n"
    [region] = compare(load(text=strict), load(text=bands)).regions
    assert region.where == "score from 0.5 below 0.7"
    assert region.shown.gained == ("small",)
    task = OLD.replace("chat: {}", "sums: { only: [big] }, chat: {}")
    assert compare(load(text=OLD), load(text=task)).equal  # no request names it under both


def test_a_pattern_leaves_a_doubt_where_no_text_is_found() -> None:
    unlikely = "matches(user, '^[a-c]{9}[^a-z]+\\\\d$')"
    text = OLD + f'  - {{ name: odd, when: "{unlikely}", avoid: [cloud] }}\n'
    compared = compare(load(text=OLD), load(text=text))
    assert not compared.equal
    assert compared.doubts
    assert compare(load(text=text), load(text=text.replace("odd", "strange"))).equal


def test_what_makes_a_change_worse() -> None:
    wider = compare(
        load(text=OLD), load(text=OLD.replace("[local] }\n  - ", "[local, cloud] }\n  - "))
    )
    assert wider.widens
    dearer = compare(load(text=OLD), load(text=OLD.replace("first: [big]", "first: [cloud]")))
    assert (dearer.widens, dearer.costs_more) == (False, True)


def test_the_price_of_a_model_with_a_prompt_whose_condition_nothing_else_reads() -> None:
    of_users = MEANT[: MEANT.index("rules:")].replace("when: { tags: legal }", "when: stream")
    by_size = of_users.replace("prefer: [cheapest]", "prefer: [smallest]")
    dearer = compare(load(text=by_size), load(text=by_size.replace("$4/M", "$9/M")))
    assert dearer.costs_more


NEEDY = """\
version: 1
tiers: [light, heavy]
models:
  own: { model: hosted_vllm/own, tier: light, price: free, context: 32k, latency: 1s, can: [] }
  low: { model: openai/low, tier: light, price: { input: $1/M, output: $1/M }, context: 32k,
         latency: 3s, can: [tools] }
  high: { model: openai/high, tier: heavy, price: { input: $5/M, output: $5/M }, context: 32k,
          latency: 2s, can: [tools] }
  unpriced: { model: openai/unpriced, tier: heavy, context: 32k, latency: 9s, can: [tools] }
prefer: [cheapest]
budgets: { all: { cap: $50/month, then: warn } }
"""


def test_a_rise_that_only_requests_with_needs_meet() -> None:
    compared = compare(load(text=NEEDY), load(text=NEEDY.replace("[cheapest]", "[fastest]")))
    [rise] = [each.shown for each in (*compared.regions, *compared.rises) if is_rise(each.shown)]
    assert (rise.before[0], rise.after[0]) == ("low", "high")
    assert rise.witness.request.needs == {"tools"}


def test_a_first_model_whose_price_becomes_unknown_costs_more() -> None:
    rule = "rules: [{{ name: one, only: [{}] }}]\n"
    old, new = (load(text=NEEDY + rule.format(name)) for name in ("high", "unpriced"))
    assert compare(old, new).costs_more
    assert not compare(old, old).costs_more


def test_what_only_the_moment_shows_leaves_a_doubt() -> None:
    fuller = OLD.replace("prefer: [free, smallest]", "prefer: [free, smallest, headroom]")
    compared = compare(load(text=OLD), load(text=fuller))
    assert (compared.equal, compared.regions) == (False, ())
    assert compared.doubts == ("`prefer` of the policy sorts by what only the moment shows",)


SEEN = """version: 1
tiers: [light, heavy]
tags: [private]
models:
  ours: { model: ollama_chat/a, tier: heavy, price: free, context: 8k, tags: [local] }
  theirs: { model: openrouter/b, tier: light, price: free, context: 8k }
fallback: { step_down: false }
rules:
  - { name: stays here, when: { tags: private }, only: [local] }
  - { name: is hard, when: { tags: private }, min_tier: heavy }
"""
STAYS = "  - { name: stays here, when: { tags: private }, only: [local] }\n"


@pytest.mark.parametrize(
    "sees",
    [
        "complexity: { estimator: { llm: theirs } }\n",
        "tasks: { chat: { accept: { llm: { model: theirs, rubric: fine } } } }\n",
    ],
)
def test_what_judges_and_estimators_see_is_not_claimed_to_be_equal(sees: str) -> None:
    old = load(text=SEEN + sees)
    removed = compare(old, load(text=SEEN.replace(STAYS, "") + sees))
    assert removed.regions == ()
    assert not removed.equal
    assert removed.doubts[0].startswith("whether `theirs` sees more requests than before")
    assert compare(old, load(text=SEEN.replace("is hard", "is harder") + sees)).equal
    assert compare(load(text=SEEN), load(text=SEEN.replace(STAYS, ""))).equal
    assert compare(old, load(text=SEEN)).equal


def test_a_region_with_several_causes_is_told_once() -> None:
    stays = "rules: [{ name: stays, when: { tags: private }, only: [small] }"
    head = MEANT[: MEANT.index("rules:")]
    before = load(
        text=f"{head}{stays}, {{ name: twice, when: {{ tags: private }}, avoid: [big, cloud] }}]\n"
    )
    after = load(text=f"{head}{stays.replace('only', 'avoid')}]\n")
    (region,) = compare(before, after).regions
    assert region.cause == "rule `stays` and rule `twice`"
