"""Reads the price in a row of LiteLLM's table, by the list of fields in `price_fields`."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Final

from policy_router.catalog.off_peak import off_peak_hours
from policy_router.catalog.price_fields import (
    EXPENSIVE_TIERS,
    FIELDS,
    RATES,
    Use,
    is_money,
    split,
    use_of,
)
from policy_router.domain.money import nano_usd
from policy_router.domain.prices import Price

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SEARCHES: Final = re.compile(r"sonar|online|search|perplexity")
"""Names of models that search the web for every request, if the table has a fee for that."""
_RESEARCH: Final = "deep-research"
_MOST_SEARCHES: Final = {True: 100, False: 1}
"""Number of searches per request for which money is reserved; research models make dozens."""
_ABSURD: Final = 1e6
"""Dollars; no price in the table is that high, so infinity is not a price either."""
_HOSTED_CALLS: Final = 10
"""Calls of a provider's own tools for which money is reserved if a request has such tools."""
_HOST: Final = re.compile(r"https?://([^/:?#]+)")
_REGIONAL: Final = re.compile(r"(?:^|[.-])(?:eu|us|gov|fedramp)(?:[.-]|$)")
_IN_REGION: Final = ("regional_endpoint_uplift_multiplier",)
"""Applies to every regional endpoint; those of Vertex AI are regional by default."""
_BY_ADDRESS: Final = (
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
    "fedramp_uplift_multiplier",
)
_CACHE: Final = frozenset({"cached", "written", "written_1h"})
_OFF_PEAK: Final = "off_peak_pricing"
_BY_USAGE: Final = "provider_specific_entry"
_GEO: Final = frozenset({"us", "fast"})
"""What that entry may contain: `us` for answers made in that country, which the usage reports;
`fast` for a parameter that is never sent."""


