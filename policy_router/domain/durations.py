"""Histograms of durations with exponential buckets, so that counts from several sources can be
added.

There are sixteen buckets per doubling. A percentile read from them is off by at most 2.2 percent.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil, floor, log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PER_DOUBLING: Final = 16
"""Buckets between a duration and twice that duration."""
RELATIVE_ERROR: Final = 2 ** (0.5 / PER_DOUBLING) - 1
"""How far a percentile can be off, as a share of it, for durations within the bounds."""
SHORTEST: Final = 1e-4
"""Seconds; anything shorter is in the first bucket."""
LONGEST: Final = 1e9
"""Seconds; anything longer is in the last bucket."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration, from 0."""
    if not seconds > SHORTEST:
        return 0
    return floor(log2(min(seconds, LONGEST) / SHORTEST) * PER_DOUBLING)


def seconds_of(bucket: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    return float(SHORTEST * 2 ** ((bucket + 0.5) / PER_DOUBLING))


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """A percentile of some durations.

    Args:
        counts: How many durations are in each bucket.
        share: The share, above 0 and at most 1.

    Returns:
        Seconds; None where there is no duration.
    """
    return percentiles(counts, (share,))[0]


def percentiles(counts: Mapping[int, int], shares: Sequence[float]) -> list[float | None]:
    """Several percentiles of some durations; see `percentile`."""
    buckets = sorted(counts)
    up_to = list(accumulate(map(counts.__getitem__, buckets)))
    total = up_to[-1] if up_to else 0
    if not total:
        return [None] * len(shares)
    places = (bisect_left(up_to, max(1, ceil(total * share))) for share in shares)
    return [seconds_of(buckets[place]) for place in places]
