"""How often the stopping rule of experiments is wrong, and how soon it sees a difference.

    python benchmarks/experiments.py          # 2,000 experiments a row: some minutes
    python benchmarks/experiments.py 200

Every experiment is looked at after every request, and stops at the first verdict. In the rows A/A
both arms are the same, so every verdict is an error: at most 5 % may be. The other rows have a true
difference: how many find it within the requests, and the median of the requests until then.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from policy_router.domain.experiments import Measure
from policy_router.experience.comparison import LEAST, ArmVerdict, compare
from policy_router.experience.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 7
ERROR = 0.05


@dataclass(frozen=True)
class Row:
    """A kind of experiment.

    Attributes:
        name: What it is.
        measure: What is compared.
        share: Part of the requests, or of the users, that the arm gets.
        samples: Requests of one experiment.
        control: Draws the values of the control.
        arm: Those of the arm.
        per_user: Requests of one user, all of the same arm.
    """

    name: str
    measure: Measure
    share: float
    samples: int
    control: Callable[[Random, float], float]
    arm: Callable[[Random, float], float]
    per_user: int = 1


def succeeds(rate: float, by_user: float = 0.0) -> Callable[[Random, float], float]:
    """1 at a rate, which is higher or lower for a user by up to `by_user`."""
    return lambda random, user: float(random.random() < rate + by_user * (2 * user - 1))


def costs(mean: float, sigma: float = 1.0) -> Callable[[Random, float], float]:
    """Skewed, as costs and latencies are."""
    return lambda random, _: mean * random.lognormvariate(0, sigma)


A_A = [
    Row(f"A/A success {rate:.0%}, share {share:.0%}", Measure.SUCCESS, share, 2000,
        succeeds(rate), succeeds(rate))
    for rate in (0.5, 0.85, 0.99) for share in (0.5, 0.1)
] + [
    Row("A/A success, 20 requests a user", Measure.SUCCESS, 0.5, 4000, succeeds(0.7, 0.25),
        succeeds(0.7, 0.25), 20),
    Row("A/A success, 20 requests a user, 10%", Measure.SUCCESS, 0.1, 4000, succeeds(0.7, 0.25),
        succeeds(0.7, 0.25), 20),
    Row("A/A cost, share 50%", Measure.COST, 0.5, 2000, costs(1), costs(1)),
    Row("A/A cost, share 10%", Measure.COST, 0.1, 2000, costs(1), costs(1)),
    Row("A/A latency, very skewed, 10%", Measure.LATENCY, 0.1, 2000, costs(1, 1.5), costs(1, 1.5)),
]  # fmt: skip
POWER = [
    Row(f"{before:.0%} -> {after:.0%}, share {share:.0%}", Measure.SUCCESS, share, samples,
        succeeds(before), succeeds(after))
    for before, after, share, samples in (
        (0.85, 0.90, 0.5, 6000), (0.85, 0.90, 0.1, 12000), (0.85, 0.75, 0.1, 4000),
        (0.95, 0.65, 0.1, 2000),
    )
] + [Row("cost 20% less, share 50%", Measure.COST, 0.5, 6000, costs(1), costs(0.8))]  # fmt: skip


class Values:
    """The values of one arm, whose moments are kept up to date with each."""

    def __init__(self) -> None:
        self.clusters: dict[int, tuple[int, float]] = {}
        self.count, self.total = 0, 0.0
        self.count_squares, self.total_squares, self.products = 0.0, 0.0, 0.0

    def add(self, cluster: int, value: float) -> None:
        """Add a value of a cluster."""
        count, total = self.clusters.get(cluster, (0, 0.0))
        self.clusters[cluster] = (count + 1, total + value)
        self.count += 1
        self.total += value
        self.count_squares += 2 * count + 1
        self.total_squares += value * (2 * total + value)
        self.products += count * value + total + value

    @property
    def moments(self) -> Moments:
        """What the values are now."""
        return Moments(
            len(self.clusters), self.count, self.total, self.count_squares, self.total_squares,
            self.products,
        )  # fmt: skip


def stopped_at(row: Row, random: Random) -> tuple[int, ArmVerdict]:
    """After how many requests an experiment stops, and the verdict; `go on` if it never does."""
    values = Values(), Values()
    users = max(1, row.samples // row.per_user)
    arms = [random.random() < row.share for _ in range(users)]
    goodness = [random.random() for _ in range(users)]
    for number in range(1, row.samples + 1):
        user = number - 1 if row.per_user == 1 else random.randrange(users)
        in_arm = arms[user]
        draw = row.arm if in_arm else row.control
        values[in_arm].add(user, draw(random, goodness[user]))
        if min(values[0].count, values[1].count) < LEAST:
            continue
        found = compare(
            row.measure, values[1].moments, values[0].moments, error=ERROR, planned=2000
        )
        if found.verdict is not ArmVerdict.GO_ON:
            return number, found.verdict
    return row.samples, ArmVerdict.GO_ON


def main() -> None:
    """Run all rows."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{runs} experiments a row, seed {SEED}, error {ERROR:.0%}, looked at every request")
    for row in A_A:
        random = Random(SEED)
        wrong = sum(stopped_at(row, random)[1] is not ArmVerdict.GO_ON for _ in range(runs))
        print(f"{row.name:<42} wrong {wrong / runs:6.2%}")
    for row in POWER:
        random = Random(SEED)
        ends = [stopped_at(row, random) for _ in range(max(1, runs // 10))]
        found = sorted(number for number, verdict in ends if verdict is not ArmVerdict.GO_ON)
        shown = f"{len(found) / len(ends):6.1%} within {row.samples:,}"
        median = f", median {sorted(n for n, _ in ends)[len(ends) // 2]:,}" if found else ""
        print(f"{row.name:<42} seen {shown}{median}")


if __name__ == "__main__":
    main()
