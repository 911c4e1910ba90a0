"""Arms against the control: intervals that hold at every look."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.experiments import Row, Values, costs, stopped_at, succeeds
from policy_router.domain.experiments import Measure
from policy_router.experience.comparison import LEAST, ArmVerdict, compare
from policy_router.experience.moments import Moments
from policy_router.experience.sequences import standard_errors, with_few_clusters

CLUSTERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=30)


@given(CLUSTERS)
def test_moments_added_one_by_one_are_those_of_the_clusters(rows: list[tuple[int, int]]) -> None:
    values = Values()
    clusters: dict[int, tuple[int, int]] = {}
    for cluster, value in rows:
        values.add(cluster, value)
        count, total = clusters.get(cluster, (0, 0))
        clusters[cluster] = count + 1, total + value
    assert values.moments == Moments.of(clusters.values())


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30))
def test_the_variance_of_single_values_is_the_usual_one(values: list[int]) -> None:
    mean = sum(values) / len(values)
    usual = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert Moments.of((1, value) for value in values).variance == pytest.approx(usual, abs=1e-6)


def test_alike_values_of_one_user_say_less() -> None:
    alone = Moments.of([(1, float(i % 2)) for i in range(200)])
    together = Moments.of([(10, 10.0 * (i % 2)) for i in range(20)])
    assert (alone.mean, alone.count) == (together.mean, together.count)
    assert 9 < together.variance / alone.variance < 11


def test_no_values() -> None:
    nothing = Moments.of([(0, 0.0)])
    assert (nothing, nothing.mean, nothing.variance) == (Moments(), 0.0, 0.0)


def test_an_interval_that_always_holds_is_wider_than_the_usual_one() -> None:
    assert 2.9 < standard_errors(1, 0.05) < 3.2
    assert standard_errors(1, 0.05) < min(standard_errors(0.1, 0.05), standard_errors(10, 0.05))
    assert standard_errors(1, 0.05) < standard_errors(1, 0.01)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(2, 19.21), (5, 5.51), (10, 3.96), (30, 3.27), (500, 3.01)]
)
def test_few_clusters_need_the_quantile_of_student(degrees: int, quantile: float) -> None:
    """By the tables of Student's distribution, for what three standard errors leave."""
    assert quantile < with_few_clusters(3, degrees) < 1.25 * quantile
    assert with_few_clusters(1e3, 1) > 1e100  # and no overflow


def aa_verdicts(tenants: int, seed: int) -> bool:
    """Whether an experiment that changes nothing gets a verdict, where the tenants differ, a few
    have most of the requests, and each is in one arm."""
    random = Random(seed)  # noqa: S311  a simulation
    rates = [random.betavariate(8, 2) for _ in range(tenants)]
    arms = [random.random() < 0.5 for _ in range(tenants)]
    asking = random.choices(range(tenants), [1 / (n + 1) for n in range(tenants)], k=2_000)
    rows = [[0, 0] for _ in range(tenants)]
    for number, tenant in enumerate(asking, 1):
        rows[tenant][0] += 1
        rows[tenant][1] += random.random() < rates[tenant]
        if number % 100 == 0:
            arm, control = (
                Moments.of(
                    (n, total) for (n, total), own in zip(rows, arms, strict=True) if own is is_arm
                )
                for is_arm in (True, False)
            )
            said = compare(Measure.SUCCESS, arm, control, error=0.05, planned=2_000)
            if said.verdict is not ArmVerdict.GO_ON:
                return True
    return False


@pytest.mark.parametrize("tenants", [4, 10])
def test_few_tenants_who_differ_prove_nothing(tenants: int) -> None:
    assert sum(aa_verdicts(tenants, seed) for seed in range(100)) <= 5


def test_an_arm_that_always_fails_is_seen_with_four_tenants_too() -> None:
    arm, control = Moments.of([(200, 0.0)] * 2), Moments.of([(200, 190.0)] * 2)
    said = compare(Measure.SUCCESS, arm, control, error=0.05, planned=2_000)
    assert said.verdict is ArmVerdict.DROP


