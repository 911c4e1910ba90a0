"""Measures how well settings order examples, or spread them over the bands."""

from __future__ import annotations

from collections import Counter
from itertools import chain, groupby, pairwise
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.classification.calibration.examples import (
    Example,
    Measure,
    ScoredExamples,
    mean,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DRAWS: Final = 200
"""Number of bootstrap samples of the prompts for an interval."""


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
    """Return the share of the gap between the light and the strong model that is closed.

    It is averaged over all shares of requests sent to the strong model, the highest scores first.
    Chance gives 0.5, and so does a gap of zero.
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