def first_tier(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with the rates of a short prompt if only a schedule has them."""
    tiers = row.get("tiered_pricing")
    first = tiers[0] if isinstance(tiers, list) and tiers else None
    return {**row, **first} if isinstance(first, dict) else row


def read_price(name: str, row: Mapping[str, Any], api_base: str | None) -> Price | None:
    """Return the price of a chat request.

    Args:
        name: The name of the row.
        row: The row of the table.
        api_base: The address where the model is called, which some prices depend on.

    Returns:
        The price; None if an answer's usage lacks the counts to charge it.
    """
    if not _chargeable(row):
        return None
    ranges = off_peak_hours(row.get(_OFF_PEAK) or {})
    if ranges is None:
        row = _dearest(row)
    elif ranges:
        lower = _priced(name, _off_peak(row))
        price = replace(_priced(name, row), by_hour=tuple((hours, lower) for hours in ranges))
        return price.times(_uplift(row, api_base))
    return _priced(name, row).times(_uplift(row, api_base))


def _priced(name: str, row: Mapping[str, Any]) -> Price:
    """The price of a row that can be charged, at the hours of its own rates."""
    base = _rates(row)
    search = _dollars(row.get("search_context_cost_per_query"))
    maps = _dollars(row.get("google_maps_grounding_cost_per_query"))
    fees = search * _MOST_SEARCHES[_RESEARCH in name] if _SEARCHES.search(name) else 0
    if base.fetched is not None:
        # Charged for citations and reasoning, neither of which `max_tokens` bounds.
        context = int(row.get("max_input_tokens") or 0)
        fees += context * (base.fetched + (base.reasoning or base.output)) // 1_000_000
    entry = row.get(_BY_USAGE) or {}
    return Price(
        **_fields(base),
        long=tuple(_long(row, base)),
        tiers=tuple(_tiers(row, base)),
        fee=_dollars(row.get("input_cost_per_request")),
        search=search,
        fees=fees,
        hosted=_HOSTED_CALLS * max(search, maps),
        regional=_percent(entry.get("us", 1)),
    )


def stated_price(
    *,
    input: int,  # noqa: A002  the names of a policy
    output: int,
    cached: int | None = None,
    written: int | None = None,
    audio: int | None = None,
    request: int = 0,
    image: int = 0,
    listed: Price | None,
) -> Price:
    """Return the price for the rates in a policy, in nano-USD per million tokens.

    Where they leave it out, writing to the prompt cache costs as much more than other input as in
    the table's price.

    Args:
        input: Rate of input.
        output: Rate of output.
        cached: Rate of input from the prompt cache.
        written: Rate of input that is written to the prompt cache.
        audio: Rate of audio input.
        request: Fee of each request, in nano-USD.
        image: Fee of each picture, in nano-USD.
        listed: The table's price; None when that is unknown.
    """
    written_1h = None
    if listed is not None:
        written_1h = _premium(None, listed.written_1h, input, listed.input, floor=False)
        if written is None:
            written = _premium(None, listed.written, input, listed.input, floor=False)
        elif written_1h is not None:
            written_1h = max(written_1h, written)
    return Price(
        input,
        output,
        cached,
        written,
        audio,
        written_1h=written_1h,
        fee=request,
        image=image,
    )


def _chargeable(row: Mapping[str, Any]) -> bool:
    """Whether every field about money is listed and has a unit that the usage counts."""
    texts = row.get("supported_output_modalities") == ["text"]
    for name, value in row.items():
        if not is_money(name) or not _is_charged(value):
            continue
        use = use_of(name)
        if use is None or use is Use.UNIT or (use is Use.OUTPUT_UNIT and not texts):
            return False
    entry = row.get(_BY_USAGE) or {}
    if not isinstance(entry, dict) or not entry.keys() <= _GEO:
        return False
    return all(_is_schedule(row.get(name)) for name, use in FIELDS.items() if use is Use.SCHEDULE)


def _is_charged(value: object) -> bool:
    """Whether a value, or one of a mapping, is anything but zero."""
    if isinstance(value, dict):
        return any(map(_is_charged, value.values()))
    return bool(value)


def _is_schedule(value: object) -> bool:
    """Whether a schedule has only listed rates, and nothing else about money."""
    parts = value if isinstance(value, list) else [value or {}]
    return all(
        isinstance(part, dict)
        and all(use_of(key) is Use.RATE and is_rate(part[key]) for key in part if is_money(key))
        for part in parts
    )


def _dearest(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with the higher of its rates and those of its off-peak hours."""
    other = row.get(_OFF_PEAK) or {}
    higher = {
        name: rate for name, rate in other.items() if is_money(name) and rate > (row.get(name) or 0)
    }
    return {**row, **higher}


def _off_peak(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with the rates of its off-peak hours; those that it leaves out are its own."""
    other = {name: rate for name, rate in row[_OFF_PEAK].items() if is_money(name)}
    replaced = {
        name for names in RATES.values() if not other.keys().isdisjoint(names) for name in names
    }
    return {**{name: value for name, value in row.items() if name not in replaced}, **other}


def _rates(row: Mapping[str, Any], suffix: str = "") -> Price:
    """Return the rates of the fields with a suffix. A missing rate for input or output is 0."""
    rates: dict[str, Any] = {
        key: max(
            (_rate(row[n + suffix]) for n in names if _has(row.get(n + suffix), key)), default=None
        )
        for key, names in RATES.items()
    }
    output, thinking = rates.pop("output") or 0, rates.pop("reasoning")
    if thinking is not None and thinking >= output:
        # Models with a higher rate for reasoning charge it for the whole answer.
        output, thinking = thinking, None
    return Price(rates.pop("input") or 0, output, reasoning=thinking, **rates)


def _has(value: object, key: str) -> bool:
    """Whether a rate is listed. Zero for the prompt cache is a gap in the table."""
    return is_rate(value) and (value != 0 or key not in _CACHE)


def _completed(listed: Price, base: Price) -> Price:
    """Return the rates of a schedule, completed by the base rates.

    What the base charges more than input for never costs less than in the base.
    """
    rate_in = listed.input or base.input
    rate_out = listed.output or base.output
    return Price(
        rate_in,
        rate_out,
        listed.cached,
        _premium(listed.written, base.written, rate_in, base.input),
        _higher(listed.audio, base.audio),
        speech=_higher(listed.speech, base.speech),
        written_1h=_premium(listed.written_1h, base.written_1h, rate_in, base.input),
        reasoning=None if base.reasoning is None else max(base.reasoning, rate_out),
        fetched=_higher(listed.fetched, base.fetched),
    )


def _premium(
    listed: int | None, base: int | None, rate: int, base_rate: int, *, floor: bool = True
) -> int | None:
    """Return the rate of writing to the cache.

    If it is not listed, it has the same ratio to the input rate as in the base.

    Args:
        listed: The listed rate.
        base: The rate in the base.
        rate: The input rate.
        base_rate: The input rate in the base.
        floor: Whether the result is never below the rate in the base.
    """
    if listed is not None or base is None:
        return listed
    scaled = -(-base * rate // base_rate) if base_rate else base
    return max(base, scaled) if floor else scaled


def _higher(one: int | None, other: int | None) -> int | None:
    known = [rate for rate in (one, other) if rate is not None]
    return max(known, default=None)


def _long(row: Mapping[str, Any], base: Price, tier: str = "") -> Iterator[tuple[int, Price]]:
    """Return (tokens above which they apply, rates) of long prompts, ascending."""
    by_name = {
        split(name)[1]
        for name in row
        if use_of(name) is Use.RATE and split(name)[1] and split(name)[2] == tier
    }
    rates = {
        above: _rates(row, f"_above_{above // 1000}k_tokens{'_' if tier else ''}{tier}")
        for above in by_name
    }
    for bracket in () if tier else row.get("tiered_pricing") or ():
        above = int(bracket.get("range", [0])[0])
        if above:
            rates[above] = _rates(bracket)
    return ((above, _completed(rates[above], base)) for above in sorted(rates))


def _tiers(row: Mapping[str, Any], base: Price) -> Iterator[tuple[str, Price]]:
    for tier in EXPENSIVE_TIERS:
        if is_rate(row.get(f"input_cost_per_token_{tier}")):
            rates = _completed(_rates(row, f"_{tier}"), base)
            yield tier, Price(**_fields(rates), long=tuple(_long(row, rates, tier)))


def _fields(price: Price) -> dict[str, Any]:
    return {name: getattr(price, name) for name in RATES}


def _uplift(row: Mapping[str, Any], api_base: str | None) -> int:
    """Return the factor for the rates at the address where the model is called, in percent."""
    match = _HOST.match(api_base or "")
    host = match[1] if match else ""
    names = (*_IN_REGION, *(_BY_ADDRESS if _REGIONAL.search(host) else ()))
    return max(_percent(row.get(name) or 1) for name in names)


def _percent(multiplier: Any) -> int:
    return int((Decimal(repr(multiplier)) * 100).to_integral_value(ROUND_CEILING))


def is_rate(value: object) -> bool:
    """Whether a value of the table is a price."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _ABSURD


def _rate(per_token: Any) -> int:
    """US dollars per token -> nano-USD per million tokens, rounded up."""
    return nano_usd(Decimal(repr(per_token)) * 1_000_000, round_up=True)


def _dollars(value: Any) -> int:
    """US dollars -> nano-USD, rounded up; the highest of a mapping; 0 for anything else."""
    if isinstance(value, dict):
        return max(map(_dollars, value.values()), default=0)
    return nano_usd(value, round_up=True) if is_rate(value) else 0
