"""Weights and band cuts fitted to requests whose band or outcome is known, and what that is worth.

Half of the prompts, by digest, is judged with what was fitted on the other half, both ways round,
so every figure is of prompts that were not fitted. What is counted and drawn are prompts, each with
all its examples: one prompt many times over is no more evidence than once. Nothing is proposed
whose advantage may be chance.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from itertools import chain, groupby, pairwise
from math import floor
from random import Random
from typing import Final, NamedTuple, TypeAlias

from policy_router.classification.complexity import CRITICAL, curve
from policy_router.domain.complexity import Weights

FEWEST: Final = 50
"""Distinct prompts a half; with fewer no difference of weights could be told from chance."""
EACH: Final = 10
"""Distinct prompts a half that a band needs for its start to be fitted."""
STEP: Final = 0.05
"""By how much weight is moved at a time from one factor to another."""
WORTH: Final = 0.002
"""What a move must improve the order by, so that fitting ends before it follows chance."""
DRAWS: Final = 200
APART: Final = 0.001
"""Bands begin at least this far from one another."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request with what is known of it.

    values: of the factors, 0..1, in the order of `Weights`. criticality: of its task, 0..1.
    prompt: digest of its prompt. band: the place of its band, easiest 0, or None when the outcomes
    are known: light, strong: what a light and a strong model scored, 0..1.
    """

    values: tuple[float, ...]
    criticality: float
    prompt: int
    band: int | None = None
    light: float = 0.0
    strong: float = 0.0

    @property
    def half(self) -> bool:
        """Which half it is in: the same as its equals."""
        return bool(self.prompt & 1)


class Figure(NamedTuple):
    """A measure of unfitted examples with the settings as they are, as proposed, and the
    difference, which lies within low..high in 95 % of the samples drawn from their prompts."""

    name: str
    now: float
    then: float
    low: float
    high: float


class Proposal(NamedTuple):
    """weights, starts: what to write, or None where the present ones are not clearly beaten.
    figures: why. unfitted: places of the bands that too few labels name."""

    weights: Weights | None
    starts: tuple[float, ...] | None
    figures: tuple[Figure, ...]
    unfitted: tuple[int, ...] = ()


class TooFewError(ValueError):
    """Nothing can be told from so few examples; says of what there are too few."""


class ScoredExamples(NamedTuple):
    """Examples, and what some settings make of each: its score and the place of its band."""

    examples: Sequence[Example]
    scores: Sequence[float]
    bands: Sequence[int]


Measure: TypeAlias = Callable[[ScoredExamples], float]


def propose(examples: Sequence[Example], weights: Weights, starts: Sequence[float]) -> Proposal:
    """What to change.

    Either all examples have a band or none has. starts: where the bands begin, ascending; the
    first stays as it is. Takes some seconds for a thousand examples, and as much for each more.
    TooFewError: a half has fewer than `FEWEST` distinct prompts, or fewer than two bands have
    `EACH` in each half.
    """
    halves = [[each for each in examples if each.half is half] for half in (False, True)]
    if min(map(distinct, halves)) < FEWEST:
        raise TooFewError(f"each half needs {FEWEST} distinct prompts")
    labelled = examples[0].band is not None
    named = [place for place in range(len(starts)) if not labelled or _is_named(place, halves)]
    if labelled and len(named) < 2:
        raise TooFewError(f"two bands or more need {EACH} distinct prompts in each half")
    order = agreement if labelled else recovered
    swapped = halves[::-1]

    now = [tell(half, weights, starts) for half in halves]
    fitted = [fit_weights(other, weights, order) for other in swapped]
    then = [tell(h, w, starts) for h, w in zip(halves, fitted, strict=True)]
    name = "right order of two" if labelled else "part of the gap recovered"
    figures = [compare(name, now, then, order)]
    better = figures[0].low > 0
    if not better:
        fitted = [weights, weights]

    cut = partial(fit_starts, named=named) if labelled else even_starts
    settings = [(w, cut(o, w, starts)) for w, o in zip(fitted, swapped, strict=True)]
    then = [tell(h, w, s) for h, (w, s) in zip(halves, settings, strict=True)]
    if labelled:
        near = partial(closeness, most=len(starts) - 1)
        figures.append(compare("closeness to the right band", now, then, near))
    else:
        figures.append(compare("outside the largest band", now, then, spread))
    final = fit_weights(examples, weights, order) if better else weights
    return Proposal(
        final if better else None,
        cut(examples, final, starts) if figures[1].low > 0 else None,
        tuple(figures),
        tuple(place for place in range(len(starts)) if place not in named),
    )


def _is_named(place: int, halves: Iterable[Iterable[Example]]) -> bool:
    """Whether enough prompts of each half are in that band."""
    return all(distinct(e for e in half if e.band == place) >= EACH for half in halves)


def distinct(examples: Iterable[Example]) -> int:
    """How many prompts the examples have."""
    return len({each.prompt for each in examples})


def scores_of(examples: Sequence[Example], weights: Weights) -> list[float]:
    """The heuristic's scores with these weights."""
    by = astuple(weights)
    found = []
    for each in examples:
        score = curve(sum(value * weight for value, weight in zip(each.values, by, strict=True)))
        found.append(score + (1 - score) * CRITICAL * each.criticality)
    return found


