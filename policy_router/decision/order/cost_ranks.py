"""The order of models by cost, which is the same for a range of numbers of input tokens."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

CostLine: TypeAlias = tuple[float, float]
"""What `cheapest` sorts a model by: the price of an input token, and the rest of the cost."""
RANGES: Final = 256
"""The most ranges that are kept."""


class CostRanks:
    """The ranks of models by cost, worked out once for each range in which they are the same.

    Args:
        lines: What each model costs.
    """

    def __init__(self, lines: Sequence[CostLine]) -> None:
        self._lines = lines
        self._starts: list[int] = []
        self._ranges: list[tuple[float, tuple[int, ...]]] = []

    def ranks(self, tokens: int) -> tuple[int, ...]:
        """The rank of each model by cost, from 0; models of the same cost have the same.

        Args:
            tokens: Input tokens of the request.
        """
        place = bisect_right(self._starts, tokens) - 1
        if place >= 0:
            last, ranks = self._ranges[place]
            if tokens <= last:
                return ranks
        return self._worked_out(tokens)

    def _worked_out(self, tokens: int) -> tuple[int, ...]:
        costs = [tokens * price + rest for price, rest in self._lines]
        by_cost = sorted(set(costs))
        rank = {each: number for number, each in enumerate(by_cost)}
        ranks = tuple([rank[each] for each in costs])
        first, last = self._range(tokens, ranks)
        if len(self._starts) >= RANGES:
            self._starts.clear()
            self._ranges.clear()
        place = bisect_right(self._starts, first)
        self._starts.insert(place, first)
        self._ranges.insert(place, (last, ranks))
        return ranks

    def _range(self, tokens: int, ranks: Sequence[int]) -> tuple[int, float]:
        """The first and the last number of tokens around one with the same ranks.

        A token is left out at both ends, where rounding may decide.
        """
        first, last = -inf, inf
        at_rank: dict[int, set[CostLine]] = {}
        for line, rank in zip(self._lines, ranks, strict=True):
            at_rank.setdefault(rank, set()).add(line)
        if any(len(same) > 1 for same in at_rank.values()):
            return tokens, tokens  # two lines that cross here
        ordered = [next(iter(at_rank[rank])) for rank in sorted(at_rank)]
        for (price, rest), (next_price, next_rest) in pairwise(ordered):
            if price == next_price:
                continue
            crossing = (next_rest - rest) / (price - next_price)
            if price < next_price:
                first = max(first, crossing)
            else:
                last = min(last, crossing)
        low = 0 if first == -inf else min(tokens, max(0, floor(first) + 2))
        return low, inf if last == inf else max(tokens, ceil(last) - 2)
