"""Bake-offs: what is proposed keeps what it says, and nothing that was not allowed."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.learning.bakeoff import (
    FEWEST,
    bake_off,
    best_model,
    choose_plan,
    compare,
    halves,
)
from policy_router.learning.budget_plans import (
    at_budget,
    budget_plan,
    hull,
    single_points,
)
from policy_router.learning.cascade_checks import with_mean_verdicts
from policy_router.learning.cascades import Cascade, GradedAnswer, GradedPrompt, cascades

COSTS = {"light": 0, "standard": 100, "heavy": 1000}
SKILL = {"light": 0.5, "standard": 0.75, "heavy": 0.9}


def prompts_of(
    count: int, seed: int, *, caught: float = 0.9, spurious: float = 0.05
) -> list[GradedPrompt]:
    """Prompts whose answers are good by the skill of the model, with verdicts of a check."""
    rng = random.Random(seed)  # noqa: S311  a simulation
    made = []
    for number in range(count):
        answers = {}
        for name, cost in COSTS.items():
            good = rng.random() < SKILL[name]
            passed = rng.random() >= (spurious if good else caught)
            answers[name] = GradedAnswer.checked(float(good), cost, passed=passed)
        path = (rng.choice(["code", "plain"]), rng.choice(["short", "long"]))
        made.append(GradedPrompt(f"p{number}", path, answers))
    return made


answers = st.builds(
    lambda quality, cost, passed: (
        GradedAnswer(quality, cost)
        if passed is None
        else GradedAnswer.checked(quality, cost, passed=passed)
    ),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.integers(0, 10**9),
    st.sampled_from([None, True, False]),
)


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[list[GradedPrompt], tuple[str, ...], tuple[str, ...]]:
    """Prompts, the models that answered them, and those of them that are allowed."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    count = draw(st.integers(2, 40))
    few = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, answers)), min_size=1))
    prompts = [
        GradedPrompt(str(i), (("x",), ("y", "z"), ())[i % 3], few[i % len(few)])
        for i in range(count)
    ]
    allowed = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return prompts, tuple(names), tuple(allowed)


@given(outcomes(), st.floats(0, 1), st.integers(0, 5))
def test_a_plan_has_only_models_that_are_allowed(
    case: tuple[list[GradedPrompt], tuple[str, ...], tuple[str, ...]], target: float, seed: int
) -> None:
    prompts, _, allowed = case
    found = bake_off(prompts, allowed, target, seed)
    used = {name for each in (found.plan.usual, *found.plan.kinds.values()) for name in each.models}
    assert used | {found.best} <= set(allowed)
    assert bake_off(list(reversed(prompts)), allowed, target, seed) == found


@given(outcomes(), st.integers(0, 2 * 10**9))
def test_a_plan_for_a_budget_has_only_models_that_are_allowed(
    case: tuple[list[GradedPrompt], tuple[str, ...], tuple[str, ...]], budget: int
) -> None:
    prompts, _, allowed = case
    plan = budget_plan(prompts, allowed, budget)
    if plan is not None:
        better = () if plan.better is None else plan.better.models
        used = {name for each in (plan.usual, *plan.kinds.values()) for name in each.models}
        assert used | {*better} <= set(allowed)
        assert 0 <= plan.share <= 1


@given(outcomes(), st.floats(0, 1))
def test_of_one_model_the_plan_is_that_model(
    case: tuple[list[GradedPrompt], tuple[str, ...], tuple[str, ...]], target: float
) -> None:
    prompts, names, _ = case
    found = bake_off(prompts, names[:1], target)
    assert found.plan.usual == Cascade(names[:1])
    assert not found.plan.kinds
    assert (found.figures.kept, found.figures.low, found.figures.cost_share) == (1, 1, 1)


@given(st.integers(0, 10**6))
def test_single_models_are_no_better_at_any_budget(seed: int) -> None:
    prompts = [GradedPrompt(each.id, (), each.answers) for each in prompts_of(60, seed)]
    seen = with_mean_verdicts(prompts, tuple(COSTS))
    line = hull(single_points(prompts, tuple(COSTS)))
    for budget in (0, 30, 100, 333, 1000, 5000):
        plan = budget_plan(prompts, tuple(COSTS), budget)
        assert plan is not None
        single = at_budget(line, budget)
        assert single is not None
        got = [plan.achieved(each) for each in seen]
        assert fmean(cost for _, cost in got) <= budget + 1e-6
        assert fmean(quality for quality, _ in got) >= single - 1e-9