def tell(examples: Sequence[Example], weights: Weights, starts: Sequence[float]) -> ScoredExamples:
    """What these settings make of the examples."""
    scores = scores_of(examples, weights)
    return ScoredExamples(examples, scores, [max(0, bisect_right(starts, s) - 1) for s in scores])


# ----------------------------------------------------------------------------------------- fitting


def fit_weights(examples: Sequence[Example], weights: Weights, order: Measure) -> Weights:
    """Weights from which no move of one step improves the order by `WORTH`."""

    def value(steps: Sequence[int]) -> float:
        return order(ScoredExamples(examples, scores_of(examples, _weights(steps)), ()))

    whole = round(1 / STEP)
    steps = _rounded([each * whole for each in astuple(weights)])
    best = value(steps)
    while True:
        moves = [
            tuple(s - (i == giver) + (i == taker) for i, s in enumerate(steps))
            for giver in range(len(steps))
            for taker in range(len(steps))
            if giver != taker and steps[giver]
        ]
        found, move = max((value(each), each) for each in moves)
        if found < best + WORTH:
            return _weights(steps)
        best, steps = found, move


def fit_starts(
    examples: Sequence[Example], weights: Weights, starts: Sequence[float], named: Sequence[int]
) -> tuple[float, ...]:
    """Starts with which fewest examples fall below or above where they belong, for each band that
    is named but the lowest: of that nothing says what lies below. A start that is better nowhere
    than at an end of the scale is none. The others keep their place between those found."""
    ranked = sorted(zip(scores_of(examples, weights), (e.band or 0 for e in examples), strict=True))
    fitted = {0: starts[0], len(starts): 1.0}
    for place in named[1:]:
        # Misplaced when everything is above the cut, then with each score let below it.
        wrong = least = sum(band < place for _, band in ranked)
        cut = ranked[0][0]
        for score, group in groupby(ranked, key=lambda pair: pair[0]):
            if wrong < least:
                least, cut = wrong, score
            wrong += sum(1 if band >= place else -1 for _, band in group)
        if cut > ranked[0][0] and least < wrong:
            fitted[place] = _down(cut)
    return _ascending(_carried(starts, fitted))


