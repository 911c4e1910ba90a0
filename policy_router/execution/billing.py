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

from policy_router.ledger.store import Settlement
from policy_router.providers.failure import FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.prices import Price
    from policy_router.providers.chat import Usage
    from policy_router.providers.failure import Failure


class Bill(StrEnum):
    """What a failed attempt is charged. UNSENT: it never left. NOTHING: the request counts, but no
    money and no tokens. WHOLE: all that was held, unless the provider said what it counted."""

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
        FailureKind.MALFORMED: Bill.WHOLE,
        FailureKind.EMPTY: Bill.WHOLE,
        FailureKind.REJECTED: Bill.WHOLE,
        FailureKind.STREAM_BROKEN: Bill.WHOLE,
        FailureKind.DEADLINE: Bill.WHOLE,
        FailureKind.CANCELLED: Bill.WHOLE,
        FailureKind.INTERNAL: Bill.WHOLE,
        FailureKind.UNKNOWN: Bill.WHOLE,
        # With status 200 the answer was made and then withheld; with an error status it was not.
        FailureKind.CONTENT_POLICY: Bill.WHOLE,
        FailureKind.SERVER_ERROR: Bill.WHOLE,
    }
)
_ERROR: Final = 400
"""The least HTTP status of an error; an answer with one is not billed."""
_BY_STATUS: Final = frozenset(
    {FailureKind.CONTENT_POLICY, FailureKind.SERVER_ERROR, FailureKind.UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class UpperBound:
    """The most that an attempt could come to.

    price: None when it is unknown, or free. thinks: the model may think without showing it.
    hosted: the request brings tools of the provider's own. holds, writes: tokens that the model can
    take in and give out at the very most, whatever was agreed; None when nobody knows.
    """

    tokens_in: int
    tokens_out: int
    price: Price | None
    thinks: bool = False
    hosted: bool = False
    holds: int | None = None
    writes: int | None = None

    @property
    def actual(self) -> Settlement:
        """All of it, as what was charged."""
        return self.at_most(self.tokens_in, self.tokens_out)

    def at_most(self, tokens_in: int, tokens_out: int) -> Settlement:
        """So many tokens, at the highest rates, as what was charged."""
        cost = self.price.most(tokens_in, tokens_out, hosted=self.hosted) if self.price else 0
        return Settlement(cost, tokens_in, tokens_out, estimated=True)

    @property
    def physical(self) -> Settlement:
        """What no single request can exceed, whatever a provider counts."""
        holds = _HOLDS if self.holds is None else self.holds
        writes = _WRITES if self.writes is None else self.writes
        return self.at_most(max(holds, self.tokens_in), max(writes, self.tokens_out))

    def exceeded(self, usage: Usage, actual: Settlement) -> bool:
        """Whether an attempt came to more than was reserved for it, or was counted as more, apart
        from what providers put around every prompt."""
        tokens_in = self.tokens_in + _TEMPLATE
        return (
            actual.cost > self.at_most(tokens_in, self.tokens_out).cost
            or (usage.prompt_tokens or 0) > tokens_in
            or (usage.completion_tokens or 0) > self.tokens_out
        )


_TEMPLATE: Final = 1_000
"""Tokens that providers may add to a prompt by themselves."""
_HOLDS: Final = 10_000_000
_WRITES: Final = 1_000_000
"""Tokens in and out that no model of today exceeds."""


def ending(
    worst: UpperBound, usage: Usage, failure: Failure | None, said: int
) -> Settlement | None:
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
        return Settlement()
    return counted or worst.actual


def _counted(worst: UpperBound, usage: Usage, said: int) -> Settlement | None:
    """What the provider's own count comes to; None when it is not credible: an answer has a prompt
    and, if it said anything, tokens. More than the model can do is charged as all it can do: a
    count like that is an error of the provider's, and is recorded as an estimate."""
    tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
    if not tokens_in or tokens_out is None or (said and not tokens_out):
        return None
    most = worst.physical
    bounded_in, bounded_out = min(tokens_in, most.tokens_in), min(tokens_out, most.tokens_out)
    cost = 0
    if worst.price is not None:
        cached = min(usage.cached_tokens, bounded_in)
        written = min(usage.cache_write_tokens, bounded_in - cached)
        tokens = worst.price.cost(
            bounded_in,
            bounded_out,
            cached,
            written,
            min(usage.audio_prompt_tokens, bounded_in),
            min(usage.audio_completion_tokens, bounded_out),
            # Where a provider does not tell how long it keeps them, the dearer rate.
            kept=written
            if usage.cache_write_1h_tokens is None
            else min(usage.cache_write_1h_tokens, written),
            thought=min(usage.reasoning_tokens, bounded_out),
            cited=min(usage.citation_tokens, most.tokens_in),
            tier=usage.service_tier,
            local=usage.regional,
        )
        fees = min(_fees(worst, worst.price, usage), most.cost)
        cost = max(tokens + fees, min(usage.billed_nano_usd or 0, most.cost))
    absurd = (bounded_in, bounded_out) != (tokens_in, tokens_out)
    return Settlement(cost, bounded_in, bounded_out, estimated=absurd)


def _fees(worst: UpperBound, price: Price, usage: Usage) -> int:
    """What is charged beside the tokens: as the provider's own bill has it, else by its count of
    searches, else all that it may come to."""
    if usage.billed_nano_usd is not None:
        return 0
    if usage.searches is not None:
        return price.fee + usage.searches * price.search
    return price.fee + price.fees + (price.hosted if worst.hosted else 0)


def _estimated(worst: UpperBound, said: int) -> Settlement:
    """An answer that nobody counted: thinking that is not shown may have used all that was held."""
    return worst.at_most(
        worst.tokens_in, worst.tokens_out if worst.thinks else min(said, worst.tokens_out)
    )
