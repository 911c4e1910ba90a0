"""What an attempt is charged in the end. The table; no IO.

A status line means that nothing was billed; a connection that never stood means that nothing was
sent. Where nobody knows whether the provider worked, and bills, the whole hold is charged: the
bill may be less than what is counted, never more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.execute.failure import Kind
from policy_router.state.store import Actual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.execute.failure import Failure
    from policy_router.execute.shape import Usage
    from policy_router.model import Price


class Bill(StrEnum):
    """What a failed attempt is charged. UNSENT: it never left. NOTHING: the request counts, but no
    money and no tokens. WHOLE: all that was held, unless the provider said what it counted."""

    UNSENT = "unsent"
    NOTHING = "nothing"
    WHOLE = "whole"


BILLS: Final[Mapping[Kind, Bill]] = MappingProxyType(
    {
        Kind.CONNECT: Bill.UNSENT,
        Kind.RATE_LIMITED: Bill.NOTHING,
        Kind.QUOTA_EXHAUSTED: Bill.NOTHING,
        Kind.CREDENTIAL: Bill.NOTHING,
        Kind.FORBIDDEN: Bill.NOTHING,
        Kind.CONTEXT_TOO_LONG: Bill.NOTHING,
        Kind.BAD_REQUEST: Bill.NOTHING,
        Kind.UNSUPPORTED: Bill.NOTHING,
        Kind.MODEL_GONE: Bill.NOTHING,
        Kind.OVERLOADED: Bill.NOTHING,
        Kind.CONFLICT: Bill.NOTHING,
        Kind.REDIRECTED: Bill.NOTHING,
        Kind.TIMEOUT: Bill.WHOLE,
        Kind.CONNECTION_LOST: Bill.WHOLE,
        Kind.MALFORMED: Bill.WHOLE,
        Kind.EMPTY: Bill.WHOLE,
        Kind.REJECTED: Bill.WHOLE,
        Kind.STREAM_BROKEN: Bill.WHOLE,
        Kind.DEADLINE: Bill.WHOLE,
        Kind.CANCELLED: Bill.WHOLE,
        Kind.INTERNAL: Bill.WHOLE,
        Kind.UNKNOWN: Bill.WHOLE,
        # With status 200 the answer was made and then withheld; with an error status it was not.
        Kind.CONTENT_POLICY: Bill.WHOLE,
        Kind.SERVER_ERROR: Bill.WHOLE,
    }
)
_ERROR: Final = 400
"""The least HTTP status of an error; an answer with one is not billed."""
_BY_STATUS: Final = frozenset({Kind.CONTENT_POLICY, Kind.SERVER_ERROR, Kind.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that an attempt could come to. price: None when it is unknown, or free."""

    tokens_in: int
    tokens_out: int
    price: Price | None

    @property
    def actual(self) -> Actual:
        """All of it, as what was charged."""
        cost = self.price.most(self.tokens_in, self.tokens_out) if self.price else 0
        return Actual(cost, self.tokens_in, self.tokens_out, estimated=True)


def ending(worst: Worst, usage: Usage, failure: Failure | None, said: int) -> Actual | None:
    """What an attempt is charged; None when nothing was sent.

    usage: what the provider counted. said: bytes of what came out. A whole answer without a
    credible count is charged its input at the most, and a token a byte for what came out.
    """
    counted = _counted(worst, usage, said)
    if failure is None:
        return counted or _estimated(worst, said)
    bill = BILLS[failure.kind]
    if bill is Bill.UNSENT or not failure.sent:
        return None
    status = failure.status or 0
    unbilled = bill is Bill.NOTHING or (failure.kind in _BY_STATUS and status >= _ERROR)
    # What came out before it broke was made, and is billed, whatever the failure is called.
    if unbilled and not said:
        return Actual()
    return counted or worst.actual


def _counted(worst: Worst, usage: Usage, said: int) -> Actual | None:
    """What the provider's own count comes to; None when it is not credible: an answer has a prompt
    and, if it said anything, tokens."""
    tokens_in, tokens_out = usage.tokens_in, usage.tokens_out
    if not tokens_in or tokens_out is None or (said and not tokens_out):
        return None
    cost = 0
    if worst.price is not None:
        cached = min(usage.cached, tokens_in)
        written = min(usage.written, tokens_in - cached)
        heard, spoken = min(usage.heard, tokens_in), min(usage.spoken, tokens_out)
        cost = worst.price.cost(tokens_in, tokens_out, cached, written, heard, spoken)
    return Actual(cost, tokens_in, tokens_out)


def _estimated(worst: Worst, said: int) -> Actual:
    out = min(said, worst.tokens_out)
    cost = worst.price.most(worst.tokens_in, out) if worst.price else 0
    return Actual(cost, worst.tokens_in, out, estimated=True)
