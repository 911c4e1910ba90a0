"""The price in a row of LiteLLM's table, read by the list of fields in `price_fields`."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Final

from policy_router.catalog.price_fields import (
    DEARER_TIERS,
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
"""Names of models that search the web for every request, where the table has a fee for it."""
_RESEARCH: Final = "deep-research"
_MOST_SEARCHES: Final = {True: 100, False: 1}
"""Searches of one request that are reserved for: models that research make dozens."""
_ABSURD: Final = 1e6
"""No price is that high: neither a number of dollars nor infinity is."""
_HOSTED_CALLS: Final = 10
"""Calls of a provider's own tools that are reserved for, when a request brings such tools."""
_HOST: Final = re.compile(r"https?://([^/:?#]+)")
_REGIONAL: Final = re.compile(r"(?:^|[.-])(?:eu|us|gov|fedramp)(?:[.-]|$)")
_IN_REGION: Final = ("regional_endpoint_uplift_multiplier",)
"""Applies to every regional endpoint; those of Vertex AI are regional unless set otherwise."""
_BY_ADDRESS: Final = (
    "regional_processing_uplift_multiplier_eu",
    "regional_processing_uplift_multiplier_us",
    "fedramp_uplift_multiplier",
)
_CACHE: Final = frozenset({"cached", "written", "kept"})
_BY_USAGE: Final = "provider_specific_entry"
_GEO: Final = frozenset({"us", "fast"})
"""What that entry may hold: `us` for answers made in that country, which usage tells of; `fast`
for a parameter that is never sent."""


