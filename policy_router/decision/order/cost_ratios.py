"""The ratios of output to input tokens at which models change places by cost.

Two models cost the same at one ratio only, so that between two such ratios the order by cost is
one and the same.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.models import Model

CLOSE: Final = 1e-9
MOST_PRICES: Final = 512
"""Any two prices may be equal at a ratio of their own. With more prices than this, the models are
sorted for each request."""


class CostRatios:
    """The intervals between the ratios at which models of one group cost the same."""

    def __init__(self, groups: Iterable[Sequence[Model]]) -> None:
        """Find the ratios.

        Args:
            groups: The models whose order depends on cost, those that compete with each other.
        """
        groups = list(groups)
        self._none = max((len({m.price for m in g}) for g in groups), default=0) > MOST_PRICES
        found = [ratio for group in groups if not self._none for ratio in crossings(group)]
        self._ratios = tuple(sorted(set(found)))

    def cell(self, tokens: int, output: int) -> int | None:
        """The number of the interval between ratios that a request lies in.

        None where it is so close to a ratio that floating point does not distinguish the two, and
        models may cost the same; where there are too many ratios; and where there are no tokens.
        """
        if self._none or not tokens + output:
            return None
        ratios = self._ratios
        if not ratios:
            return 0
        ratio = output / (tokens + output)
        at = bisect_right(ratios, ratio)
        if at and ratio - ratios[at - 1] < CLOSE:
            return None
        return None if at < len(ratios) and ratios[at] - ratio < CLOSE else at


def crossings(models: Sequence[Model]) -> tuple[float, ...]:
    """The shares of output in all tokens at which two models cost the same, ascending."""
    prices = {(m.price.input, m.price.output) for m in models if m.price is not None}
    shares = set()
    for in_a, out_a in prices:
        for in_b, out_b in prices:
            # input costs more and output does not: equal where in*(1-x) + out*x is the same
            if in_a > in_b and out_a <= out_b:
                shares.add((in_a - in_b) / ((in_a - in_b) + (out_b - out_a)))
    return tuple(sorted(shares))