def even_starts(
    examples: Sequence[Example], weights: Weights, starts: Sequence[float]
) -> tuple[float, ...]:
    """Starts that give each band the same share of the examples."""
    ranked = sorted(scores_of(examples, weights))
    many = len(starts)
    inner = [_down(ranked[len(ranked) * place // many]) for place in range(1, many)]
    return _ascending([starts[0], *inner])


def _carried(starts: Sequence[float], fitted: Mapping[int, float]) -> list[float]:
    """The starts with those that were fitted, by place; the end of the scale is one of them. What
    lies between two of them keeps its share of the way from one to the other."""
    before = [*starts, 1.0]
    found = []
    for low, high in pairwise(sorted(fitted)):
        scale = (fitted[high] - fitted[low]) / (before[high] - before[low] or 1)
        found.append(fitted[low])
        found += [fitted[low] + (each - before[low]) * scale for each in before[low + 1 : high]]
    return found


def _ascending(cuts: Sequence[float]) -> tuple[float, ...]:
    """Each cut to three places, above the one before it, and low enough for those to come."""
    found = [cuts[0]]
    for place, cut in enumerate(cuts[1:], start=1):
        most = 1 - APART * (len(cuts) - 1 - place)
        found.append(round(min(most, max(cut, found[-1] + APART)), 3))
    return tuple(found)


def _down(cut: float) -> float:
    """The cut to three places, such that its example stays above it."""
    return floor(cut / APART) * APART


def _weights(steps: Sequence[int]) -> Weights:
    return Weights(*(round(each * STEP, 2) for each in steps))


def _rounded(parts: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers near these, with the same sum: the largest remainders are rounded up."""
    down = [floor(part) for part in parts]
    missing = round(sum(parts)) - sum(down)
    up = sorted(range(len(parts)), key=lambda i: down[i] - parts[i])[:missing]
    return tuple(each + (i in up) for i, each in enumerate(down))


# --------------------------------------------------------------------------------------- measuring


def agreement(told: ScoredExamples) -> float:
    """Of all pairs of examples in two bands, the share where the harder scores higher; a tie is
    half. Chance gives 0.5."""
    ranked = sorted(zip(told.scores, (each.band or 0 for each in told.examples), strict=True))
    below: Counter[int] = Counter()
    right = pairs = 0.0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        here = Counter(band for _, band in group)
        for band, count in here.items():
            easier = sum(n for other, n in below.items() if other < band)
            harder = sum(n for other, n in below.items() if other > band)
            tied = sum(n for other, n in here.items() if other != band)
            right += count * (easier + tied / 4)
            pairs += count * (easier + harder + tied / 2)
        below += here
    return right / pairs if pairs else 0.5


def recovered(told: ScoredExamples) -> float:
    """The part of the gap between light and strong that is closed, averaged over all shares of
    requests sent to the strong model, highest scores first. Chance gives 0.5; so does no gap."""
    gaps = [each.strong - each.light for each in told.examples]
    ranked = sorted(zip(told.scores, gaps, strict=True), reverse=True)
    points, total, seen = [(0, 0.0)], 0.0, 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        closed = [gap for _, gap in group]
        total += sum(closed)
        seen += len(closed)
        points.append((seen, total))
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    return area / seen / total if total else 0.5


def closeness(told: ScoredExamples, most: int) -> float:
    """1 when every example is in its band, 0 when each is `most` bands away from it."""
    away = [abs(b - (e.band or 0)) for b, e in zip(told.bands, told.examples, strict=True)]
    return 1 - mean(away) / max(most, 1)


def spread(told: ScoredExamples) -> float:
    """The share of examples outside the band that has most."""
    return 1 - max(Counter(told.bands).values()) / len(told.bands)


def compare(
    name: str, now: Sequence[ScoredExamples], then: Sequence[ScoredExamples], measure: Measure
) -> Figure:
    """The mean of a measure over the halves, now and then, on the same samples of prompts."""
    chance = Random(1)  # noqa: S311  samples, no secret; the same each time
    groups = [_by_prompt(half.examples) for half in now]
    drawn = []
    for _ in range(DRAWS):
        picks = [list(chain(*chance.choices(own, k=len(own)))) for own in groups]
        drawn.append(_mean(measure, then, picks) - _mean(measure, now, picks))
    drawn.sort()
    return Figure(
        name,
        mean([measure(half) for half in now]),
        mean([measure(half) for half in then]),
        drawn[DRAWS // 40],
        drawn[-1 - DRAWS // 40],
    )


def _by_prompt(examples: Sequence[Example]) -> list[list[int]]:
    """The places of the examples of each prompt."""
    found: dict[int, list[int]] = {}
    for place, each in enumerate(examples):
        found.setdefault(each.prompt, []).append(place)
    return list(found.values())


def mean(values: Sequence[float]) -> float:
    """Their mean. Not that of `statistics`, whose import every command would pay for."""
    return sum(values) / len(values)


def _mean(
    measure: Measure, halves: Sequence[ScoredExamples], picks: Sequence[Sequence[int]]
) -> float:
    sampled = [
        ScoredExamples(
            [half.examples[i] for i in pick],
            [half.scores[i] for i in pick],
            [half.bands[i] for i in pick],
        )
        for half, pick in zip(halves, picks, strict=True)
    ]
    return mean([measure(half) for half in sampled])
