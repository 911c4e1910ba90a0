"""No arrivals get more than the limit through in any window; the benchmark tries 100,000 traces."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.windows import (
    LIMIT,
    SIMPLE,
    WINDOW,
    Ours,
    greedy,
    run,
    worst,
    worst_of,
)

SAMPLE = range(1000)


def test_our_windows_let_no_more_through_than_the_limit() -> None:
    assert worst_of(Ours, SAMPLE) == LIMIT


def test_a_caller_that_always_retries_gets_nearly_all() -> None:
    admitted = greedy(Ours(), windows=20)
    assert worst(admitted) <= LIMIT
    assert len(admitted) >= 0.98 * 20 * LIMIT


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("fixed window", 120),
        ("window from the first arrival", 119),
        ("sliding counter", 110),
        ("token bucket, burst 60", 119),
    ],
)
def test_the_arrivals_find_the_gaps_of_others(name: str, least: int) -> None:
    assert worst_of(SIMPLE[name], range(300)) >= least


@given(st.lists(st.integers(0, 10 * WINDOW)).map(sorted))
def test_the_sweep_is_the_most_in_any_window(moments: list[int]) -> None:
    ends = {moment + shift for moment in moments for shift in (0, WINDOW - 1, WINDOW)}
    counts = [sum(end - WINDOW < moment <= end for moment in moments) for end in ends]
    assert worst(moments) == max(counts, default=0)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert _again() == _again()


def _again() -> list[int]:
    return run(Ours(), random.Random(7))  # noqa: S311  the same each time is what is wanted
