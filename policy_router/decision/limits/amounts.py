"""How much of a limit one attempt can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.domain.limits import Metric, WhenExhausted

if TYPE_CHECKING:
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request

MIN_OUTPUT_CAP: Final = 256
"""Tokens that an answer may always have, however small a limit of tokens is."""
SHARE: Final = 4
"""A request that sets no cap reserves at most this fraction, one in four, of a limit, where that
leaves enough for an answer. What it reserves is unreachable for others while it runs, and most
answers are short."""
OF_ATTEMPTS: Final = (Metric.REQUESTS, Metric.CONCURRENT)
"""What counts attempts, of which each is one."""
_TOKENS: Final = Metric.TOKENS  # a member of an enumeration is slow to look up
_MANY: Final = 1_000_000

During: TypeAlias = tuple[float | None, float]
"""A period: the Unix time at which it begins, or None for any time at all; and its seconds."""
ANY_TIME: Final[During] = (None, 0.0)


def refuses(limit: Limit, model: Model) -> bool:
    """Whether the limit refuses a model when it is exhausted, rather than only warn."""
    return not limit.shadow and (
        limit.then is WhenExhausted.BLOCK
        or (limit.then is WhenExhausted.FREE_ONLY and not model.free)
    )


def largest_amount(
    limit: Limit,
    model: Model,
    request: Request,
    output_cap: int | None = None,
    during: During = ANY_TIME,
) -> int:
    """The most that one attempt can use of a limit.

    Args:
        limit: The limit, whose metric is the unit.
        model: The model that is called.
        request: The request.
        output_cap: Tokens that one answer may have; None means the fewest that must fit.
        during: When it may be sent, for prices that depend on the hour.

    Returns:
        Requests, tokens, or nano-USD; 0 nano-USD where the price is unknown.
    """
    metric = limit.metric
    if metric in OF_ATTEMPTS:
        return 1
    if output_cap is None:
        output_cap = model.output_cap(request.max_tokens)
        if metric is _TOKENS:
            output_cap = fit_output_cap(limit, model, request, output_cap)
    output = output_cap * request.answers
    if metric is _TOKENS:
        return _input_tokens(limit, model, request) + output
    price = model.price
    if price is None:
        return 0
    tokens, pictures = model.most_input(request), request.pictures + request.thumbnails
    hosted = HOSTED_TOOLS in request.needs
    if not price.by_hour:
        return price.most(tokens, output, hosted=hosted, pictures=pictures)
    return max(
        each.most(tokens, output, hosted=hosted, pictures=pictures)
        for each in price.within(*during)
    )


def fit_output_cap(limit: Limit, model: Model, request: Request, output_cap: int) -> int:
    """Reduce the cap on an answer to what fits into an unused limit of tokens.

    A cap that the request or the policy's `params` set is kept; if it does not fit, the request is
    refused with a reason.
    """
    if limit.cap is None or not request.answers or model.sent_cap(request.max_tokens) is not None:
        return output_cap
    room = (limit.cap - _input_tokens(limit, model, request)) // request.answers
    return min(output_cap, max(room, MIN_OUTPUT_CAP))


def share_output_cap(
    limit: Limit, model: Model, request: Request, during: During = ANY_TIME
) -> int:
    """The cap on an answer with which a request uses no more than its share of a limit.

    Args:
        limit: The limit.
        model: The model that is called.
        request: The request.
        during: When it may be sent, for prices that depend on the hour.
    """
    if not request.answers:
        return _MANY
    share = (limit.cap or 0) // SHARE
    tokens = model.most_input(request)
    if limit.metric is Metric.TOKENS:
        return (share - tokens) // request.answers
    if model.price is None:
        return 0
    pictures, caps = request.pictures + request.thumbnails, []
    for price in model.price.within(*during):
        input_cost = price.most(tokens, 0, pictures=pictures)
        output_cost = (price.most(tokens, _MANY, pictures=pictures) - input_cost) * request.answers
        caps.append((share - input_cost) * _MANY // output_cost if output_cost else _MANY)
    return min(caps)


def _input_tokens(limit: Limit, model: Model, request: Request) -> int:
    """The input tokens for a limit of tokens: their upper bound, or the estimate where the limit
    could never hold the bound."""
    bound = model.most_input(request)
    if limit.cap is None or bound + MIN_OUTPUT_CAP * request.answers <= limit.cap:
        return bound
    return min(bound, request.tokens + model.prompt_tokens)
