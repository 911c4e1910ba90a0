"""Ranks by cost are those of the costs themselves, whatever was asked before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policy_router.decision.order.cost_ranks import RANGES, CostRanks

PRICES = st.integers(0, 5) | st.sampled_from([150, 2_500, 10_000])
RESTS = st.integers(0, 40) | st.floats(0, 1e9) | st.sampled_from([300_000, 300_000.0])
TOKENS = st.integers(0, 60) | st.integers(0, 2_000_000)


def plainly(lines: list[tuple[float, float]], tokens: int) -> tuple[int, ...]:
    costs = [tokens * price + rest for price, rest in lines]
    return tuple(sum(other < each for other in set(costs)) for each in costs)


@given(st.lists(st.tuples(PRICES, RESTS), max_size=6), st.lists(TOKENS, max_size=12))
def test_ranks_are_those_of_the_costs(lines: list[tuple[float, float]], asked: list[int]) -> None:
    ranks = CostRanks(lines)
    for tokens in asked:
        assert ranks.ranks(tokens) == plainly(lines, tokens)


def test_few_ranges_are_kept() -> None:
    # These lines cross at many numbers of tokens; the last is parallel to one of them.
    lines = [*((float(n), 8.0 * (60 - n) ** 2) for n in range(60)), (7.0, 8.0 * 53**2 + 1)]
    ranks = CostRanks(lines)
    for tokens in range(8 * 2 * 60):
        assert ranks.ranks(tokens) == plainly(lines, tokens)
        assert len(ranks._starts) <= RANGES
