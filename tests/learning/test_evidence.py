"""Verdicts of checks as evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.learning.evidence import (
    JUDGE,
    STRUCTURAL,
    TRUTH,
    Answers,
    CheckRates,
    answers_of,
)

counts = st.integers(0, 10_000)
checks = st.sampled_from([JUDGE, STRUCTURAL, TRUTH])


@given(counts, counts)
def test_the_truth_is_worth_what_it_has_judged(passed: int, flagged: int) -> None:
    good, bad = answers_of(passed, flagged, TRUTH)
    assert good == pytest.approx(passed)
    assert bad == pytest.approx(flagged)


@given(counts, counts, checks)
def test_no_check_is_worth_more_than_the_answers_it_has_judged(
    passed: int, flagged: int, check: CheckRates
) -> None:
    good, bad = answers_of(passed, flagged, check)
    assert good >= 0
    assert bad >= -1e-9
    assert good + bad <= passed + flagged + 1e-9


@given(st.integers(1, 1000), st.floats(0, 1), checks)
def test_the_expected_verdicts_give_back_the_share_of_good_answers(
    n: int, good: float, check: CheckRates
) -> None:
    judged = n * 10_000
    flagged = round(judged * check.flagged(good))
    found, bad = answers_of(judged - flagged, flagged, check)
    assert found / (found + bad) == pytest.approx(good, abs=0.001)


def test_the_silence_of_a_structural_check_says_little() -> None:
    assert sum(answers_of(1000, 0, STRUCTURAL)) == pytest.approx(78.4)
    assert sum(answers_of(1000, 0, JUDGE)) == pytest.approx(360)


def test_evidence_adds_up() -> None:
    one = Answers(1, 2, 3, 4, 5, 6)
    assert one + Answers() == one
    assert one + one == Answers(2, 4, 6, 8, 10, 12)
