"""Laws of `spread`: fair, the same for a session, and moving no more than it must."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.order.draws import draws
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests.generate import assemble

SEEDS = [f"decision-{n}" for n in range(6000)]
BOUND = {2: 10.83, 3: 13.82, 5: 18.47, 8: 24.32}
"""By number of models what chi-square stays below in all but one of 1,000 fair draws."""


def equal(count: int) -> tuple[Model, ...]:
    return tuple(Model(f"m{i}", f"openai/m{i}", "light", 0) for i in range(count))


def first(models: tuple[Model, ...], seed: str | None, session: str | None = None) -> str:
    policy = POLICIES[models]
    return decide(policy, Request(session=session), Snapshot(seed=seed)).candidates[0].name


POLICIES = {
    models: assemble(models, (), Vocabulary((), ()), bands=(), prefer=(SortKey.SPREAD,))
    for models in map(equal, range(1, 10))
}


@pytest.mark.parametrize("count", sorted(BOUND))
def test_equal_models_get_equal_shares(count: int) -> None:
    shares = Counter(first(equal(count), seed) for seed in SEEDS)
    expected = len(SEEDS) / count
    assert len(shares) == count
    assert sum((n - expected) ** 2 / expected for n in shares.values()) < BOUND[count]


def test_a_model_that_is_added_takes_from_all_and_moves_nothing_else() -> None:
    before = {seed: first(equal(5), seed) for seed in SEEDS}
    after = {seed: first(equal(6), seed) for seed in SEEDS}
    moved = Counter(before[seed] for seed in SEEDS if before[seed] != after[seed])
    assert {after[seed] for seed in SEEDS if before[seed] != after[seed]} == {"m5"}
    assert set(moved) == {"m0", "m1", "m2", "m3", "m4"}
    assert abs(sum(moved.values()) - len(SEEDS) / 6) < len(SEEDS) / 60


@settings(deadline=None)
@given(st.text(), st.lists(st.none() | st.text(), min_size=2, max_size=5), st.integers(2, 9))
def test_a_session_keeps_its_order(session: str, seeds: list[str | None], count: int) -> None:
    policy = POLICIES[equal(count)]
    asked = Request(session=session or "s")
    found = {decide(policy, asked, Snapshot(seed=seed)).candidates for seed in seeds}
    assert len(found) == 1


@given(st.text(), st.integers(2, 9), st.data())
def test_models_that_are_out_change_no_order_of_the_others(
    seed: str, count: int, data: st.DataObject
) -> None:
    policy = POLICIES[equal(count)]
    snapshot = Snapshot(seed=seed)
    whole = [c.name for c in decide(policy, Request(), snapshot).candidates]
    gone = data.draw(st.sampled_from(whole))
    cooling = replace(snapshot, cooling={gone: 2e9})
    rest = [c.name for c in decide(policy, Request(), cooling).candidates]
    assert rest == [name for name in whole if name != gone]


def test_without_a_seed_the_order_is_as_written() -> None:
    found = decide(POLICIES[equal(4)], Request()).candidates
    assert [c.name for c in found] == ["m0", "m1", "m2", "m3"]
    assert {c.placed_by for c in found} == {"written order"}


def test_only_equal_models_are_spread() -> None:
    free = replace(equal(3)[2], free=True, name="free")
    models = (*equal(2), free)
    keys = (SortKey.FREE, SortKey.SPREAD)
    policy = assemble(models, (), Vocabulary((), ()), bands=(), prefer=keys)
    found = [decide(policy, Request(), Snapshot(seed=seed)).candidates for seed in SEEDS[:50]]
    assert {c[0].name for c in found} == {"free"}
    assert {c[1].name for c in found} == {"m0", "m1"}
    assert [(c.placed_by, c.detail) for c in found[0]] == [
        ("free", "free first"),
        ("free", "paid, after the free ones"),
        ("spread", "later by the draw"),
    ]


def test_a_draw_is_the_same_in_every_process() -> None:
    assert draws("run-1", ["a", "b"]) == [8458864541502063112, 15536899491616072366]
