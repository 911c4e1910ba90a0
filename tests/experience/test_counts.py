"""Laws of counts, histograms, intervals and nodes."""

from __future__ import annotations

import json
from itertools import pairwise
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.durations import (
    LONGEST,
    RELATIVE_ERROR,
    SHORTEST,
    bucket_of,
    percentile,
    seconds_of,
)
from policy_router.domain.experience import Measurement
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.outcome import Role
from policy_router.experience import counts
from policy_router.experience.counts import OutcomeCounts, tenant_group, total
from policy_router.experience.intervals import IntervalEstimate, wilson
from policy_router.experience.nodes import EVERYTHING, Node, OutcomeKey
from policy_router.experience.table import MeasuredTable, measured_table, with_wider

NAMES = (counts.CALLS, counts.ANSWERED, f"{counts.LATENCY}7", f"{counts.TENANT}3 {counts.GOOD}")
TALLIES = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**15)).map(OutcomeCounts)
PARTS = st.none() | st.sampled_from(("", "code", "hard"))
SECONDS = st.floats(SHORTEST * 1.0001, LONGEST / 1.0001)


@given(TALLIES, TALLIES, TALLIES)
def test_counts_are_merged_in_any_order_and_grouping(
    a: OutcomeCounts, b: OutcomeCounts, c: OutcomeCounts
) -> None:
    assert a.merge(b).tally == b.merge(a).tally
    assert a.merge(b).merge(c).tally == a.merge(b.merge(c)).tally == total((c, a, b)).tally
    assert a.merge(OutcomeCounts()).tally == a.tally


@given(st.lists(SECONDS, min_size=1, max_size=60), st.sampled_from((0.5, 0.95, 1.0)))
def test_a_percentile_is_within_the_stated_error(durations: list[float], share: float) -> None:
    buckets: dict[int, int] = {}
    for seconds in durations:
        buckets[bucket_of(seconds)] = buckets.get(bucket_of(seconds), 0) + 1
    ordered = sorted(durations)
    rank = next(i for i in range(len(ordered)) if i + 1 >= len(ordered) * share)
    estimate = percentile(buckets, share)
    assert estimate is not None
    assert abs(estimate / ordered[rank] - 1) <= RELATIVE_ERROR * 1.001


@given(SECONDS, SECONDS)
def test_longer_durations_are_in_later_buckets(one: float, other: float) -> None:
    short, long = sorted((one, other))
    assert bucket_of(short) <= bucket_of(long)


@pytest.mark.parametrize("seconds", [-1.0, 0.0, SHORTEST, float("nan")])
def test_what_is_no_duration_is_in_the_first_bucket(seconds: float) -> None:
    assert bucket_of(seconds) == 0


def test_what_is_longer_than_the_longest_is_in_the_last_bucket() -> None:
    assert bucket_of(float("inf")) == bucket_of(LONGEST) == bucket_of(LONGEST * 2)
    assert [seconds_of(b) < seconds_of(c) for b, c in pairwise(range(9))] == [True] * 8
    assert percentile({}, 0.5) is None


def test_wilson_as_in_the_books() -> None:
    found = wilson(81, 263)
    assert found is not None
    assert (round(found.value, 3), round(found.low, 4), round(found.high, 4)) == (
        0.308, 0.2553, 0.3662,
    )  # fmt: skip
    assert found.samples == 263
    assert wilson(0, 0) is None
    none, all_of_them = wilson(0, 10), wilson(10, 10)
    assert none is not None
    assert all_of_them is not None
    assert none == IntervalEstimate(0.0, 0.0, none.high, 10)
    assert all_of_them == IntervalEstimate(1.0, all_of_them.low, 1.0, 10)
    assert (round(none.high, 4), round(all_of_them.low, 4)) == (0.2775, 0.7225)


@given(st.integers(1, 10**6), st.floats(0, 1), st.sampled_from((0.5, 0.9, 0.95)))
def test_an_interval_holds_its_value(n: int, share: float, confidence: float) -> None:
    found = wilson(share * n, n, confidence)
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.builds(Node, PARTS, PARTS, PARTS, PARTS))
def test_wider_nodes_contain_narrower_ones(node: Node) -> None:
    chain = list(with_wider(node))
    assert chain[-1] == EVERYTHING
    assert all(wide.contains(narrow) for narrow, wide in pairwise(chain))
    assert node == EVERYTHING or not node.contains(EVERYTHING)


@given(PARTS, st.text(), st.sampled_from(Role), st.text())
def test_a_key_is_read_from_its_text(part: str | None, model: str, role: Role, prompt: str) -> None:
    key = OutcomeKey(Node("chat", part or "", "math", ""), model, role, prompt)
    assert OutcomeKey.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "[]", "3", json.dumps(["a"] * 7)])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        OutcomeKey.parse(text)


