"""Fits the weights of the factors and the starts of the bands to examples."""

from __future__ import annotations

from dataclasses import astuple
from itertools import groupby, pairwise
from math import floor
from typing import TYPE_CHECKING, Final

from policy_router.classification.calibration.examples import (
    Example,
    Measure,
    ScoredExamples,
    scores_of,
)
from policy_router.domain.complexity import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEP: Final = 0.05
"""Step by which weight is moved from one factor to another."""
WORTH: Final = 0.002
"""The smallest improvement that justifies a move; smaller ones would fit noise."""
APART: Final = 0.001
"""Minimum distance between the starts of two bands."""


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
    for index in named[1:]:
        # The number of misplaced examples with all above the cut, then with each score below it.
        wrong = least = sum(band < index for _, band in ranked)
        cut = ranked[0][0]
        for score, group in groupby(ranked, key=lambda pair: pair[0]):
            if wrong < least:
                least, cut = wrong, score
            wrong += sum(1 if band >= index else -1 for _, band in group)
        if cut > ranked[0][0] and least < wrong:
            fitted[index] = _down(cut)
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