def rates(arm: float, control: float, count: int = 1000) -> tuple[Moments, Moments]:
    def of(rate: float) -> Moments:
        return Moments.of((1, float(i < rate * count)) for i in range(count))

    return of(arm), of(control)


@pytest.mark.parametrize(
    ("measure", "better"),
    [(Measure.SUCCESS, 1), (Measure.QUALITY, 1), (Measure.COST, -1), (Measure.LATENCY, -1)],
)
def test_what_is_better_depends_on_the_measure(measure: Measure, better: int) -> None:
    more = compare(measure, *rates(0.9, 0.7), error=0.05, planned=2000)
    less = compare(measure, *rates(0.7, 0.9), error=0.05, planned=2000)
    same = compare(measure, *rates(0.8, 0.8), error=0.05, planned=2000)
    kept, dropped = (more, less) if better > 0 else (less, more)
    verdicts = (kept.verdict, dropped.verdict, same.verdict)
    assert verdicts == (ArmVerdict.KEEP, ArmVerdict.DROP, ArmVerdict.GO_ON)
    assert same.low < 0 < same.high
    assert more.low < more.difference < more.high


def test_few_values_say_nothing() -> None:
    few = compare(Measure.SUCCESS, *rates(0, 1, LEAST - 1), error=0.05, planned=2000)
    assert (few.low, few.high, few.verdict) == (-inf, inf, ArmVerdict.GO_ON)
    enough = compare(Measure.SUCCESS, *rates(0, 1, LEAST), error=0.05, planned=2000)
    assert enough.verdict is ArmVerdict.DROP


def test_costs_that_are_all_zero_are_not_apart() -> None:
    free = compare(Measure.COST, *rates(0, 0), error=0.05, planned=2000)
    assert (free.verdict, free.change) == (ArmVerdict.GO_ON, 0.0)


def test_a_guard_is_broken_by_an_arm_that_is_surely_worse_and_measured_beyond_it() -> None:
    worse = compare(Measure.SUCCESS, *rates(0.7, 0.9), error=0.05, planned=2000)
    assert worse.breaks(-0.03)
    assert not worse.breaks(-0.5)
    assert not compare(Measure.SUCCESS, *rates(0.88, 0.9), error=0.05, planned=2000).breaks(-0.01)
    dearer = compare(Measure.COST, *rates(0.9, 0.6), error=0.05, planned=2000)
    assert dearer.breaks(0.2)
    assert not dearer.breaks(0.6)
    paid = compare(Measure.COST, *rates(0.9, 0), error=0.05, planned=2000)
    assert (paid.change, paid.breaks(0.2)) == (inf, True)


@pytest.mark.parametrize(
    "row",
    [
        Row("even", Measure.SUCCESS, 0.5, 600, succeeds(0.8), succeeds(0.8)),
        Row("small share", Measure.SUCCESS, 0.1, 600, succeeds(0.8), succeeds(0.8)),
        Row("users", Measure.SUCCESS, 0.5, 800, succeeds(0.7, 0.25), succeeds(0.7, 0.25), 20),
        Row("costs", Measure.COST, 0.5, 600, costs(1), costs(1)),
    ],
    ids=lambda row: row.name,
)
def test_two_equal_arms_are_seldom_distinguished_however_often_one_looks(row: Row) -> None:
    random, runs = Random(1), 120  # noqa: S311  no secret
    wrong = sum(stopped_at(row, random)[1] is not ArmVerdict.GO_ON for _ in range(runs))
    assert wrong / runs <= 0.05


def test_a_great_difference_is_seen_soon() -> None:
    row = Row("worse", Measure.SUCCESS, 0.2, 2000, succeeds(0.95), succeeds(0.6))
    random = Random(2)  # noqa: S311  no secret
    ends = [stopped_at(row, random) for _ in range(20)]
    assert {verdict for _, verdict in ends} == {ArmVerdict.DROP}
    assert sorted(number for number, _ in ends)[10] < 600
