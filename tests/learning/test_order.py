"""The order that the evidence asks for, and the guards before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.beliefs import Belief, ModelBelief, Rival
from policy_router.learning.evidence import JUDGE
from policy_router.learning.exploration import Trial, drawn, trials
from policy_router.learning.order import SURE, learned_order, plan_of
from policy_router.learning.plans import Plan, Terms, advantage

NAMES = ("a", "b", "c")
COSTS = {"a": 0.0, "b": 1.0, "c": 10.0}


def rival(
    good: float,
    tier: int = 1,
    verdicts: int = 400,
    *,
    known: bool = True,
    truthful: bool = True,
    alarmed: bool = False,
) -> Rival:
    found = Belief(good, good * (1 - good) / (verdicts + 21), verdicts)
    return Rival(ModelBelief(found, found), tier, known, truthful, alarmed)


beliefs = st.builds(Belief, st.floats(0, 1), st.floats(1e-6, 0.1), st.integers(0, 500))
rivals = st.builds(
    Rival, st.builds(ModelBelief, beliefs, beliefs), st.integers(0, 2),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
paths = st.lists(st.dictionaries(st.sampled_from(NAMES), rivals), max_size=3)
terms = st.builds(Terms, st.floats(0.1, 1e6), st.just(COSTS), st.one_of(st.none(), st.just(JUDGE)))


@given(st.permutations(NAMES), paths, terms, st.booleans())
def test_an_order_has_the_same_models_whatever_is_known(
    written: list[str], path: list[dict[str, Rival]], by: Terms, valued: bool
) -> None:
    order, move = learned_order(written, path, by, valued=valued)
    assert sorted(order) == sorted(written)
    assert (move is None) == (order == tuple(written))
    if move is not None:
        assert order[0] == move.model
        assert move.probability >= SURE


@given(st.permutations(NAMES), paths, terms)
def test_what_is_not_known_moves_nothing(
    written: list[str], path: list[dict[str, Rival]], by: Terms
) -> None:
    unknown = [
        {name: replace(each, known=False) for name, each in rivals.items()} for rivals in path
    ]
    assert learned_order(written, unknown, by, valued=True) == (tuple(written), None)


@given(beliefs, beliefs, beliefs, beliefs, terms)
def test_a_plan_is_as_much_better_as_the_other_is_worse(
    a: Belief, b: Belief, c: Belief, d: Belief, by: Terms
) -> None:
    beliefs = {"a": ModelBelief(a, b), "b": ModelBelief(c, d)}
    one, other = Plan("a", "b"), Plan("b")
    there, back = (
        advantage(one, other, beliefs, by),
        advantage(other, one, beliefs, by),
    )
    assert there.mean == pytest.approx(-back.mean)
    assert there.variance == pytest.approx(back.variance)
    assert there.probability + back.probability == pytest.approx(1)
    assert advantage(one, one, beliefs, by).mean == 0


CASES = {
    "better and as cheap": (rival(0.6), rival(0.9), {"a": 0.0, "b": 0.0}, None, "b"),
    "better, but not surely": (
        rival(0.6, verdicts=20), rival(0.7, verdicts=20), {"a": 0.0, "b": 0.0}, None, None,
    ),
    "better, and worth its price": (rival(0.6), rival(0.9), {"a": 0.0, "b": 1.0}, 10.0, "b"),
    "better, not worth its price": (rival(0.6), rival(0.9), {"a": 0.0, "b": 1.0}, 2.0, None),
    "more expensive, worth not stated": (rival(0.6), rival(0.9), {"a": 0.0, "b": 1.0}, None, None),
    "as good and cheaper": (rival(0.8), rival(0.8), {"a": 1.0, "b": 0.1}, 10.0, "b"),
    "not known": (rival(0.6), rival(0.9, known=False), {"a": 0.0, "b": 0.0}, None, None),
    "the first one is not known": (
        rival(0.6, known=False), rival(0.9), {"a": 0.0, "b": 0.0}, None, None,
    ),
    "an alarm is on": (rival(0.6), rival(0.9, alarmed=True), {"a": 0.0, "b": 0.0}, None, None),
    "weaker, and only structural checks are silent": (
        rival(0.6, tier=2), rival(0.9, tier=1, truthful=False), {"a": 0.0, "b": 0.0}, None, None,
    ),
    "weaker, and judged good": (
        rival(0.6, tier=2), rival(0.9, tier=1), {"a": 0.0, "b": 0.0}, None, "b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_goes_first(case: str) -> None:
    a, b, costs, worth, first = CASES[case]
    order, move = learned_order(
        ("a", "b"), [{"a": a, "b": b}], Terms(worth or 1.0, costs), valued=worth is not None
    )
    assert order[0] == (first or "a")
    assert (move.model if move else None) == first


def test_a_flagged_answer_is_asked_again_of_a_stronger_model() -> None:
    known = {"a": rival(0.5, 0), "b": rival(0.6, 1), "c": rival(0.7, 2)}
    assert plan_of(NAMES, "a", known) == Plan("a", "b")
    assert plan_of(("b", "a", "c"), "b", known) == Plan("b", "c")
    assert plan_of(NAMES, "c", known) == Plan("c", None)


def test_a_node_changes_the_order_by_evidence_of_its_own() -> None:
    free = dict.fromkeys(NAMES, 0.0)
    root = {"a": rival(0.6), "b": rival(0.9)}
    leaf = {"a": rival(0.9), "b": rival(0.6)}
    assert learned_order(("a", "b"), [root], Terms(1, free), valued=True)[0] == ("b", "a")
    assert learned_order(("a", "b"), [root, leaf], Terms(1, free), valued=True) == (
        ("a", "b"), None,
    )  # fmt: skip


@given(st.permutations(NAMES), st.dictionaries(st.sampled_from(NAMES), rivals), terms,
       st.floats(0, 0.05), st.floats(0, 1, exclude_max=True))  # fmt: skip
def test_trials_are_rare_and_of_candidates(
    order: list[str], known: dict[str, Rival], by: Terms, share: float, draw: float
) -> None:
    found = trials(order, known, by, share)
    assert sum(each.propensity for each in found) <= share + 1e-12
    assert {each.model for each in found} <= set(order[1:])
    assert not any(known[each.model].alarmed for each in found)
    made = drawn(found, draw)
    assert made is None or made in found


def test_a_model_that_is_surely_worse_is_not_tried() -> None:
    free = dict.fromkeys(NAMES, 0.0)
    known = {"a": rival(0.9), "b": rival(0.5), "c": rival(0.9)}
    assert [each.model for each in trials(NAMES, known, Terms(1, free), 0.05)] == ["c"]
    assert trials(NAMES, known, Terms(1, free), 0.05, excluded={"c"}) == ()
    assert trials(NAMES, known, Terms(1, free), 0.0) == ()


def test_a_draw_meets_each_trial_as_often_as_its_propensity() -> None:
    among = (Trial("b", 0.02), Trial("c", 0.03))
    met = [drawn(among, i / 1000) for i in range(1000)]
    assert (met.count(among[0]), met.count(among[1])) == (20, 30)
