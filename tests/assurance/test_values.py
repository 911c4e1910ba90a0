"""Values that stand for the cells of a fact."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policy_router.assurance.values import cell_of_number, lowest_number
from policy_router.decision.space import Dimension
from policy_router.domain.facts import Fact, FactType

SCORE = Fact("score", FactType.NUMBER, low=0.0, high=1.0)
AGE = Fact("age", FactType.NUMBER)


@given(
    st.sampled_from((SCORE, AGE)),
    st.sets(st.decimals(0, 1, places=3).map(float), min_size=1, max_size=5),
)
def test_a_number_lies_in_its_cell_and_can_be_written(fact: Fact, numbers: set[float]) -> None:
    constants = tuple(sorted(numbers))
    dimension = Dimension(0, FactType.NUMBER, None, constants, (), -1)
    last = fact.high is not None and constants[-1] == fact.high
    for cell in range(2 * len(constants) + 1 - last):
        if cell or fact.low != constants[0]:
            number = lowest_number(dimension, fact, 1 << cell)
            assert cell_of_number(dimension, number) == cell
            assert len(repr(number)) <= len("-0.1234")
