"""What learning gains and loses on real outcomes, beside other ways to choose a model, in one run.

    python benchmarks/learning.py --data DIR [--seeds 10] [--requests 5000] [--alarms]

DIR holds files as benchmarks/outcomes.py describes them. A stream of requests is drawn from their
rows; three models answer, a light one, a standard one and a heavy one, at the costs 0, 0.1 and 1. A
check finds 80 % of the bad answers bad and 20 % of the good ones. What a way of choosing is worth:
good answers minus `lambda` times cost, in points (hundredths) a request. `single`: the first answer
is the answer. `plan`: a flagged answer is asked again of the next stronger model.

All ways see the same requests, and the same model gives the same answer and verdict to a request in
all of them, so differences have little noise; intervals are 95 % over the seeds. `best`: the
best order of three models that stays as it is, known only afterwards. `oracle` knows the outcomes.
LiteLLM's adaptive router is called from its package, with its classifier; the verdicts are its
rewards.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.three_tiers import COSTS, tier_rows
from policy_router.domain.beliefs import Rival
from policy_router.learning.alarms import Alarm, AlarmChange
from policy_router.learning.beliefs import model_belief, pooled, share_after
from policy_router.learning.evidence import JUDGE, TRUTH, Answers, CheckRates, answers_of
from policy_router.learning.exploration import Trial, drawn, trials
from policy_router.learning.order import learned_order
from policy_router.learning.plans import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODELS: Final = tuple(COSTS)
PRIORS: Final = dict(zip(MODELS, (0.60, 0.75, 0.85), strict=True))
LAMBDAS: Final = (0.05, 0.1, 0.2, 0.3)
EARLY, LATE = 500, 1500
"""The first and the last requests of a stream, which are reported apart."""
EVERY: Final = 200
"""Requests after which the order is worked out again."""
EXPLORE: Final = 0.05
FALLS: Final = (0.4, 0.2, 0.1)
ENOUGH: Final = (30, 20)
"""Verdicts that a move rests on: at the root, at every other node."""
FIRST, AFTER = 0, 1


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt: the nodes that it belongs to, what each model scores, and LiteLLM's type of it."""

    path: tuple[tuple[str | None, ...], ...]
    scores: tuple[float, ...]
    litellm: object


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a stream: whether each model's answer is good, and whether it is flagged."""

    row: Row
    good: tuple[bool, ...]
    flagged: tuple[bool, ...]
    draw: float


class Chooser(Protocol):
    """A way of choosing models."""

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""

    def learn(self, request: Request, model: str, role: int) -> None:
        """Gets to know the verdict on an answer."""


@dataclass
class Fixed:
    """Always the same order."""

    models: tuple[str, ...]

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""
        del request
        return self.models

    def learn(self, request: Request, model: str, role: int) -> None:
        """Learns nothing."""


@dataclass
class Adjusted:
    """The guarded order of policy_router.learning, from a written order."""

    written: tuple[str, ...]
    terms: Terms
    explore: float = EXPLORE
    seen: dict[tuple[object, str, int], list[int]] = field(default_factory=dict)
    kept: dict[object, tuple[tuple[str, ...], tuple[Trial, ...]]] = field(default_factory=dict)
    traffic: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    requests: int = 0

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""
        if self.requests % EVERY == 0:
            self.kept.clear()
        self.requests += 1
        leaf = request.row.path[-1]
        if leaf not in self.kept:
            path = [self._rivals(request.row.path[: depth + 1]) for depth in range(3)]
            order, _ = learned_order(self.written, path, self.terms, valued=True)
            self.kept[leaf] = (
                order,
                trials(order, path[-1], self.terms, self.explore, spendable=self.terms.worth),
            )
        order, tried = self.kept[leaf]
        found = drawn(tried, request.draw)
        if found is None:
            return order
        return (found.model, *(name for name in order if name != found.model))

    def _rivals(self, path: Sequence[tuple[str | None, ...]]) -> dict[str, Rival]:
        return {name: self._rival(name, tier, path) for tier, name in enumerate(MODELS)}

    def _rival(self, name: str, tier: int, path: Sequence[tuple[str | None, ...]]) -> Rival:
        share = PRIORS[name]
        first = [self._pooled(node, name, FIRST, share) for node in path]
        after = [self._pooled(node, name, AFTER, share_after(share)) for node in path]
        known = first[-1].verdicts + after[-1].verdicts >= ENOUGH[min(1, len(path) - 1)]
        return Rival(model_belief(share, first, after), tier, known, True)

    def _pooled(self, node: tuple[str | None, ...], model: str, role: int, share: float) -> Answers:
        leaves = [
            (self._evidence(leaf, model, role), count)
            for leaf, count in self.traffic.items()
            if leaf[: len(node)] == node
        ]
        return pooled(leaves, share)

    def _evidence(self, node: tuple[str | None, ...], model: str, role: int) -> Answers:
        passed, flagged = self.seen.get((node, model, role), (0, 0))
        n = passed + flagged
        return Answers(*answers_of(passed, flagged, JUDGE), n, n, n, n)

    def learn(self, request: Request, model: str, role: int) -> None:
        """Gets to know the verdict on an answer."""
        flagged = request.flagged[MODELS.index(model)]
        leaf = request.row.path[-1]
        self.seen.setdefault((leaf, model, role), [0, 0])[flagged] += 1
        if role == FIRST:
            self.traffic[leaf] = self.traffic.get(leaf, 0) + 1


