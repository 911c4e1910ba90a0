"""What a policy allows depends on the policy and the request alone: everything else only narrows.

To add a feature: what it excludes by policy and request is a layer of `tests/static_set.py`; what a
caller may ask for is an entry of CONSTRAINTS; what the world may do is an entry of WORSE; what only
changes the order is an entry of REORDERED.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.policy import Policy
from policy_router.domain.beliefs import Belief, Beliefs, ModelBelief, Rival
from policy_router.domain.experiments import Assignment
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.limits import Reading
from policy_router.domain.ordering import SortKey
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests.generate import COSTS, PRICES, situations, words_of
from tests.static_set import LAYERS, Question, static_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.rules import Rule

Situation = tuple[Policy, Request, Snapshot]

CONSTRAINTS: dict[str, Callable[[Policy], st.SearchStrategy[object]]] = {
    "max_cost": lambda _: st.sampled_from(COSTS),
    "max_price": lambda _: st.sampled_from(PRICES),
    "max_latency": lambda _: st.sampled_from((1.0, 2.0)),
    "min_quality": lambda _: st.sampled_from((0.3, 0.5, 0.6)),
    "model": lambda policy: st.sampled_from([m.name for m in policy.models]),
    "max_candidates": lambda _: st.integers(0, 3),
    "prefer": lambda _: st.lists(st.sampled_from(list(SortKey)), max_size=3).map(tuple),
    "min_tier": lambda policy: st.sampled_from(sorted({m.tier for m in policy.models})),
    "only": words_of,
    "avoid": words_of,
}
"""What a caller may ask for, by the field of the request."""
NOTHING = {field: getattr(Request(), field) for field in CONSTRAINTS}
"""What these fields are for a caller who asks for nothing."""


def cooled(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """One more model is in cooldown."""
    return replace(snapshot, cooling={**snapshot.cooling, policy.models[0].name: 9e9})


def used_up(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """Everything that is counted is used up."""
    full = {key: Reading(10**15, 9e9) for key in snapshot.used}
    return replace(snapshot, used=full)


def used_more(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """More is used of everything that can be read."""
    more = {
        key: reading and replace(reading, used=reading.used + 500)
        for key, reading in snapshot.used.items()
    }
    return replace(snapshot, used=more)


WORSE: dict[str, Callable[[Policy, Snapshot], Snapshot]] = {
    each.__name__: each for each in (cooled, used_up, used_more)
}
"""A snapshot to one in which less is possible."""


def reseeded(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """Another draw of what is spread."""
    return replace(snapshot, seed="another one")


def in_every_arm(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """In an arm of every experiment."""
    arms = tuple(Assignment(each.name, "a0", 0.5) for each in policy.experiments)
    return replace(snapshot, arms=arms)


def in_no_arm(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """In no experiment."""
    return replace(snapshot, arms=())


def believed(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """Outcomes say that the models are the better, the later they are written."""
    nodes = {}
    for n, model in enumerate(policy.models, 1):
        good = Belief(n / (len(policy.models) + 1), 1e-4, 99)
        tier = policy.tiers.index(model.tier)
        nodes[model.name] = Rival(ModelBelief(good, good), tier, known=True, truthful=True)
    return replace(snapshot, beliefs=Beliefs("r", (nodes,)))


REORDERED: dict[str, Callable[[Policy, Snapshot], Snapshot]] = {
    each.__name__: each for each in (reseeded, in_every_arm, in_no_arm, believed)
}
"""A snapshot to one in which the same is possible."""


def at_one_price(policy: Policy) -> Policy:
    """The policy with prices that are the same at every hour, which is a part of the state."""
    models = tuple(
        replace(model, price=model.price and replace(model.price, by_hour=()))
        for model in policy.models
    )
    return replace(policy, models=models)


def asking(request: Request, **fields: object) -> Request:
    return replace(request, **fields)  # type: ignore[arg-type]  # fields by name


def names(policy: Policy, request: Request, snapshot: Snapshot) -> list[str]:
    return [candidate.name for candidate in decide(policy, request, snapshot).candidates]


@settings(max_examples=150, deadline=None)
@given(situations())
def test_candidates_are_a_subset_of_the_static_set(situation: Situation) -> None:
    policy, request, snapshot = situation
    assert set(names(policy, request, snapshot)) <= static_set(policy, request, snapshot.now)


@settings(max_examples=100, deadline=None)
@given(situations())
def test_without_state_and_constraints_the_candidates_are_the_static_set(
    situation: Situation,
) -> None:
    policy, request, snapshot = situation
    policy = at_one_price(policy)
    bare, calm = asking(request, **NOTHING), Snapshot(now=snapshot.now)
    assert set(names(policy, bare, calm)) == static_set(policy, bare, snapshot.now)


@pytest.mark.parametrize("field", CONSTRAINTS)
@settings(max_examples=20, deadline=None)
@given(situation=situations(), data=st.data())
def test_a_constraint_never_adds_a_candidate(
    field: str, situation: Situation, data: st.DataObject
) -> None:
    policy, request, snapshot = situation
    free = asking(request, **{"max_candidates": None, field: NOTHING[field]})
    narrowed = asking(free, **{field: data.draw(CONSTRAINTS[field](policy))})
    before, after = names(policy, free, snapshot), names(policy, narrowed, snapshot)
    assert set(after) <= set(before)
    if field == "max_candidates":
        assert after == before[: len(after)]
    if field == "prefer":
        assert set(after) == set(before)


@pytest.mark.parametrize("change", WORSE)
@settings(max_examples=30, deadline=None)
@given(situation=situations())
def test_a_worse_state_never_adds_a_candidate(change: str, situation: Situation) -> None:
    policy, request, snapshot = situation
    unlimited = replace(request, max_candidates=None)
    worse = WORSE[change](policy, snapshot)
    assert set(names(policy, unlimited, worse)) <= set(names(policy, unlimited, snapshot))


@pytest.mark.parametrize("change", REORDERED)
@settings(max_examples=20, deadline=None)
@given(situation=situations())
def test_what_reorders_changes_no_set(change: str, situation: Situation) -> None:
    policy, request, snapshot = situation
    policy = replace(policy, learning=Learning(LearningMode.ADJUST, explore=0.05))
    unlimited = replace(request, max_candidates=None)
    other = REORDERED[change](policy, snapshot)
    assert set(names(policy, unlimited, other)) == set(names(policy, unlimited, snapshot))


def with_rules(policy: Policy, rules: tuple[Rule, ...]) -> Policy:
    return replace(policy, rules=rules)


@settings(max_examples=50, deadline=None)
@given(situations())
def test_what_is_in_shadow_changes_nothing(situation: Situation) -> None:
    policy, request, snapshot = situation
    decision = decide(policy, request, snapshot)
    without = with_rules(policy, tuple(rule for rule in policy.rules if not rule.shadow))
    assert replace(decision, shadow=()) == decide(without, request, snapshot)


@settings(max_examples=50, deadline=None)
@given(situations())
def test_a_rule_in_shadow_says_what_it_would_do(situation: Situation) -> None:
    policy, request, snapshot = situation
    for effect in decide(policy, request, snapshot).shadow:
        rules = tuple(
            replace(rule, shadow=rule.shadow and rule.name != effect.name) for rule in policy.rules
        )
        before = names(policy, request, snapshot)
        applied = decide(with_rules(policy, rules), request, snapshot)
        after = [candidate.name for candidate in applied.candidates]
        assert effect.removed == tuple(name for name in before if name not in after)
        assert effect.first == (after[0] if after and after[:1] != before[:1] else None)
        assert effect.detail.startswith("would have ")


@settings(max_examples=50, deadline=None)
@given(situations())
def test_a_rule_that_is_applied_allows_no_more_than_one_in_shadow(situation: Situation) -> None:
    policy, request, snapshot = situation
    unlimited = replace(request, max_candidates=None)
    live = with_rules(policy, tuple(replace(rule, shadow=False) for rule in policy.rules))
    assert set(names(live, unlimited, snapshot)) <= set(names(policy, unlimited, snapshot))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_excludes_something(name: str) -> None:
    """A layer that never says no would hide that a feature is not covered."""

    def excludes(situation: Situation) -> bool:
        policy, request, snapshot = situation
        if name == "hosted tools":  # which few generated requests need
            request = replace(request, needs=frozenset({"hosted_tools"}))
        question = Question(policy, request, snapshot.now)
        return not all(LAYERS[name](question, model) for model in policy.models)

    # The first one that is generated is enough, and it is the same in every run.
    once = settings(
        max_examples=5000, deadline=None, database=None, derandomize=True, phases=[Phase.generate]
    )
    assert excludes(find(situations(), excludes, settings=once))