def first_tier(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with the rates of a short prompt where only a schedule has them."""
    tiers = row.get("tiered_pricing")
    first = tiers[0] if isinstance(tiers, list) and tiers else None
    return {**row, **first} if isinstance(first, dict) else row


def read_price(name: str, row: Mapping[str, Any], api_base: str | None) -> Price | None:
    """The price of a plain chat request; None when it has parts that cannot be charged by the
    counts in an answer's usage."""
    if not _chargeable(row):
        return None
    row = _at_peak(row)
    base = _rates(row)
    search = _dollars(row.get("search_context_cost_per_query"))
    maps = _dollars(row.get("google_maps_grounding_cost_per_query"))
    fees = search * _MOST_SEARCHES[_RESEARCH in name] if _SEARCHES.search(name) else 0
    if base.cited is not None:
        # Billed for what it read and thought, neither of which the cap on the answer bounds.
        context = int(row.get("max_input_tokens") or 0)
        fees += context * (base.cited + (base.reasoning or base.output)) // 1_000_000
    entry = row.get(_BY_USAGE) or {}
    price = Price(
        **_fields(base),
        long=tuple(_long(row, base)),
        tiers=tuple(_tiers(row, base)),
        fee=_dollars(row.get("input_cost_per_request")),
        search=search,
        fees=fees,
        hosted=_HOSTED_CALLS * max(search, maps),
        local=_percent(entry.get("us", 1)),
    )
    return price.times(_uplift(row, api_base))


def stated_price(rate_in: int, rate_out: int, listed: Price | None) -> Price:
    """The price that a policy states, as input and output alone. Writing to the prompt cache costs
    as much more than other input as in the table's price of the model."""
    if listed is None:
        return Price(rate_in, rate_out)
    return Price(
        rate_in,
        rate_out,
        written=_premium(None, listed.written, rate_in, listed.input, floor=False),
        kept=_premium(None, listed.kept, rate_in, listed.input, floor=False),
    )


def _chargeable(row: Mapping[str, Any]) -> bool:
    """Whether every field about money is known, and none is in a unit that usage does not count."""
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
    """Whether a value is anything but zero; numbers may stand within a mapping."""
    if isinstance(value, dict):
        return any(map(_is_charged, value.values()))
    return bool(value)


def _is_schedule(value: object) -> bool:
    """Whether a schedule holds rates that are known here, and nothing else about money."""
    parts = value if isinstance(value, list) else [value or {}]
    return all(
        isinstance(part, dict)
        and all(use_of(key) is Use.RATE and is_rate(part[key]) for key in part if is_money(key))
        for part in parts
    )


def _at_peak(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row at its dearest time of day."""
    other = row.get("off_peak_pricing") or {}
    dearer = {
        name: rate for name, rate in other.items() if is_money(name) and rate > (row.get(name) or 0)
    }
    return {**row, **dearer}


def _rates(row: Mapping[str, Any], suffix: str = "") -> Price:
    """The rates whose names end so. What has no rate for input or output costs nothing in it."""
    found: dict[str, Any] = {
        key: max(
            (_rate(row[n + suffix]) for n in names if _has(row.get(n + suffix), key)), default=None
        )
        for key, names in RATES.items()
    }
    output, thinking = found.pop("output") or 0, found.pop("reasoning")
    if thinking is not None and thinking >= output:
        # Models that think at a higher rate charge it for the whole answer.
        output, thinking = thinking, None
    return Price(found.pop("input") or 0, output, reasoning=thinking, **found)


def _has(value: object, key: str) -> bool:
    """Whether a rate is listed. Zero for the prompt cache is a gap in the table, not a present."""
    return is_rate(value) and (value != 0 or key not in _CACHE)


def _beside(found: Price, base: Price) -> Price:
    """Rates of a schedule, with those of the base where it has none, and never below the base's
    for what the base charges more than input."""
    rate_in = found.input or base.input
    rate_out = found.output or base.output
    return Price(
        rate_in,
        rate_out,
        found.cached,
        _premium(found.written, base.written, rate_in, base.input),
        _higher(found.audio, base.audio),
        speech=_higher(found.speech, base.speech),
        kept=_premium(found.kept, base.kept, rate_in, base.input),
        reasoning=None if base.reasoning is None else max(base.reasoning, rate_out),
        cited=_higher(found.cited, base.cited),
    )


def _premium(
    found: int | None, base: int | None, rate: int, base_rate: int, *, floor: bool = True
) -> int | None:
    """The rate of writing to the cache; where it is not listed, as far above the input's as in the
    base. floor: never below the base's own."""
    if found is not None or base is None:
        return found
    scaled = -(-base * rate // base_rate) if base_rate else base
    return max(base, scaled) if floor else scaled


def _higher(one: int | None, other: int | None) -> int | None:
    known = [rate for rate in (one, other) if rate is not None]
    return max(known, default=None)


def _long(row: Mapping[str, Any], base: Price, tier: str = "") -> Iterator[tuple[int, Price]]:
    """The rates of long prompts, ascending."""
    by_name = {
        split(name)[1]
        for name in row
        if use_of(name) is Use.RATE and split(name)[1] and split(name)[2] == tier
    }
    found = {
        above: _rates(row, f"_above_{above // 1000}k_tokens{'_' if tier else ''}{tier}")
        for above in by_name
    }
    for part in () if tier else row.get("tiered_pricing") or ():
        above = int(part.get("range", [0])[0])
        if above:
            found[above] = _rates(part)
    return ((above, _beside(found[above], base)) for above in sorted(found))


def _tiers(row: Mapping[str, Any], base: Price) -> Iterator[tuple[str, Price]]:
    for tier in DEARER_TIERS:
        if is_rate(row.get(f"input_cost_per_token_{tier}")):
            rates = _beside(_rates(row, f"_{tier}"), base)
            yield tier, Price(**_fields(rates), long=tuple(_long(row, rates, tier)))


def _fields(price: Price) -> dict[str, Any]:
    return {name: getattr(price, name) for name in RATES}


def _uplift(row: Mapping[str, Any], api_base: str | None) -> int:
    """By how much the rates are multiplied where the model is called, in percent."""
    found = _HOST.match(api_base or "")
    host = found[1] if found else ""
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
