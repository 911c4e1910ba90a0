"""Buckets of latency."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.durations import LONGEST, SHORTEST, bucket_of, percentile, seconds_of

SECONDS = st.floats(min_value=2 * SHORTEST, max_value=1e6)


@given(SECONDS)
def test_the_middle_of_a_bucket_is_near(seconds: float) -> None:
    assert seconds_of(bucket_of(seconds)) == pytest.approx(seconds, rel=0.022)


@given(st.lists(SECONDS, min_size=1), st.floats(min_value=0.01, max_value=1.0))
def test_a_percentile_is_near_that_of_the_durations(durations: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for seconds in durations:
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1
    exact = sorted(durations)[max(1, math.ceil(len(durations) * share)) - 1]
    assert percentile(counts, share) == pytest.approx(exact, rel=0.022)


def test_odd_durations_have_a_bucket() -> None:
    odd = [-1.0, 0.0, SHORTEST, 1.0, 1e300, math.inf, math.nan]
    buckets = [bucket_of(seconds) for seconds in odd]
    assert buckets[:3] == [0, 0, 0]
    assert all(one <= other for one, other in pairwise(buckets[:5]))
    assert buckets[4:] == [bucket_of(LONGEST), bucket_of(LONGEST), 0]


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