@dataclass
class RoundRobin:
    """Each model in turn."""

    turn: int = 0

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""
        del request
        self.turn += 1
        return _from(MODELS[self.turn % len(MODELS)])

    def learn(self, request: Request, model: str, role: int) -> None:
        """Learns nothing."""


@dataclass
class Bandit:
    """Thompson sampling over (kind, model), or epsilon-greedy, on the share of passed answers."""

    terms: Terms
    rng: random.Random
    epsilon: float | None = None
    counts: dict[tuple[object, str], list[float]] = field(default_factory=dict)

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""
        if self.epsilon is not None and self.rng.random() < self.epsilon:
            return _from(self.rng.choice(MODELS))
        return _from(max(MODELS, key=lambda name: self._value(request, name)))

    def _value(self, request: Request, name: str) -> float:
        passed, flagged = self.counts.get((request.row.path[-1], name), (1.0, 1.0))
        share = (
            passed / (passed + flagged)
            if self.epsilon is not None
            else self.rng.betavariate(passed, flagged)
        )
        good = (share - 1 + JUDGE.caught) / JUDGE.power
        return self.terms.worth * min(1.0, max(0.0, good)) - self.terms.costs[name]

    def learn(self, request: Request, model: str, role: int) -> None:
        """Gets to know the verdict on an answer."""
        if role == FIRST:
            counts = self.counts.setdefault((request.row.path[-1], model), [1.0, 1.0])
            counts[request.flagged[MODELS.index(model)]] += 1


class Adaptive:
    """LiteLLM's adaptive router."""

    def __init__(self, rng: random.Random) -> None:
        from litellm.router_strategy.adaptive_router import bandit
        from litellm.types.router import AdaptiveRouterPreferences

        self._bandit, self._rng = bandit, rng
        self._preferences = {
            name: AdaptiveRouterPreferences(quality_tier=tier + 1, strengths=[])
            for tier, name in enumerate(MODELS)
        }
        self._cells: dict[tuple[object, str], object] = {}

    def _cell(self, request: Request, name: str) -> object:
        kind = request.row.litellm
        cell = self._cells.get((kind, name))
        if cell is None:
            cell = self._bandit.initial_cell(self._preferences[name], kind)
            self._cells[kind, name] = cell
        return cell

    def order(self, request: Request) -> Sequence[str]:
        """The models in the order in which they are asked."""
        cells = {name: self._cell(request, name) for name in MODELS}
        return _from(self._bandit.pick_best(cells, COSTS, rng=self._rng))

    def learn(self, request: Request, model: str, role: int) -> None:
        """Gets to know the verdict on an answer."""
        if role == FIRST:
            flagged = request.flagged[MODELS.index(model)]
            cell = self._bandit.apply_delta(
                self._cell(request, model), float(not flagged), float(flagged)
            )
            self._cells[request.row.litellm, model] = cell


def _from(first: str) -> tuple[str, ...]:
    return (first, *(name for name in MODELS if name != first))


def rows_of(folder: Path) -> list[Row]:
    """The rows of all sets."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.router_strategy.adaptive_router.classifier import classify_prompt

    return [
        Row(((), (row.form,), (row.form, row.kind)), row.scores, classify_prompt(row.prompt))
        for row in tier_rows(folder)
    ]


def stream(rows: Sequence[Row], requests: int, seed: int) -> list[Request]:
    """Requests drawn from the rows; what every model would answer is drawn with them."""
    rng = random.Random(seed)
    made = []
    for _ in range(requests):
        row = rng.choice(rows)
        good = tuple(rng.random() < score for score in row.scores)
        flagged = tuple(rng.random() < (JUDGE.spurious if each else JUDGE.caught) for each in good)
        made.append(Request(row, good, flagged, rng.random()))
    return made


def worths(
    chooser: Chooser, requests: Sequence[Request], price: float, *, plan: bool
) -> list[float]:
    """What each request is worth: a good answer is worth 1, cost counts `price`."""
    out = []
    for request in requests:
        order = chooser.order(request)
        first = MODELS.index(order[0])
        chooser.learn(request, order[0], FIRST)
        answered, cost = first, COSTS[order[0]]
        then = next((name for name in order[1:] if MODELS.index(name) > first), None)
        if plan and then is not None and request.flagged[first]:
            answered = MODELS.index(then)
            cost += COSTS[then]
            chooser.learn(request, then, AFTER)
        out.append(request.good[answered] - price * cost)
    return out


def oracle(request: Request, price: float) -> float:
    """What the best model's answer is worth."""
    return max(request.good[i] - price * COSTS[name] for i, name in enumerate(MODELS))


