"""When a rolling window has room again."""

from __future__ import annotations

import pytest

from policy_router.domain.limits import Charge, Counter, CounterKey
from policy_router.ledger.arithmetic import opens_at

COUNTER = Counter(CounterKey.parse("limits/a|tokens|min||-"), width=1, slots=60)


@pytest.mark.parametrize(
    ("amount", "limit", "expected"),
    [(1, 10, 71.0), (3, 10, 71.0), (4, 10, 76.0), (7, 10, 91.0), (10, 10, 91.0), (11, 10, None),
     (1, None, None)],
)  # fmt: skip
def test_as_slots_leave_the_window(amount: int, limit: int | None, expected: float | None) -> None:
    slots = {3: 5, 10: 3, 15: 3, 30: 4}  # the first has left it already
    assert opens_at(slots, Charge(COUNTER, amount, limit), 65.0) == expected


def test_an_empty_window_has_nothing_to_wait_for() -> None:
    assert opens_at({}, Charge(COUNTER, 1, 10), 65.0) is None
