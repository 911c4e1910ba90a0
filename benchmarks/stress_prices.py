"""A price that changes every few seconds, for `stress.py --prices`.

The price is that of a policy: at every other hour of the day it is three times as high. Its clock
runs 1200 times as fast as real time, so that an hour takes 3 seconds and holds are taken on either
side of an edge, and across it.
"""

from __future__ import annotations

import time
from typing import Final
from zoneinfo import ZoneInfo

from policy_router.decision.limits.amounts import largest_amount
from policy_router.domain.hours import EVERY_DAY, Hours
from policy_router.domain.limits import Limit, Metric
from policy_router.domain.models import Model
from policy_router.domain.periods import Period
from policy_router.domain.prices import Price
from policy_router.domain.request import Request

SPEED: Final = 1200
WITHIN: Final = 1.5
"""Real seconds within which an attempt is sent after its reservation, or not at all."""
_UTC: Final = ZoneInfo("UTC")
_HIGH: Final = Price(3_000_000, 0)
PRICE: Final = Price(
    1_000_000,  # a nano-USD for each token
    0,
    by_hour=tuple(
        (Hours(hour * 60, hour * 60 + 60, EVERY_DAY, _UTC), _HIGH) for hour in range(0, 24, 2)
    ),
)
_MODEL: Final = Model("peaks", "openai/peaks", "standard", 0, PRICE, max_output=1)
_BUDGET: Final = Limit("budgets", "team", Metric.USD, Period.MONTH, None, 1)


def now() -> float:
    """The time by the fast clock."""
    return time.time() * SPEED % 4e9


def held(tokens: int, taken: float) -> int:
    """What a request of so many tokens reserves, in nano-USD."""
    request = Request(tokens=tokens, max_tokens=1)
    return largest_amount(_BUDGET, _MODEL, request, during=(taken, WITHIN * SPEED))


def billed(tokens: int, sent: float) -> int:
    """What the provider bills for so many tokens, in nano-USD."""
    return PRICE.at(sent).cost(tokens, 0)


def is_late(taken: float, sent: float) -> bool:
    """Whether an attempt is no longer sent."""
    return sent - taken > WITHIN * SPEED
