"""What an attempt is charged, as a table of how it ended. No IO.

An error status means that nothing was billed; a connection that was never made means that nothing
was sent. Where it is unknown whether the provider did the work and bills it, all that was reserved
is charged: the bill may be less than what is counted, never more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.decision.limits.amounts import ANY_TIME
from policy_router.frozen import maker
from policy_router.ledger.store import Settlement
from policy_router.providers.failures.failure import FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.limits.amounts import During
    from policy_router.domain.prices import Price
    from policy_router.providers.answers.chat import Usage
    from policy_router.providers.failures.failure import Failure


class Bill(StrEnum):
    """What a failed attempt is charged.

    UNSENT: nothing, and it does not count as a request, because it never left. NOTHING: it counts
    as a request, without money or tokens. WHOLE: all that was reserved, or what the provider
    counted.
    """

    UNSENT = "unsent"
    NOTHING = "nothing"
    WHOLE = "whole"


BILLS: Final[Mapping[FailureKind, Bill]] = MappingProxyType(
    {
        FailureKind.CONNECT: Bill.UNSENT,
        FailureKind.RATE_LIMITED: Bill.NOTHING,
        FailureKind.QUOTA_EXHAUSTED: Bill.NOTHING,
        FailureKind.CREDENTIAL: Bill.NOTHING,
        FailureKind.FORBIDDEN: Bill.NOTHING,
        FailureKind.CONTEXT_TOO_LONG: Bill.NOTHING,
        FailureKind.BAD_REQUEST: Bill.NOTHING,
        FailureKind.INVALID_REQUEST: Bill.NOTHING,
        FailureKind.REFUSED: Bill.NOTHING,
        FailureKind.UNSUPPORTED: Bill.NOTHING,
        FailureKind.MODEL_GONE: Bill.NOTHING,
        FailureKind.OVERLOADED: Bill.NOTHING,
        FailureKind.CONFLICT: Bill.NOTHING,
        FailureKind.REDIRECTED: Bill.NOTHING,
        FailureKind.TIMEOUT: Bill.WHOLE,
        FailureKind.CONNECTION_LOST: Bill.WHOLE,
        FailureKind.EMPTY: Bill.WHOLE,
        FailureKind.REJECTED: Bill.WHOLE,
        FailureKind.STREAM_BROKEN: Bill.WHOLE,
        FailureKind.DEADLINE: Bill.WHOLE,
        FailureKind.CANCELLED: Bill.WHOLE,
        FailureKind.INTERNAL: Bill.WHOLE,
        FailureKind.UNKNOWN: Bill.WHOLE,
        # With status 200 the answer was made and then withheld; with an error status it was not.
        FailureKind.CONTENT_POLICY: Bill.WHOLE,
        FailureKind.MALFORMED: Bill.WHOLE,
        FailureKind.SERVER_ERROR: Bill.WHOLE,
    }
)
_new_settlement: Final = maker(Settlement)
_ERROR: Final = 400
"""The lowest HTTP status of an error; an answer with one is not billed."""
_BY_STATUS: Final = frozenset(
    {
        FailureKind.CONTENT_POLICY,
        FailureKind.MALFORMED,
        FailureKind.SERVER_ERROR,
        FailureKind.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class UpperBound:
    """The most that an attempt may use, as it is reserved.

    Attributes:
        tokens_in: Tokens of the request.
        tokens_out: Tokens of all its answers.
        price: Of the model; None when it is free or unknown.
        reasons: Whether the model may think without showing it.
        hosted_tools: Whether the request uses tools that the provider runs.
        max_in: Tokens that the model can take in at all; None when that is unknown.
        max_out: Tokens that it can give out at all; None when that is unknown.
        pictures: Pictures of the request.
        during: When it may be sent, for prices that depend on the hour: the Unix time of its
            reservation, or None for any time; and seconds.
    """

    tokens_in: int
    tokens_out: int
    price: Price | None
    reasons: bool = False
    hosted_tools: bool = False
    max_in: int | None = None
    max_out: int | None = None
    pictures: int = 0
    during: During = ANY_TIME

    def sent_at(self, time: float | None) -> UpperBound:
        """The same at the price at the time of sending, a Unix time; None leaves all prices."""
        if self.price is None or not self.price.by_hour or time is None:
            return self
        return replace(self, during=(time, 0.0))

    @property
    def settlement(self) -> Settlement:
        """The charge for all of it."""
        return self.at_most(self.tokens_in, self.tokens_out)

    def at_most(self, tokens_in: int, tokens_out: int) -> Settlement:
        """The charge for these numbers of tokens at the highest rates."""
        cost = self.highest_cost(tokens_in, tokens_out)
        return _new_settlement(cost, tokens_in, tokens_out, estimated=True)

    def highest_cost(self, tokens_in: int, tokens_out: int) -> int:
        """What these numbers of tokens cost at the highest rates, in nano-USD."""
        hosted, pictures = self.hosted_tools, self.pictures
        costs = [
            price.most(tokens_in, tokens_out, hosted=hosted, pictures=pictures)
            for price in self.prices
        ]
        return max(costs, default=0)

    @property
    def prices(self) -> tuple[Price, ...]:
        """The prices that may be in force when it is sent; none for a free or unknown one."""
        return () if self.price is None else self.price.within(*self.during)

    @property
    def physical(self) -> tuple[int, int]:
        """Tokens in and out that no single request can exceed, whatever a provider counts."""
        max_in = _MAX_IN if self.max_in is None else self.max_in
        max_out = _MAX_OUT if self.max_out is None else self.max_out
        return max(max_in, self.tokens_in), max(max_out, self.tokens_out)

    def exceeded(self, usage: Usage, actual: Settlement) -> bool:
        """Whether an attempt used or was charged more than was reserved for it.

        What providers add to every prompt does not count.
        """
        tokens_in = self.tokens_in + _TEMPLATE
        return (
            (usage.prompt_tokens or 0) > tokens_in
            or (usage.completion_tokens or 0) > self.tokens_out
            or actual.cost > self.highest_cost(tokens_in, self.tokens_out)
        )


_TEMPLATE: Final = 1_000
"""Tokens that providers may add to a prompt."""
_MAX_IN: Final = 10_000_000
_MAX_OUT: Final = 1_000_000
"""Tokens in and out that no present model exceeds."""


def charge_of(
    bound: UpperBound, usage: Usage, failure: Failure | None, produced: int
) -> Settlement | None:
    """Decides what an attempt is charged.

    A whole answer without a credible count is charged all of its reserved input, and one token for
    each byte of the answer.

    Args:
        bound: What was reserved.
        usage: What the provider counted.
        failure: Why the attempt failed; None when it answered.
        produced: Bytes of the answer.

    Returns:
        The charge; None when nothing was sent.
    """
    counted = _counted(bound, usage, produced)
    if failure is None:
        return counted or _estimated(bound, produced)
    bill = BILLS[failure.kind]
    if not failure.sent or (bill is Bill.UNSENT and failure.status is None):
        return None
    status = failure.status or 0
    # Whatever answers with a status was sent the request, such as a 408.
    unbilled = bill in (Bill.UNSENT, Bill.NOTHING) or (
        failure.kind in _BY_STATUS and status >= _ERROR
    )
    # What arrived before it broke was generated, and is billed whatever the failure is.
    if unbilled and not produced:
        return Settlement()
    return counted or bound.settlement


def _counted(bound: UpperBound, usage: Usage, produced: int) -> Settlement | None:
    """The charge by the provider's own count; None when the count is not credible.

    A credible count has tokens in and, if anything came out, tokens out. More tokens than the model
    can handle are charged as all that it can handle: such a count is the provider's mistake, and
    the charge is marked as estimated.
    """
    tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
    if not tokens_in or tokens_out is None or (produced and not tokens_out):
        return None
    most_in, most_out = most = bound.physical
    bounded_in, bounded_out = min(tokens_in, most_in), min(tokens_out, most_out)
    cost = max([_cost(bound, price, usage, most) for price in bound.prices], default=0)
    bounded = (bounded_in, bounded_out) != (tokens_in, tokens_out)
    return _new_settlement(cost, bounded_in, bounded_out, estimated=bounded)


def _cost(bound: UpperBound, price: Price, usage: Usage, most: tuple[int, int]) -> int:
    """What the tokens that a provider counted cost at a price, with fees; of tokens in and out at
    most `most`, and of fees and the provider's own bill what these cost."""
    most_in, most_out = most
    tokens_in = min(usage.prompt_tokens or 0, most_in)
    tokens_out = min(usage.completion_tokens or 0, most_out)
    cached = min(usage.cached_tokens, tokens_in)
    written = min(usage.cache_write_tokens, tokens_in - cached)
    tokens = price.cost(
        tokens_in,
        tokens_out,
        cached,
        written,
        min(usage.audio_prompt_tokens, tokens_in),
        min(usage.audio_completion_tokens, tokens_out),
        # Where a provider does not report how long it keeps them, the higher rate.
        written_1h=written
        if usage.cache_write_1h_tokens is None
        else min(usage.cache_write_1h_tokens, written),
        reasoning_out=min(usage.reasoning_tokens, tokens_out),
        fetched=min(usage.citation_tokens, most_in),
        tier=usage.service_tier,
        regional=usage.regional,
    )
    fees, billed = _fees(bound, price, usage), usage.billed_nano_usd or 0
    if not fees and not billed:
        return tokens
    most_cost = bound.highest_cost(most_in, most_out)
    return max(tokens + min(fees, most_cost), min(billed, most_cost))


def _fees(bound: UpperBound, price: Price, usage: Usage) -> int:
    """What is charged in addition to tokens: as the provider's own bill says, else by the number of
    pictures and the provider's count of searches, else all that the fees may be."""
    if usage.billed_nano_usd is not None:
        return 0
    fee = price.fee + bound.pictures * price.image
    if usage.searches is not None:
        return fee + usage.searches * price.search
    return fee + price.fees + (price.hosted if bound.hosted_tools else 0)


def _estimated(bound: UpperBound, produced: int) -> Settlement:
    """The charge for an answer that was not counted. Thinking that is not shown may have used all
    the tokens that were reserved."""
    return bound.at_most(
        bound.tokens_in, bound.tokens_out if bound.reasons else min(produced, bound.tokens_out)
    )
