"""What a model costs.

Prices are in nano-USD per million tokens, fees in nano-USD; all are integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Price:
    """nano-USD per million tokens, and fees in nano-USD.

    input, output: of tokens that go in and come out. cached, written: of tokens read from and
    written to the provider's prompt cache, kept: of those written for an hour; None is as any
    other input, or as written. audio, speech: of sound that goes in and comes out. reasoning: of
    thinking, where that costs less than other output. cited: of text that the provider fetched.
    long: the rates of a prompt of more than so many tokens, ascending. tiers: the rates of service
    tiers, by name. fee: of each request; search: of each search the provider makes. fees: the most
    that a request's searches and the like come to; hosted: the most that the provider's own tools
    add, for a request that brings them. local: percent of all rates for answers that are made
    where the provider charges more, as it then says.
    """

    input: int
    output: int
    cached: int | None = None
    written: int | None = None
    audio: int | None = None
    long: tuple[tuple[int, Price], ...] = ()
    speech: int | None = None
    kept: int | None = None
    reasoning: int | None = None
    cited: int | None = None
    tiers: tuple[tuple[str, Price], ...] = ()
    fee: int = 0
    search: int = 0
    fees: int = 0
    hosted: int = 0
    local: int = 100

    def cost(  # noqa: PLR0917  each a count of tokens, by name where it is called
        self,
        tokens_in: int,
        tokens_out: int,
        cached: int = 0,
        written: int = 0,
        heard: int = 0,
        spoken: int = 0,
        *,
        kept: int = 0,
        thought: int = 0,
        cited: int = 0,
        tier: str = "",
        local: bool = False,
    ) -> int:
        """nano-USD for that many tokens, rounded up once; fees come on top. cached, written: how
        many of `tokens_in` came from and went into the prompt cache; kept: of those written, how
        many for an hour. heard, spoken: how many of what went in and came out are sound. thought:
        how many of what came out are thinking. cited: tokens beside what went in. tier: the service
        tier that answered. local: it was answered where more is charged."""
        rates = self._applying(tokens_in, tier)
        rate_in, rate_out = rates.input, rates.output
        total = (tokens_in + cited) * rate_in + tokens_out * rate_out
        if rates.cached is not None:
            total += cached * (rates.cached - rate_in)
        if rates.written is not None:
            total += written * (rates.written - rate_in)
            if rates.kept is not None:
                total += min(kept, written) * (rates.kept - rates.written)
        if rates.audio is not None:
            total += heard * max(rates.audio - rate_in, 0)
        if rates.speech is not None:
            total += spoken * max(rates.speech - rate_out, 0)
        if rates.reasoning is not None:
            total += thought * (rates.reasoning - rate_out)
        if rates.cited is not None:
            total += cited * (rates.cited - rate_in)
        percent = self.local if local else 100
        return -(-total * percent // 100_000_000)

    def most(self, tokens_in: int, tokens_out: int, *, hosted: bool = False) -> int:
        """The most that so many tokens can cost, whatever rate turns out to apply, with all fees.
        hosted: the request brings tools of the provider's own."""
        found = [rates for above, rates in self.long if tokens_in > above]
        rate_in = max(r.dearest_input for r in (self, *found))
        rate_out = max(max(r.output, r.speech or 0) for r in (self, *found))
        total = (tokens_in * rate_in + tokens_out * rate_out) * self.local
        return -(-total // 100_000_000) + self.fee + self.fees + (self.hosted if hosted else 0)

    @property
    def dearest_input(self) -> int:
        """The highest rate that a token that goes in can come under, in a prompt of any length."""
        return max(self.input, self.written or 0, self.kept or 0, self.audio or 0)

    def times(self, percent: int) -> Price:
        """The same with every rate at so many percent; fees stay as they are."""
        if percent == 100:
            return self
        rates = {name: getattr(self, name) for name in _RATES}
        return replace(
            self,
            **{name: -(-rate * percent // 100) for name, rate in rates.items() if rate},
            long=tuple((above, rates.times(percent)) for above, rates in self.long),
            tiers=tuple((name, rates.times(percent)) for name, rates in self.tiers),
        )

    def _applying(self, tokens_in: int, tier: str) -> Price:
        """The rates of a prompt of that length, in a service tier."""
        base = next((rates for name, rates in self.tiers if name == tier), self) if tier else self
        rates = base
        for above, long in base.long:
            if tokens_in > above:
                rates = long
        return rates


_RATES: Final = (
    "input", "output", "cached", "written", "audio", "speech", "kept", "reasoning", "cited",
)  # fmt: skip


FREE_PRICE: Final = Price(0, 0)
