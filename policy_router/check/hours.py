"""Prices that depend on the hour, and the weeks by which their hours are compared."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final

from policy_router.domain.hours import edges
from policy_router.language.document.prices import PriceShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.check.subject import Subject
    from policy_router.domain.hours import Hours
    from policy_router.domain.prices import Price

# In winter, in summer, and where clocks have changed in America but not in Europe. The year does
# not matter, and a fixed one makes a finding independent of the day on which it is looked for.
_MONDAYS: Final = tuple(
    datetime(2027, month, day, tzinfo=UTC).timestamp()
    for month, day in ((1, 11), (3, 15), (7, 12), (11, 1))
)
_WEEK: Final = 7 * 86_400


def in_force(ranges: Sequence[Hours]) -> tuple[list[float], list[int]]:
    """Work out when each of some ranges is in force.

    Each range is looked at between its own edges only, so that many ranges take little time.

    Args:
        ranges: The ranges.

    Returns:
        A Unix time of every part of some weeks in which the same ranges are in force, ascending;
        and for each range a set of the parts in which it is: bit i stands for the part of time i.
    """
    own = [[e for m in _MONDAYS for e in (m, *edges([hours], m, m + _WEEK))] for hours in ranges]
    times = sorted({*_MONDAYS, *chain.from_iterable(own)})
    parts = []
    for hours, begins in zip(ranges, own, strict=True):
        places = [bisect_left(times, begin) for begin in begins]
        parts.append(
            sum(
                (1 << until) - (1 << since)
                for begin, (since, until) in zip(
                    begins, pairwise([*places, len(times)]), strict=True
                )
                if begin in hours
            )
        )
    return times, parts


def stated_prices(subject: Subject) -> Iterator[tuple[str, Price, list[Hours]]]:
    """Return each model whose price the policy states: its name, the price, the hours of that."""
    shapes = subject.draft.document.models or {}
    for model in subject.policy.models:
        if model.price is not None and isinstance(shapes[model.name].price, PriceShape):
            yield model.name, model.price, [hours for hours, _ in model.price.by_hour]
