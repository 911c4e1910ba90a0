"""Prices that depend on the hour, and the weeks by which their hours are compared."""

from __future__ import annotations

from datetime import UTC, datetime
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


def moments(ranges: Sequence[Hours]) -> Iterator[float]:
    """Return a Unix time of every part of some weeks in which the same ranges are in force."""
    for monday in _MONDAYS:
        yield monday
        yield from edges(ranges, monday, monday + _WEEK)


def stated_prices(subject: Subject) -> Iterator[tuple[str, Price, list[Hours]]]:
    """Return each model whose price the policy states: its name, the price, the hours of that."""
    shapes = subject.draft.document.models or {}
    for model in subject.policy.models:
        if model.price is not None and isinstance(shapes[model.name].price, PriceShape):
            yield model.name, model.price, [hours for hours, _ in model.price.by_hour]
