"""OpenRouter: `/api/v1/models`, in pages, with prices as strings of dollars per token."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from policy_router.discovery.served import ServedModel, is_chat_name, part, rows_of, texts, tokens
from policy_router.domain.money import nano_usd
from policy_router.domain.prices import Price

if TYPE_CHECKING:
    from policy_router.discovery.fetch import SourceFetcher

_PAGES: Final = 10
"""The most pages that are read."""
_PATH: Final = "/api/v1/models"
_RATE: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,24})?(?:[eE]-[0-9]{1,2})?")
"""A price that can be meant: its exponent cannot make a number of millions of digits."""
_PARAMETERS: Final = {
    "tools": "tools",
    "response_format": "json",
    "structured_outputs": "json",
    "reasoning": "reasoning",
}
_INPUTS: Final = {"image": "vision", "file": "pdf", "audio": "audio", "video": "video"}
_OUTPUTS: Final = {"image": "image_output", "audio": "audio_output"}


def read_page(answer: Any) -> list[ServedModel]:
    """Read one page. Raises SourceError."""
    return [_model(row) for row in rows_of(answer, "data") if is_chat_name(row.get("id"))]


def _model(row: dict[str, Any]) -> ServedModel:
    pricing, shape = part(row, "pricing"), part(row, "architecture")
    rates = {name: _rate(pricing.get(name)) for name in _RATES}
    price = _price(rates)
    free = price is not None and not any(rates.values())
    parameters = texts(row.get("supported_parameters"))
    inputs, outputs = texts(shape.get("input_modalities")), texts(shape.get("output_modalities"))
    can = {_PARAMETERS[each] for each in parameters if each in _PARAMETERS}
    can |= {_INPUTS[each] for each in inputs if each in _INPUTS}
    can |= {_OUTPUTS[each] for each in outputs if each in _OUTPUTS}
    return ServedModel(
        row["id"],
        context=tokens(row.get("context_length")),
        max_output=tokens(part(row, "top_provider").get("max_completion_tokens")),
        abilities=frozenset(can),
        price=None if free else price,
        free=free,
        last_day=_day(row.get("expiration_date")),
    )


_RATES: Final = ("prompt", "completion", "input_cache_read", "input_cache_write", "request")


def _price(rates: dict[str, Decimal | None]) -> Price | None:
    """The price in nano-USD per million tokens; None where it is not fixed."""
    prompt, completion = rates["prompt"], rates["completion"]
    if prompt is None or completion is None:
        return None
    cached, written, fee = (rates[name] for name in _RATES[2:])
    return Price(
        _per_million(prompt),
        _per_million(completion),
        cached=None if not cached else _per_million(cached),
        written=None if not written else _per_million(written),
        fee=0 if fee is None else nano_usd(fee, round_up=True),
    )


def _rate(value: Any) -> Decimal | None:
    """Dollars; None for what is no price, such as `-1` for one that depends on the request."""
    return Decimal(value) if isinstance(value, str) and _RATE.fullmatch(value) else None


def _per_million(rate: Decimal) -> int:
    return nano_usd(rate * 1_000_000, round_up=True)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


async def list_models(server: SourceFetcher) -> list[ServedModel]:
    """Ask OpenRouter. Raises SourceError."""
    models: list[ServedModel] = []
    path: str | None = _PATH
    for _ in range(_PAGES):
        if path is None:
            break
        answer = await server.get(path)
        models += read_page(answer)
        path = following(answer, server.base)
    return models


def following(answer: Any, base: str) -> str | None:
    """The path of the next page; None where there is none, or where it is on another server."""
    link = part(answer, "links").get("next") if isinstance(answer, dict) else None
    if not isinstance(link, str) or not link:
        return None
    try:
        to, here = urlsplit(link), urlsplit(base)
    except ValueError:
        return None
    if to.netloc and to[:2] != here[:2]:
        return None
    path = to.path.removeprefix(here.path)
    return f"{path}?{to.query}" if to.query else path
