"""Beliefs about the share of good answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.learning.beliefs import (
    ROOT_MASS,
    belief,
    model_belief,
    pooled,
    share_after,
)
from policy_router.learning.evidence import Answers

shares = st.floats(0.01, 0.99)
amounts = st.floats(0, 1e6)


@st.composite
def pieces(draw: st.DrawFn) -> Answers:
    """Answers of the truth."""
    good, bad = draw(amounts), draw(amounts)
    return Answers(good, bad, int(good + bad))


@given(shares)
def test_without_answers_the_declared_share_is_believed(share: float) -> None:
    found = belief(share, [Answers()])
    assert found.mean == pytest.approx(share)
    assert found.variance == pytest.approx(share * (1 - share) / (ROOT_MASS + 1))


@given(shares, pieces())
def test_the_root_believes_what_a_beta_distribution_does(share: float, seen: Answers) -> None:
    good, bad = share * ROOT_MASS + seen.good, (1 - share) * ROOT_MASS + seen.bad
    total = good + bad
    found = belief(share, [seen])
    assert found.mean == pytest.approx(good / total)
    assert found.variance == pytest.approx(good * bad / (total**2 * (total + 1)), rel=1e-6)


@given(shares, st.lists(pieces(), min_size=1, max_size=4))
def test_a_belief_lies_between_all_that_it_rests_on(share: float, path: list[Answers]) -> None:
    found = belief(share, path)
    known = [share, *(e.good / (e.good + e.bad) for e in path if e.good + e.bad)]
    assert min(known) - 1e-9 <= found.mean <= max(known) + 1e-9
    assert 0 < found.variance <= 0.25


@given(shares, pieces(), st.integers(1, 50))
def test_a_node_without_answers_believes_its_parent(
    share: float, seen: Answers, levels: int
) -> None:
    parent = belief(share, [seen])
    child = belief(share, [seen, *[Answers()] * levels])
    assert child.mean == pytest.approx(parent.mean)
    assert child.variance >= parent.variance


def test_every_leaf_counts_as_much_as_its_part_of_all_requests() -> None:
    # A model that was chosen for what it is good at: 900 of its 1,000 answers are there.
    easy = Answers(good=810, bad=90, verdicts=900)
    hard = Answers(good=30, bad=70, verdicts=100)
    found = pooled([(easy, 1000), (hard, 1000)], share=0.6)
    assert found.good / (found.good + found.bad) == pytest.approx(0.6, abs=0.02)
    assert found.good + found.bad < 1000
    assert found.verdicts == 1000


@given(shares, st.lists(st.tuples(pieces(), st.integers(0, 1000)), max_size=6))
def test_pooling_never_makes_more_answers_of_what_there_are(
    share: float, leaves: list[tuple[Answers, int]]
) -> None:
    found = pooled(leaves, share)
    answers = sum(e.good + e.bad for e, _ in leaves)
    assert found.good + found.bad <= answers * (1 + 1e-9)
    assert found.verdicts == sum(e.verdicts for e, _ in leaves)


@given(shares, pieces())
def test_a_role_without_verdicts_bounds_nothing(share: float, seen: Answers) -> None:
    found = model_belief(share, [seen], [Answers()])
    assert found.first == belief(share, [seen])
    assert found.after == belief(share_after(share), [Answers()])


@given(shares, pieces(), pieces())
def test_roles_move_towards_a_first_share_that_is_not_the_smaller_one(
    share: float, first: Answers, after: Answers
) -> None:
    alone = belief(share, [first]), belief(share_after(share), [after])
    found = model_belief(share, [first], [after])
    assert alone[0].mean <= found.first.mean <= 1
    assert 0 <= found.after.mean <= alone[1].mean
    for now, before in zip((found.first, found.after), alone, strict=True):
        assert 0 < now.variance <= before.variance
        assert now.verdicts == before.verdicts


@given(shares, pieces(), pieces())
def test_roles_end_in_that_order_unless_the_evidence_contradicts_it(
    share: float, first: Answers, after: Answers
) -> None:
    one, other = belief(share, [first]), belief(share_after(share), [after])
    found = model_belief(share, [first], [after])
    if after.verdicts and one.mean - other.mean > -7 * (one.variance + other.variance) ** 0.5:
        assert found.first.mean >= found.after.mean - 1e-9


def test_answers_after_a_rejection_count_for_a_model_that_was_hardly_asked_first() -> None:
    first = Answers(good=0, bad=1, verdicts=2)
    after = Answers(good=70, bad=10, verdicts=220)
    found = model_belief(0.75, [first, first], [after, after])
    assert belief(0.75, [first, first]).mean < 0.7
    assert found.first.mean > 0.85
    assert found.after.mean == pytest.approx(0.85, abs=0.02)