def difference(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> str:
    """The mean difference in points and its 95 % interval over the seeds."""
    each = [
        100 * (statistics.fmean(a) - statistics.fmean(b)) for a, b in zip(one, other, strict=True)
    ]
    spread = 1.96 * statistics.stdev(each) / math.sqrt(len(each))
    return f"{statistics.fmean(each):+.1f} ±{spread:.1f}"


def compare(rows: Sequence[Row], seeds: int, requests: int, price: float, *, plan: bool) -> None:
    """One table: every way of choosing, early and late, against the best fixed order."""
    streams = [stream(rows, requests, seed) for seed in range(seeds)]
    terms = Terms(1 / price, COSTS, JUDGE if plan else None)
    fixed = {
        order: [worths(Fixed(order), each, price, plan=plan) for each in streams]
        for order in itertools.permutations(MODELS)
    }
    mean = {order: statistics.fmean(map(statistics.fmean, got)) for order, got in fixed.items()}
    best, worst = max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__)
    single = max(
        statistics.fmean(
            request.good[i] - price * COSTS[name] for each in streams for request in each
        )
        for i, name in enumerate(MODELS)
    )
    print(
        f"\nlambda {price}, {'plan' if plan else 'single'}: best {' > '.join(best)}"
        f" {mean[best]:.3f},"
        f" worst {' > '.join(worst)} {mean[worst]:.3f}, best single model {single:.3f}\n"
    )
    ways: dict[str, list[list[float]]] = {}
    for name, written in (("best", best), ("worst", worst)):
        ways[f"written: {name}"] = fixed[written]
        ways[f"adjust, written: {name}"] = [
            worths(Adjusted(written, terms), each, price, plan=plan) for each in streams
        ]
    rngs = [random.Random(seed) for seed in range(seeds)]
    ways["round robin"] = [worths(RoundRobin(), each, price, plan=plan) for each in streams]
    ways["epsilon-greedy 5 %"] = [
        worths(Bandit(terms, rng, EXPLORE), each, price, plan=plan)
        for rng, each in zip(rngs, streams, strict=True)
    ]
    ways["Thompson"] = [
        worths(Bandit(terms, rng), each, price, plan=plan)
        for rng, each in zip(rngs, streams, strict=True)
    ]
    ways["LiteLLM adaptive"] = [
        worths(Adaptive(rng), each, price, plan=plan)
        for rng, each in zip(rngs, streams, strict=True)
    ]
    ways["oracle"] = [[oracle(request, price) for request in each] for each in streams]
    print(f"| {'way':24} | first {EARLY} - written | first {EARLY} - best | last {LATE} - best |")
    print(f"|{'-' * 26}|--------------------|----------------:|----------------:|")
    for name, got in ways.items():
        own = fixed[worst if name.endswith("worst") else best]
        early = difference([each[:EARLY] for each in got], [each[:EARLY] for each in own])
        early_best = difference([e[:EARLY] for e in got], [e[:EARLY] for e in fixed[best]])
        late = difference([each[-LATE:] for each in got], [each[-LATE:] for each in fixed[best]])
        print(f"| {name:24} | {early:>18} | {early_best:>15} | {late:>15} |")


def alarms(usual: float, seeds: int) -> None:
    """Calls from a fall of the quality to the alarm, and calls until a false one."""
    print("\n| verdicts by | fall 40 | fall 20 | fall 10 | calls per false alarm |")
    print("|---|---:|---:|---:|---:|")
    rare = CheckRates(caught=0.3, spurious=0.0)
    for name, check in (("a check, .8/.2", JUDGE), ("the truth", TRUTH), ("a check, .3/0", rare)):
        cells = [median_of(list(delays(usual, fall, check, 10 * seeds))) for fall in FALLS]
        quiet = list(delays(usual, 0.0, check, 2 * seeds))
        width = 1.96 * statistics.stdev(quiet) / math.sqrt(len(quiet))
        print(f"| {name} | {' | '.join(cells)} | {statistics.fmean(quiet):.0f} ±{width:.0f} |")


def median_of(numbers: list[int]) -> str:
    """A median with its 95 % interval, by ranks."""
    ranked, half = sorted(numbers), 0.98 * math.sqrt(len(numbers))
    low, high = (ranked[int(len(ranked) / 2 + side * half)] for side in (-1, 1))
    return f"{statistics.median(ranked):.0f} ({low} to {high})"


def delays(usual: float, fall: float, check: CheckRates, seeds: int) -> Iterator[int]:
    """Calls until the alarm, one number a seed; 200,000 for never."""
    for seed in range(seeds):
        rng = random.Random(seed)
        alarm = Alarm(check.flagged(usual))
        share = check.flagged(usual - fall)
        yield next(
            (
                number
                for number in range(1, 200_001)
                if alarm.note(flagged=rng.random() < share) is AlarmChange.RAISED
            ),
            200_000,
        )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--alarms", action="store_true", help="only how fast falls are found")
    asked = parser.parse_args()
    alarms(0.8, asked.seeds * 10)
    if asked.alarms:
        return
    if asked.data is None:
        parser.error("--data DIR is needed")
    rows = rows_of(asked.data)
    for plan in (False, True):
        for price in LAMBDAS:
            compare(rows, asked.seeds, asked.requests, price, plan=plan)


if __name__ == "__main__":
    main()