def test_a_good_check_saves_most_of_the_cost() -> None:
    found = bake_off(prompts_of(1000, 1), tuple(COSTS))
    assert found.best == "heavy"
    assert found.plan.usual.models[-1] == "heavy"
    assert len(found.plan.usual.models) > 1
    assert found.figures.prompts == 1000
    assert found.figures.kept >= 0.97
    assert found.figures.cost_share < 0.6


def test_a_check_that_misses_everything_saves_nothing() -> None:
    found = bake_off(prompts_of(400, 1, caught=0.0, spurious=0.0), tuple(COSTS))
    assert found.plan.usual == Cascade(("heavy",))


def test_the_choice_keeps_its_promise() -> None:
    """Among plans of which some miss the target closely, few choices miss it."""
    everything = prompts_of(4000, 99, caught=0.8, spurious=0.2)
    missed = 0
    for seed in range(40):
        some = random.Random(seed).sample(everything, 200)  # noqa: S311  a simulation
        plan = choose_plan(some, tuple(COSTS), 0.97)
        missed += compare(plan, "heavy", everything).kept < 0.97
    assert missed <= 4


def test_with_few_prompts_the_best_model_stays() -> None:
    plan = choose_plan(prompts_of(FEWEST - 1, 1), tuple(COSTS), 0.5)
    assert plan.usual == Cascade((best_model(prompts_of(FEWEST - 1, 1), tuple(COSTS)),))
    assert choose_plan(prompts_of(FEWEST * 4, 1), tuple(COSTS), 0.5).usual != plan.usual


def test_a_kind_of_request_gets_less_where_less_is_enough() -> None:
    rng = random.Random(3)  # noqa: S311  a simulation
    prompts = []
    for number in range(400):
        easy = number % 2 == 0
        made = {
            "cheap": GradedAnswer(float(easy or rng.random() < 0.3), 1),
            "dear": GradedAnswer(1.0, 100),
        }
        prompts.append(GradedPrompt(str(number), ("chat" if easy else "proof",), made))
    found = bake_off(prompts, ("cheap", "dear"))
    assert found.plan.usual == Cascade(("dear",))
    assert found.plan.kinds == {"chat": Cascade(("cheap",))}
    assert found.figures.kept == 1
    assert found.figures.cost_share == pytest.approx(0.505, abs=0.01)
    assert 0.97 < found.figures.low <= 1


@pytest.mark.parametrize(
    ("models", "quality", "cost"),
    [
        (("light",), 0.0, 1.0),
        (("heavy",), 1.0, 10.0),
        (("light", "heavy"), 1.0, 11.0),
        (("heavy", "light"), 1.0, 10.0),
    ],
)
def test_a_cascade_asks_on_until_the_check_passes(
    models: tuple[str, ...], quality: float, cost: float
) -> None:
    prompt = GradedPrompt(
        "p",
        (),
        {
            "light": GradedAnswer.checked(0.0, 1, passed=False),
            "heavy": GradedAnswer.checked(1.0, 10, passed=True),
        },
    )
    assert Cascade(models).achieved(prompt) == (quality, cost)


def test_a_supposed_check_counts_with_its_mean() -> None:
    light = GradedAnswer.supposed(0.5, 1, caught=0.8, spurious=0.2)
    prompt = GradedPrompt("p", (), {"light": light, "heavy": GradedAnswer(1.0, 10)})
    # Half is right and four fifths of it stay; of the wrong half a fifth stays. The rest is asked.
    quality, cost = Cascade(("light", "heavy")).achieved(prompt)
    assert quality == pytest.approx(0.4 + 0.5)
    assert cost == pytest.approx(1 + 0.5 * 10)
    assert str(Cascade(("light", "heavy"))) == "light > heavy"


def test_without_verdicts_models_stand_alone() -> None:
    prompt = GradedPrompt("p", (), {"a": GradedAnswer(1.0, 1), "b": GradedAnswer(0.0, 1)})
    assert [each.models for each in cascades([prompt], ("a", "b"))] == [("b",), ("a",)]


def test_halves_are_even_and_drawn_by_the_seed() -> None:
    prompts = prompts_of(41, 1)
    one, other = halves(prompts)
    assert (len(one), len(other)) == (21, 20)
    assert {each.id for each in one + other} == {each.id for each in prompts}
    assert halves(prompts, seed=1)[0] != one


def test_a_budget_below_the_cheapest_model_has_no_plan() -> None:
    prompt = GradedPrompt("p", (), {"a": GradedAnswer(1.0, 5)})
    assert budget_plan([prompt], ("a",), 4) is None
    assert at_budget(hull(single_points([prompt], ("a",))), 4) is None
