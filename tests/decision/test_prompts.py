"""Prompts: which variant each candidate gets, and what its text does to the decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.prompts import with_prompt
from policy_router.domain.condition import Op
from policy_router.domain.condition import Test as Comparison
from policy_router.domain.criteria import Criteria
from policy_router.domain.effort import Effort
from policy_router.domain.experiments import Arm, Assignment, Experiment
from policy_router.domain.facts import Vocabulary
from policy_router.domain.limits import Limit, Metric, Reading
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.prices import Price
from policy_router.domain.prompts import Placement, Prompt
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule
from policy_router.domain.snapshot import Snapshot
from tests import reference
from tests.generate import ATTRIBUTES, BANDS, TASKS, assemble, condition, models, prompts, rules
from tests.static_set import static_set

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition
    from policy_router.domain.json_value import JsonValue

VOCABULARY = Vocabulary(TASKS, [b.name for b in BANDS], ATTRIBUTES)
TOKENS = [f.name for f in VOCABULARY.facts].index("tokens")
LONG = condition(Comparison(TOKENS, Op.GE, (100,)), VOCABULARY)
PAID = Price(10**9, 10**9)
SOME = Model("a", "acme/a", "light", 0, PAID)
OTHER = Model("b", "acme/b", "light", 0, PAID)
CALM = Snapshot()
TEXT = "Answer with one JSON object and nothing else."


def policy(*made: Prompt, models: tuple[Model, ...] = (SOME, OTHER), **more: object) -> Policy:
    return assemble(models, (), VOCABULARY, prompts=made, **more)  # type: ignore[arg-type]  # as given


def heard(found: Policy, request: Request, snapshot: Snapshot = CALM) -> dict[str, str | None]:
    return {c.name: c.prompt for c in decide(found, request, snapshot).candidates}


# -- laws ------------------------------------------------------------------------------------------


@st.composite
def open_situations(draw: st.DrawFn) -> tuple[Policy, Request, Snapshot]:
    """Policies that allow most models, with prompts, and requests that most models can answer."""
    count = draw(st.integers(1, 4))
    pool = tuple(replace(m, abilities=frozenset()) for m in draw(models(count)))
    few = draw(rules(draw(st.integers(0, 2)), count, VOCABULARY))
    found = assemble(
        pool,
        tuple(replace(rule, deny=None, only=None, needs=frozenset()) for rule in few),
        VOCABULARY,
        prompts=draw(prompts(count, VOCABULARY)),
        prefer=draw(st.sampled_from(((), (SortKey.CHEAPEST,), (SortKey.SMALLEST,)))),
        meters=draw(st.sampled_from((None, capped(count)))),
    )
    request = Request(
        tokens=draw(st.sampled_from((0, 1, 40, 60, 90, 100, 4990))),
        max_tokens=draw(st.sampled_from((None, 5, 60))),
        answers=draw(st.sampled_from((1, 1, 1, 2, 0))),
        user=draw(st.sampled_from((None, "ada", "bob"))),
        tags=draw(st.sets(st.sampled_from(("private", "vip")))),
        attributes=draw(st.sampled_from(({}, {"plan": "pro"}, {"internal": True}))),
        max_cost=draw(st.sampled_from((None, None, 0.0001))),
    )
    used = {each.key(): Reading(draw(st.sampled_from((0, 10**6)))) for each in found.limits}
    chosen = draw(st.lists(st.sampled_from(("p0", "p1", "p2", "gone")), max_size=2))
    return trying(found), request, Snapshot(used=used, arms=drawn(*chosen))


def trying(found: Policy, when: Condition | None = None) -> Policy:
    """The policy with an experiment that has an arm for each prompt."""
    arms = tuple(Arm(prompt.name, 0.1, prompt=prompt.name) for prompt in found.prompts)
    return replace(found, experiments=(Experiment("try", when, arms),))


def drawn(*prompts: str) -> tuple[Assignment, ...]:
    """The arms that choose these prompts."""
    return tuple(Assignment("try", name, 0.1) for name in prompts)


def capped(models: int) -> tuple[Limit, ...]:
    everyone = (1 << models) - 1
    return (
        Limit("budgets", "money", Metric.USD, Period.MONTH, 4 * 10**6, everyone),
        Limit("budgets", "words", Metric.TOKENS, Period.MONTH, 10**6 + 4_400, everyone),
    )


@settings(max_examples=250, deadline=None)
@given(open_situations())
def test_agrees_with_the_plain_reference(situation: tuple[Policy, Request, Snapshot]) -> None:
    found, request, snapshot = situation
    decision = decide(found, request, snapshot)
    expected = reference.decide(found, request, snapshot)
    assert tuple(c.name for c in decision.candidates) == expected.candidates
    assert tuple(c.prompt for c in decision.candidates) == expected.prompts
    assert {s.model: s.reason.value for s in decision.skipped} == expected.out
    assert set(expected.candidates) <= static_set(found, request)


@settings(max_examples=150, deadline=None)
@given(open_situations())
def test_prompts_never_change_which_models_are_allowed_except_by_context_and_cost(
    situation: tuple[Policy, Request, Snapshot],
) -> None:
    found, request, snapshot = situation
    plain = decide(replace(found, prompts=()), request, snapshot)
    decision = decide(found, request, snapshot)
    before = {s.model: s.reason for s in plain.skipped}
    for skip in decision.skipped:
        if skip.model not in before:
            assert skip.reason in {"context", "cost", "budget"}
    of_prompts = {"context", "cost", "budget"}
    after = {c.name for c in decision.candidates}
    caps = any(prompt.force and prompt.max_tokens for prompt in found.prompts)
    defaults = any(prompt.max_tokens for prompt in found.prompts)
    for name, reason in before.items():
        # Only a smaller cap on the answer, which the policy sets, makes room for a model.
        assert name not in after or ((caps or defaults) and reason in of_prompts)


@settings(max_examples=150, deadline=None)
@given(open_situations())
def test_an_experiment_never_allows_what_the_policy_does_not(
    situation: tuple[Policy, Request, Snapshot],
) -> None:
    found, request, snapshot = situation
    free = replace(request, max_cost=None)
    usual = {c.name for c in decide(found, free, CALM).candidates}
    chosen = {c.name for c in decide(found, free, replace(CALM, arms=snapshot.arms)).candidates}
    assert chosen <= usual


# -- which one -------------------------------------------------------------------------------------


def test_the_first_prompt_that_fits_the_model_and_the_request_is_used() -> None:
    found = policy(
        Prompt("long", ("a",), LONG, TEXT),
        Prompt("always", ("a", "b"), None, TEXT),
        Prompt("never", ("a", "b"), None, TEXT),
    )
    assert heard(found, Request(tokens=100)) == {"a": "long", "b": "always"}
    assert heard(found, Request(tokens=99)) == {"a": "always", "b": "always"}


def test_a_model_that_no_prompt_is_for_hears_none() -> None:
    assert heard(policy(Prompt("p", ("a",), LONG, TEXT)), Request()) == {"a": None, "b": None}
    assert heard(policy(), Request()) == {"a": None, "b": None}


def test_embeddings_hear_no_prompt() -> None:
    assert heard(policy(Prompt("p", ("a",), None, TEXT)), Request(answers=0)) == {
        "a": None,
        "b": None,
    }


def test_an_experiment_puts_a_prompt_before_the_others_for_the_models_that_it_fits() -> None:
    made = policy(
        Prompt("one", ("a", "b"), None, TEXT),
        Prompt("two", ("a",), None, "Be brief."),
        Prompt("three", ("b",), LONG, TEXT),
    )
    found = trying(made)
    for chosen, expected in (
        (("two",), {"a": "two", "b": "one"}),
        (("three",), {"a": "one", "b": "one"}),  # its condition does not hold
        (("gone", "two"), {"a": "two", "b": "one"}),
        (("one", "two"), {"a": "one", "b": "one"}),
        (("two", "two"), {"a": "two", "b": "one"}),  # of two experiments
    ):
        assert heard(found, Request(tokens=1), Snapshot(arms=drawn(*chosen))) == expected
    two = Snapshot(arms=(*drawn("two"), Assignment("other", "two", 1.0)))
    assert heard(trying(made, LONG), Request(tokens=1), two) == {"a": "one", "b": "one"}
    assert heard(trying(made, LONG), Request(tokens=100), two) == {"a": "two", "b": "one"}


def test_conditions_with_patterns_and_clocks_are_read() -> None:
    user = [f.name for f in VOCABULARY.facts].index("user")
    hour = [f.name for f in VOCABULARY.facts].index("hour")
    bots = condition(Comparison(user, Op.MATCHES, ("^bot-[0-9]+$",)), VOCABULARY)
    night = condition(Comparison(hour, Op.GE, (22,)), VOCABULARY)
    found = policy(Prompt("bots", ("a",), bots, TEXT), Prompt("night", ("a",), night, TEXT))
    assert heard(found, Request(user="bot-12"))["a"] == "bots"
    assert heard(found, Request(user="ada"))["a"] is None
    evening = Snapshot(now=1_700_000_000.0)  # 23:13 in Berlin
    assert heard(found, Request(user="ada"), evening)["a"] == "night"


# -- what its text costs ---------------------------------------------------------------------------


def test_the_text_counts_for_the_context() -> None:
    small = replace(SOME, context=100)
    prompt = Prompt("p", ("a",), None, TEXT)
    found = policy(prompt, models=(small, OTHER))
    fits = 100 - prompt.tokens
    assert "a" in heard(found, Request(tokens=fits))
    (skip,) = decide(found, Request(tokens=fits + 1)).skipped
    assert (skip.model, skip.reason) == ("a", "context")
    assert skip.detail == (
        f"context of 100 tokens is too small with {prompt.tokens} taken by prompt `p`"
    )


def test_the_words_name_a_cap_that_the_prompt_forces() -> None:
    small = replace(SOME, context=100)
    prompt = Prompt("p", ("a",), None, "Be brief.", max_tokens=90, force=True)
    (skip,) = decide(policy(prompt, models=(small, OTHER)), Request(tokens=9)).skipped
    assert skip.detail == (
        f"context of 100 tokens is too small with {prompt.tokens} taken by prompt `p` and 90 kept "
        "free for the answer by the `params` of its prompt"
    )


def test_the_text_counts_for_the_cost() -> None:
    prompt = Prompt("p", ("a",), None, TEXT)
    found = policy(prompt)
    request = Request(tokens=100, max_tokens=10)
    first, second = decide(found, request).candidates
    assert (first.name, second.name) == ("b", "a")  # cheaper without the text
    more = second.model.estimate(request)
    less = first.model.estimate(request)
    assert more is not None
    assert less is not None
    assert more - less == prompt.tokens * 1000
    limit = replace(request, max_cost=(more - 1) / 10**9)
    (skip,) = decide(found, limit).skipped
    assert (skip.model, skip.reason) == ("a", "cost")


def test_a_rule_with_a_maximum_cost_counts_the_text_of_either_prompt() -> None:
    long, short = Prompt("long", ("a",), None, TEXT), Prompt("short", ("a",), None, "Hi.")
    request = Request(tokens=100, max_tokens=10)
    most = with_prompt(SOME, short).estimate(request)
    assert most is not None
    rule = Rule("r", None, criteria=Criteria(max_cost=most))
    found = trying(assemble((SOME, OTHER), (rule,), VOCABULARY, prompts=(long, short)))
    arm = Snapshot(arms=drawn("short"))
    (skip,) = decide(found, request, arm).skipped
    assert (skip.model, skip.reason) == ("a", "cost")
    alone = assemble((SOME, OTHER), (rule,), VOCABULARY, prompts=(short, long))
    assert heard(alone, request) == {"a": "short", "b": None}


def test_what_an_experiment_shortens_must_fit_without_it() -> None:
    long, short = Prompt("long", ("a",), None, TEXT), Prompt("short", ("a",), None, "Hi.")
    found = trying(policy(long, short, models=(replace(SOME, context=20), OTHER)))
    request = Request(tokens=10)
    (skip,) = decide(found, request, Snapshot(arms=drawn("short"))).skipped
    assert (skip.model, skip.reason) == ("a", "context")


@pytest.mark.parametrize("place", list(Placement))
def test_a_text_in_place_of_the_callers_is_counted_in_addition(place: Placement) -> None:
    model = with_prompt(SOME, Prompt("p", ("a",), None, TEXT, place))
    request = Request(tokens=100)
    assert model.most_input(request) == 100 + (model.prompt or Prompt("", ())).most_tokens
    assert model.most_input(request) >= 100 + len(TEXT.encode())


def test_what_an_attempt_reserves_has_room_for_the_text() -> None:
    prompt = Prompt("p", ("a",), None, TEXT)
    meters = (Limit("budgets", "words", Metric.TOKENS, Period.MONTH, 10**6, 0b11),)
    found = policy(prompt, meters=(*meters, *assemble((SOME,), (), VOCABULARY).limits))
    request = Request(tokens=100, max_tokens=10)
    called = {c.name: c.model for c in decide(found, request).candidates}["a"]
    facts = decide(found, request).situation.facts
    index, zone = found.limit_index, found.timezone
    plain, charge = (
        index.charges(facts, request, 0, now=0.0, zone=zone, called=each)[0].amount
        for each in (None, called)
    )
    assert charge - plain == prompt.most_tokens
    capped = replace(called, max_output=10**6, context=1000, prompt=prompt)
    assert capped.full_output(Request(tokens=100)) == 1000 - 100 - prompt.tokens or (
        capped.full_output(Request(tokens=100)) == capped.output_cap(None)
    )


# -- parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("force", "params", "defaults", "fixed", "default"),
    [
        (False, {"seed": 1}, {"seed": 2, "top_p": 0.5}, 9, 7),
        (True, {"seed": 2}, {"seed": 3, "top_p": 0.5}, 7, 8),
    ],
)
def test_where_the_parameters_of_a_prompt_rank(
    force: bool,
    params: dict[str, JsonValue],
    defaults: dict[str, JsonValue],
    fixed: int,
    default: int,
) -> None:
    model = replace(
        SOME,
        params={"seed": 1},
        defaults={"seed": 3, "top_p": 0.5},
        fixed_output=9,
        default_output=8,
    )
    found = with_prompt(
        model, Prompt("p", ("a",), None, params={"seed": 2}, max_tokens=7, force=force)
    )
    assert (found.params, found.defaults) == (params, defaults)
    assert (found.fixed_output, found.default_output) == (fixed, default)


def test_an_effort_is_a_default_unless_it_is_forced() -> None:
    effort: dict[str, JsonValue] = {"reasoning_effort": "low"}
    given = with_prompt(replace(SOME, effort=Effort.HIGH), Prompt("p", ("a",), params=effort))
    assert (given.effort, given.defaults) == (Effort.HIGH, effort)
    forced = with_prompt(SOME, Prompt("p", ("a",), params={**effort, "seed": 1}, force=True))
    assert (forced.effort, forced.params) == (Effort.LOW, {"seed": 1})
    plain = with_prompt(replace(SOME, effort=Effort.HIGH), Prompt("p", ("a",), force=True))
    assert (plain.effort, plain.fixed_output) == (Effort.HIGH, None)


def test_prompts_of_many_cases_are_kept_in_bounds() -> None:
    prompts = tuple(
        Prompt(
            f"p{i}", ("a",), condition(Comparison(TOKENS, Op.IN, (i,)), VOCABULARY), "x" * (i + 1)
        )
        for i in range(300)
    )
    found = policy(*prompts)
    for i in range(300):
        assert heard(found, Request(tokens=i))["a"] == f"p{i}"
    assert heard(found, Request(tokens=0))["a"] == "p0"
