"""Fits weights and bands to requests whose band or outcome is known, and measures the advantage.

The prompts are split into two halves by digest. Each half is measured with what was fitted on the
other, so no figure is of prompts that were fitted. Prompts are counted and sampled together with
all their examples: repeating a prompt adds no evidence. Nothing is proposed whose advantage may be
due to chance.
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
"""Distinct prompts per half; with fewer, a difference cannot be distinguished from chance."""
EACH: Final = 10
"""Distinct prompts per half that a band needs for its start to be fitted."""
STEP: Final = 0.05
"""Weight that is moved at a time from one factor to another."""
WORTH: Final = 0.002
"""The least improvement of a move, so that fitting ends before it follows chance."""
DRAWS: Final = 200
APART: Final = 0.001
"""Least distance between the starts of two bands."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request with its known band or outcomes.

    Attributes:
        values: Values of the factors, 0..1, in the order of `Weights`.
        criticality: The criticality of its task, 0..1.
        prompt: A digest of its prompt.
        band: Index of its band, 0 for the easiest; None when the outcomes are known instead.
        light: Score of a light model, 0..1.
        strong: Score of a strong model, 0..1.
    """

    values: tuple[float, ...]
    criticality: float
    prompt: int
    band: int | None = None
    light: float = 0.0
    strong: float = 0.0

    @property
    def half(self) -> bool:
        """Which half it is in; examples of one prompt are in the same."""
        return bool(self.prompt & 1)


class Figure(NamedTuple):
    """A measure with the current and the proposed settings, on examples that were not fitted.

    Attributes:
        name: The measure.
        now: With the current settings.
        then: With the proposed settings.
        low: Lower end of the 95 % interval of the difference, over samples of the prompts.
        high: Upper end of that interval.
    """

    name: str
    now: float
    then: float
    low: float
    high: float


class Proposal(NamedTuple):
    """Proposed settings.

    Attributes:
        weights: Proposed weights; None when they are not clearly better than the current ones.
        starts: Proposed starts of the bands; None when they are not clearly better.
        figures: The measured advantages.
        unfitted: Indexes of the bands with too few labels.
    """

    weights: Weights | None
    starts: tuple[float, ...] | None
    figures: tuple[Figure, ...]
    unfitted: tuple[int, ...] = ()


class TooFewError(ValueError):
    """There are too few examples; the message says of what."""


class ScoredExamples(NamedTuple):
    """Examples with the score and the index of the band that some settings give to each."""

    examples: Sequence[Example]
    scores: Sequence[float]
    bands: Sequence[int]


Measure: TypeAlias = Callable[[ScoredExamples], float]


def propose(examples: Sequence[Example], weights: Weights, starts: Sequence[float]) -> Proposal:
    """Propose weights and starts of bands. Takes some seconds per thousand examples.

    Args:
        examples: Either all with a band or all with outcomes.
        weights: The current weights.
        starts: The current starts of the bands, ascending. The first is never changed.

    Returns:
        What to change, and the measured advantages.

    Raises:
        TooFewError: A half has fewer than `FEWEST` distinct prompts, or fewer than two bands have
            `EACH` of them in each half.
    """
    halves = [[e for e in examples if e.half is half] for half in (False, True)]
    if min(map(distinct, halves)) < FEWEST:
        raise TooFewError(f"each half needs {FEWEST} distinct prompts")
    labelled = examples[0].band is not None
    named = [place for place in range(len(starts)) if not labelled or _is_named(place, halves)]
    if labelled and len(named) < 2:
        raise TooFewError(f"two bands or more need {EACH} distinct prompts in each half")
    order = agreement if labelled else recovered
    swapped = halves[::-1]

    now = [evaluate(half, weights, starts) for half in halves]
    fitted = [fit_weights(other, weights, order) for other in swapped]
    then = [evaluate(h, w, starts) for h, w in zip(halves, fitted, strict=True)]
    name = "right order of two" if labelled else "part of the gap recovered"
    figures = [compare(name, now, then, order)]
    better = figures[0].low > 0
    if not better:
        fitted = [weights, weights]

    cut = partial(fit_starts, named=named) if labelled else even_starts
    settings = [(w, cut(o, w, starts)) for w, o in zip(fitted, swapped, strict=True)]
    then = [evaluate(h, w, s) for h, (w, s) in zip(halves, settings, strict=True)]
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
    """Whether a band has enough prompts in each half."""
    return all(distinct(e for e in half if e.band == place) >= EACH for half in halves)


def distinct(examples: Iterable[Example]) -> int:
    """Return the number of distinct prompts."""
    return len({example.prompt for example in examples})


def scores_of(examples: Sequence[Example], weights: Weights) -> list[float]:
    """Return the scores of the heuristic with these weights."""
    factors = astuple(weights)
    scores = []
    for example in examples:
        pairs = zip(example.values, factors, strict=True)
        score = curve(sum(value * weight for value, weight in pairs))
        scores.append(score + (1 - score) * CRITICAL * example.criticality)
    return scores


def evaluate(
    examples: Sequence[Example], weights: Weights, starts: Sequence[float]
) -> ScoredExamples:
    """Return the examples with the scores and bands that these settings give them."""
    scores = scores_of(examples, weights)
    return ScoredExamples(examples, scores, [max(0, bisect_right(starts, s) - 1) for s in scores])


# ----------------------------------------------------------------------------------------- fitting


def fit_weights(examples: Sequence[Example], weights: Weights, order: Measure) -> Weights:
    """Return weights from which no move of one step improves the order by `WORTH`."""

    def value(steps: Sequence[int]) -> float:
        return order(ScoredExamples(examples, scores_of(examples, _weights(steps)), ()))

    whole = round(1 / STEP)
    steps = _rounded([weight * whole for weight in astuple(weights)])
    best = value(steps)
    while True:
        moves = [
            tuple(s - (i == giver) + (i == taker) for i, s in enumerate(steps))
            for giver in range(len(steps))
            for taker in range(len(steps))
            if giver != taker and steps[giver]
        ]
        improved, move = max((value(move), move) for move in moves)
        if improved < best + WORTH:
            return _weights(steps)
        best, steps = improved, move


def fit_starts(
    examples: Sequence[Example], weights: Weights, starts: Sequence[float], named: Sequence[int]
) -> tuple[float, ...]:
    """Return the starts of bands with which the fewest examples are in a wrong band.

    Only the starts of `named` bands except the lowest are fitted, and only where a start inside the
    scale is better than one at its ends. The others keep their relative place between the fitted.

    Args:
        examples: Examples with bands.
        weights: The weights of the factors.
        starts: The current starts, ascending.
        named: Indexes of the bands with enough labels.
    """
    ranked = sorted(zip(scores_of(examples, weights), (e.band or 0 for e in examples), strict=True))
    fitted = {0: starts[0], len(starts): 1.0}
    for place in named[1:]:
        # The number of misplaced examples with all above the cut, then with each score below it.
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
    """Return starts that give each band the same share of the examples."""
    ranked = sorted(scores_of(examples, weights))
    count = len(starts)
    inner = [_down(ranked[len(ranked) * place // count]) for place in range(1, count)]
    return _ascending([starts[0], *inner])


def _carried(starts: Sequence[float], fitted: Mapping[int, float]) -> list[float]:
    """Return all starts, given the fitted ones by index and the end of the scale.

    A start between two fitted ones keeps its relative distance to them.
    """
    before = [*starts, 1.0]
    carried = []
    for low, high in pairwise(sorted(fitted)):
        scale = (fitted[high] - fitted[low]) / (before[high] - before[low] or 1)
        carried.append(fitted[low])
        between = before[low + 1 : high]
        carried += [fitted[low] + (start - before[low]) * scale for start in between]
    return carried


def _ascending(cuts: Sequence[float]) -> tuple[float, ...]:
    """Round the cuts to three places, ascending and with room for those that follow."""
    rounded = [cuts[0]]
    for place, cut in enumerate(cuts[1:], start=1):
        most = 1 - APART * (len(cuts) - 1 - place)
        rounded.append(round(min(most, max(cut, rounded[-1] + APART)), 3))
    return tuple(rounded)


def _down(cut: float) -> float:
    """Round a cut down to three places, so that its example stays above it."""
    return floor(cut / APART) * APART


def _weights(steps: Sequence[int]) -> Weights:
    return Weights(*(round(step * STEP, 2) for step in steps))


def _rounded(parts: Sequence[float]) -> tuple[int, ...]:
    """Round numbers to integers with the same sum: those with the largest remainders go up."""
    down = [floor(part) for part in parts]
    missing = round(sum(parts)) - sum(down)
    up = sorted(range(len(parts)), key=lambda i: down[i] - parts[i])[:missing]
    return tuple(part + (i in up) for i, part in enumerate(down))


# --------------------------------------------------------------------------------------- measuring


def agreement(scored: ScoredExamples) -> float:
    """Return the share of pairs from two bands in which the harder example scores higher.

    A tie counts half. Chance gives 0.5.
    """
    ranked = sorted(zip(scored.scores, (e.band or 0 for e in scored.examples), strict=True))
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


def recovered(scored: ScoredExamples) -> float:
    """Return the part of the gap between the light and the strong model that is closed.

    It is averaged over all shares of requests sent to the strong model, the highest scores first.
    Chance gives 0.5, and so does no gap.
    """
    gaps = [e.strong - e.light for e in scored.examples]
    ranked = sorted(zip(scored.scores, gaps, strict=True), reverse=True)
    points, total, seen = [(0, 0.0)], 0.0, 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        closed = [gap for _, gap in group]
        total += sum(closed)
        seen += len(closed)
        points.append((seen, total))
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    return area / seen / total if total else 0.5


def closeness(scored: ScoredExamples, most: int) -> float:
    """Return 1 when every example is in its band, 0 when each is `most` bands away from it."""
    away = [abs(b - (e.band or 0)) for b, e in zip(scored.bands, scored.examples, strict=True)]
    return 1 - mean(away) / max(most, 1)


def spread(scored: ScoredExamples) -> float:
    """Return the share of examples outside the largest band."""
    return 1 - max(Counter(scored.bands).values()) / len(scored.bands)


def compare(
    name: str, now: Sequence[ScoredExamples], then: Sequence[ScoredExamples], measure: Measure
) -> Figure:
    """Compare a measure, averaged over the halves, on the same samples of prompts."""
    chance = Random(1)  # noqa: S311  for samples, not for secrets; the same each time
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
    """Return the indexes of the examples of each prompt."""
    groups: dict[int, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(example.prompt, []).append(index)
    return list(groups.values())


def mean(values: Sequence[float]) -> float:
    """Return the mean. The one of `statistics` would slow down the start of every command."""
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