def told(**tally: int) -> OutcomeCounts:
    return OutcomeCounts({name.replace("__", " "): n for name, n in tally.items()})


def test_failures_and_refusals_say_nothing_of_quality() -> None:
    row = told(calls=100, answered=60, failed=30, declined=10, accepted=45, flagged=15, rejected=15)
    quality, success = row.quality(), row.success()
    assert quality is not None
    assert success is not None
    assert (quality.value, quality.samples) == (0.75, 60)
    assert (success.value, success.samples) == (0.5, 90)


def test_quality_is_read_from_the_sources_that_are_named() -> None:
    row = told(good=3, bad=1, feedback=4, feedback_sum=1000)
    found = [row.quality(sources) for sources in ((), ("accept",), ("feedback",))]
    assert [each and (each.value, each.samples) for each in found] == [
        (0.5, 8), (0.75, 4), (0.25, 4),
    ]  # fmt: skip
    assert told(calls=3).quality() is None


def test_no_tenant_has_more_than_a_fifth_of_the_weight() -> None:
    loud = {f"{counts.TENANT}0 {counts.FLAGGED}": 10_000}
    others = {f"{counts.TENANT}{group} {counts.ACCEPTED}": 10 for group in range(1, 5)}
    row = OutcomeCounts({**loud, **others, counts.FLAGGED: 10_000, counts.ACCEPTED: 40})
    quality = row.quality()
    assert quality is not None
    assert quality.value == pytest.approx(0.8)
    assert quality.samples == 50
    few = OutcomeCounts({k: n for k, n in row.tally.items() if not k.startswith("tenant 4")})
    quality = few.quality()
    assert quality is not None
    assert quality.value < 0.01


@given(st.lists(st.integers(1, 10**6), min_size=5, max_size=16), st.integers(0, 10**6))
def test_the_bound_of_weights_holds(sizes: list[int], others: int) -> None:
    cap = counts._most_weight(sorted(sizes), others)
    whole = others + sum(min(n, cap) for n in sizes)
    assert all(min(n, cap) <= 0.2 * whole * 1.000001 for n in sizes)
    assert whole > 0


def test_tenants_are_in_one_group() -> None:
    groups = {tenant_group(f"tenant {n}") for n in range(200)}
    assert groups == set(range(counts.GROUPS))
    assert tenant_group("a") == tenant_group("a")


ADJUST = Learning(LearningMode.ADJUST, min_samples=10)


def row_of(answers: int, accepted: int, bucket: int = 80) -> OutcomeCounts:
    return told(
        calls=answers, answered=answers, accepted=accepted, flagged=answers - accepted,
        rejected=answers - accepted, metered=answers, tokens_out=answers * 50,
        **{f"latency__{bucket}": answers},
    )  # fmt: skip


def test_each_value_is_that_of_the_narrowest_node_with_enough_samples() -> None:
    hard, easy = Node("chat", "code", "", "hard"), Node("chat", "code", "", "easy")
    table = measured_table(
        {
            OutcomeKey(hard, "small"): row_of(10, 2),
            OutcomeKey(easy, "small"): row_of(9, 9),
            OutcomeKey(Node("form", "plain", "", ""), "large"): row_of(20, 20),
        },
        ADJUST,
    )
    assert table.at(hard)["small"].accepted == Measurement(0.2, 10)
    assert table.at(easy)["small"].accepted == Measurement(11 / 19, 19)
    assert table.at(Node("chat", "tools", "", "easy"))["small"].accepted == Measurement(11 / 19, 19)
    assert table.at(hard)["large"].accepted == Measurement(1.0, 20)
    assert table.at(Node("", "", "", "")) == table.at(EVERYTHING)
    assert MeasuredTable().at(hard) == {}


def test_only_first_calls_say_how_good_a_model_is() -> None:
    node = Node("chat", "", "", "")
    table = measured_table(
        {
            OutcomeKey(node, "large"): row_of(10, 9),
            OutcomeKey(node, "large", Role.AFTER_REJECTION): row_of(30, 3),
        },
        ADJUST,
    )
    measured = table.at(node)["large"]
    assert measured.accepted == measured.quality == Measurement(0.9, 10)
    assert measured.latency == Measurement(seconds_of(80), 40)
    assert measured.output == Measurement(50.0, 40)


def test_the_median_of_the_histogram_is_that_of_the_numbers() -> None:
    durations = [0.5 + 0.01 * n for n in range(100)]
    tally: dict[str, int] = {}
    for seconds in durations:
        name = f"{counts.LATENCY}{bucket_of(seconds)}"
        tally[name] = tally.get(name, 0) + 1
    found = OutcomeCounts(tally).latency()
    assert found == pytest.approx(quantiles(durations, n=2)[0], rel=2 * RELATIVE_ERROR)
