"""What a model costs.

Prices are in nano-USD per million tokens, fees in nano-USD; all are integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policy_router.domain.hours import DAY_SECONDS, Hours, edges


@dataclass(frozen=True, slots=True)
class Price:
    """Rates in nano-USD per million tokens, and fees in nano-USD.

    If a rate is None, these tokens cost as much as other tokens of their direction.

    Attributes:
        input: Rate of input tokens.
        output: Rate of output tokens.
        cached: Rate of input tokens that are read from the provider's prompt cache.
        written: Rate of input tokens that are written to the prompt cache.
        audio: Rate of audio input.
        long: Rates of long prompts: pairs of a number of input tokens and the price above it,
            ascending.
        speech: Rate of audio output.
        written_1h: Rate of input tokens that the prompt cache keeps for an hour; None means
            the same as `written`.
        reasoning: Rate of reasoning, where it is lower than that of other output.
        fetched: Rate of input tokens from text that the provider fetched, such as search results.
        tiers: Prices of service tiers, by name.
        fee: Fee of each request.
        search: Fee of each search that the provider makes.
        fees: The maximum that searches and similar fees can add to a request.
        hosted: The maximum that hosted tools can add.
        regional: Percentage of all rates for answers from a more expensive region, if the provider
            reports such a region.
        image: Fee for each picture in a request.
        by_hour: Prices at certain hours of the week, each with its hours; at any time, the first
            whose hours contain it applies, else this price. None of them has prices by the hour
            itself.
    """

    input: int
    output: int
    cached: int | None = None
    written: int | None = None
    audio: int | None = None
    long: tuple[tuple[int, Price], ...] = ()
    speech: int | None = None
    written_1h: int | None = None
    reasoning: int | None = None
    fetched: int | None = None
    tiers: tuple[tuple[str, Price], ...] = ()
    fee: int = 0
    search: int = 0
    fees: int = 0
    hosted: int = 0
    regional: int = 100
    image: int = 0
    by_hour: tuple[tuple[Hours, Price], ...] = ()

    # -- at a time -----------------------------------------------------------------------------

    def at(self, time: float | None) -> Price:
        """Return the price that applies at a time.

        Args:
            time: Unix time in seconds; None without a clock, when no hours apply.
        """
        if time is not None:
            for hours, price in self.by_hour:
                if time in hours:
                    return price
        return self

    def within(self, start: float | None, seconds: float) -> tuple[Price, ...]:
        """Return the distinct prices that apply at any time within a period.

        Args:
            start: Unix time at which the period begins; None means any time at all.
            seconds: How long it lasts.
        """
        if not self.by_hour:
            return (self,)
        if start is None:
            return tuple(dict.fromkeys((self.at(None), *(price for _, price in self.by_hour))))
        end = start + seconds
        changes = edges((hours for hours, _ in self.by_hour), start, end)
        return tuple(dict.fromkeys(self.at(time) for time in (start, *changes, end)))

    def until(self, time: float) -> float | None:
        """Return the Unix time of the next change of price after a time; None when it is fixed."""
        if not self.by_hour:
            return None
        now, ranges = self.at(time), [hours for hours, _ in self.by_hour]
        # Two weeks: a range of one day a week may not occur in a week in which clocks change.
        for day in range(15):
            begin = time + day * DAY_SECONDS
            for edge in edges(ranges, begin, begin + DAY_SECONDS + 1):
                if self.at(edge) != now:
                    return edge
        return None

    # -- of a call -----------------------------------------------------------------------------

    def cost(  # noqa: PLR0917  counts of tokens, which callers pass by name
        self,
        tokens_in: int,
        tokens_out: int,
        cached: int = 0,
        written: int = 0,
        audio_in: int = 0,
        audio_out: int = 0,
        *,
        written_1h: int = 0,
        reasoning_out: int = 0,
        fetched: int = 0,
        tier: str = "",
        regional: bool = False,
    ) -> int:
        """What a call costs, without fees.

        Args:
            tokens_in: Input tokens.
            tokens_out: Output tokens.
            cached: How many input tokens came from the prompt cache.
            written: How many input tokens went into the prompt cache.
            audio_in: How many input tokens are audio.
            audio_out: How many output tokens are audio.
            written_1h: How many of `written` are kept for an hour.
            reasoning_out: How many output tokens are reasoning.
            fetched: Tokens of fetched text, in addition to `tokens_in`.
            tier: The service tier that answered; empty for the usual one.
            regional: Whether it was answered in a region that costs more.

        Returns:
            nano-USD, rounded up once.
        """
        rates = self._applying(tokens_in, tier)
        rate_in, rate_out = rates.input, rates.output
        total = (tokens_in + fetched) * rate_in + tokens_out * rate_out
        if rates.cached is not None:
            total += cached * (rates.cached - rate_in)
        if rates.written is not None:
            total += written * (rates.written - rate_in)
            if rates.written_1h is not None:
                total += min(written_1h, written) * (rates.written_1h - rates.written)
        if rates.audio is not None:
            total += audio_in * max(rates.audio - rate_in, 0)
        if rates.speech is not None:
            total += audio_out * max(rates.speech - rate_out, 0)
        if rates.reasoning is not None:
            total += reasoning_out * (rates.reasoning - rate_out)
        if rates.fetched is not None:
            total += fetched * (rates.fetched - rate_in)
        percent = self.regional if regional else 100
        return -(-total * percent // 100_000_000)

    def most(
        self, tokens_in: int, tokens_out: int, *, hosted: bool = False, pictures: int = 0
    ) -> int:
        """The maximum that a call can cost under any rates, with all fees.

        The prices of certain hours are not part of it: see `within`.

        Args:
            tokens_in: Input tokens.
            tokens_out: Output tokens.
            hosted: Whether the request has tools that run at the provider.
            pictures: Pictures of the request.

        Returns:
            nano-USD.
        """
        rate_in, rate_out = self.highest_input_rate, max(self.output, self.speech or 0)
        for above, rates in self.long:
            if tokens_in > above:
                rate_in = max(rate_in, rates.highest_input_rate)
                rate_out = max(rate_out, rates.output, rates.speech or 0)
        total = (tokens_in * rate_in + tokens_out * rate_out) * self.regional
        fees = self.fee + self.fees + (self.hosted if hosted else 0) + pictures * self.image
        return -(-total // 100_000_000) + fees

    @property
    def highest_rate(self) -> int:
        """The highest rate of input and output, at any hour, which `max_price` bounds.

        It applies to prompts of usual length without caching: the price in a price list.
        """
        return max(max(price.input, price.output) for price in self.within(None, 0))

    @property
    def highest_input_rate(self) -> int:
        """The highest rate that can apply to an input token, in a prompt of any length."""
        text = max(self.input, self.cached or 0, self.written or 0, self.written_1h or 0)
        # Audio may be cached as well, and is then charged for both.
        return text if self.audio is None else text + max(self.audio - self.input, 0)

    def times(self, percent: int) -> Price:
        """This price with every rate multiplied by a percentage; fees stay the same."""
        if percent == 100:
            return self
        rates = {name: getattr(self, name) for name in _RATES}
        return replace(
            self,
            **{name: -(-rate * percent // 100) for name, rate in rates.items() if rate},
            long=tuple((above, rates.times(percent)) for above, rates in self.long),
            tiers=tuple((name, rates.times(percent)) for name, rates in self.tiers),
            by_hour=tuple((hours, price.times(percent)) for hours, price in self.by_hour),
        )

    def _applying(self, tokens_in: int, tier: str) -> Price:
        """The rates of a prompt of this length in a service tier."""
        base = next((rates for name, rates in self.tiers if name == tier), self) if tier else self
        rates = base
        for above, long in base.long:
            if tokens_in > above:
                rates = long
        return rates


_RATES: Final = (
    "input", "output", "cached", "written", "audio", "speech", "written_1h", "reasoning", "fetched",
)  # fmt: skip


FREE_PRICE: Final = Price(0, 0)
