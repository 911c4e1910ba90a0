"""A model of the policy: what it can do, where it runs, what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.domain.prices import Price
from policy_router.domain.request import UNBOUNDED, Request

TYPICAL_OUTPUT: Final = 300
"""Tokens an answer is expected to have when the request sets no cap: for estimates and ordering."""


OUTPUT_CAP: Final = 4_096
"""Tokens an answer may have where money or tokens are counted, nobody sets a cap, and there is no
room for all that the model can do: the most that can come out must be known before it is asked for,
and is sent along."""


THINKING_CAP: Final = 16_384
"""The same for a model that thinks first, which counts as output."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model the policy may call.

    calls: the LiteLLM name it is called by. tier: ability, never money; `rank` is its place in
    the policy's tiers, weakest first. price: None when nobody knows it. free: declared free; a
    table price of zero is not. context, max_output: tokens; None when unknown. default_output: the
    cap of an answer for requests that set none, when the policy declares one. quality: 0..1.
    latency: expected seconds to a typical answer, when declared. picture, thumbnail: the most
    tokens that it counts for a picture in full and in low detail.
    """

    name: str
    calls: str
    tier: str
    rank: int
    price: Price | None = None
    free: bool = False
    context: int | None = None
    max_output: int | None = None
    default_output: int | None = None
    abilities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    quality: float = 0.5
    latency: float | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    picture: int = 0
    thumbnail: int = 0
    at: Span | None = field(default=None, compare=False, repr=False)

    def estimate(self, tokens: int, max_output: int | None) -> int | None:
        """Expected cost in nano-USD of `tokens` in and an answer of the stated or typical length,
        fees included; None when the price is unknown."""
        price = self.price
        if price is None:
            return None
        cost = price.cost(tokens, TYPICAL_OUTPUT if max_output is None else max_output)
        return cost + price.fee + price.fees

    def most_input(self, request: Request) -> int:
        """The most tokens that can go in: what the request cannot exceed, and the context where
        nobody can say what that is."""
        tokens = request.tokens if request.most_tokens is None else request.most_tokens
        if request.pictures or request.thumbnails:
            tokens += request.pictures * self.picture + request.thumbnails * self.thumbnail
        if tokens >= UNBOUNDED and self.context is not None:
            return self.context
        return tokens

    def output_cap(self, max_output: int | None) -> int:
        """The cap of an answer for which there must be room at the least, in tokens, given the cap
        that the request sets."""
        cap = self.default_output if max_output is None else max_output
        if cap is None:
            cap = THINKING_CAP if "reasoning" in self.abilities else OUTPUT_CAP
        return cap if self.max_output is None else min(cap, self.max_output)

    def full_output(self, request: Request) -> int:
        """The most tokens that an answer of this request can have: its own cap or the policy's,
        else all that the model can do, which is at most what its context holds."""
        least = self.output_cap(request.max_output)
        if request.max_output is not None or self.default_output is not None:
            return least
        if self.max_output is None:
            return least if self.context is None else max(self.context, least)
        # Providers refuse a cap that the context has no room for.
        room = self.max_output if self.context is None else self.context - request.tokens
        return max(min(self.max_output, room), least)
