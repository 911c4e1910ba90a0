"""Reads the token counts that providers report, in all their spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policy_router.domain.money import nano_usd
from policy_router.frozen import maker
from policy_router.providers.answers.chat import Usage

_TOKENS_MOST: Final = 1_000_000_000
_DOLLARS_MOST: Final = 1e6


def to_usage(used: Any, service_tier: object = None) -> Usage | None:
    """The usage object of an answer, in any of the spellings in use.

    Numbers that are negative, absurd or not whole become None: hostile or broken usage must not
    turn into a credit. Each token is counted once.

    Args:
        used: The object or mapping that the provider reported.
        service_tier: The tier that answered, where the answer itself names it.

    Returns:
        What was counted; None when `used` is None.
    """
    if used is None:
        return None
    if type(used) is dict and used.keys() <= _TOTALS:
        return _of_totals(used, service_tier)
    prompt, output = _get(used, "prompt_tokens_details"), _get(used, "completion_tokens_details")
    tokens_in, tokens_out = _first(used, *_IN), _first(used, *_OUT)
    cached = max(_most(prompt, "cached_tokens"), _most(used, *_CACHED))
    written = max(_most(prompt, *_WRITTEN), _most(used, *_WRITTEN))
    if tokens_in is not None and cached + written > tokens_in:
        tokens_in += cached + written  # counted apart from the prompt, as Anthropic does it
    thought = max(_most(output, "reasoning_tokens"), _most(used, "reasoning_tokens"))
    total = _first(used, "total_tokens")
    if tokens_in is not None and tokens_out is not None:
        uncounted = (total or 0) - tokens_in - tokens_out
        if uncounted > 0:
            tokens_out += uncounted  # thinking that `completion_tokens` leaves out, as xAI has it
        elif thought > tokens_out:
            tokens_out += thought
    split = _get(used, "cache_creation") or _get(prompt, "cache_creation_token_details")
    tier = service_tier or _get(used, "service_tier")
    return Usage(
        tokens_in,
        tokens_out,
        cached,
        written,
        _most(prompt, "audio_tokens"),
        _most(output, "audio_tokens"),
        _first(split, "ephemeral_1h_input_tokens"),
        thought,
        _most(used, "citation_tokens"),
        _searches(used, prompt),
        _bill(used),
        tier if isinstance(tier, str) else "",
        _get(used, "inference_geo") == "us",
        used,
    )


_new_usage: Final = maker(Usage)


def _of_totals(used: dict[str, Any], service_tier: object) -> Usage:
    """The usage of an object that has nothing but the totals of OpenAI's format, as most have."""
    tokens_in, tokens_out = _count(used.get(_IN[0])), _count(used.get(_OUT[0]))
    if tokens_in is not None and tokens_out is not None:
        tokens_out += max((_count(used.get("total_tokens")) or 0) - tokens_in - tokens_out, 0)
    tier = service_tier if isinstance(service_tier, str) else ""
    return _new_usage(tokens_in, tokens_out, service_tier=tier, raw=used)


_TOTALS: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_IN: Final = ("prompt_tokens", "input_tokens")
_OUT: Final = ("completion_tokens", "output_tokens")
_CACHED: Final = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
_WRITTEN: Final = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")


def _searches(used: Any, prompt: Any) -> int | None:
    """How many searches the provider made; None when it reports none."""
    counts = (
        _first(used, "num_search_queries", "num_sources_used"),
        _first(prompt, "web_search_requests"),
        _first(_get(used, "server_tool_use"), "web_search_requests"),
    )
    maps = _first(prompt, "google_maps_grounding_requests")
    known = [count for count in counts if count is not None]
    return max(known, default=0) + (maps or 0) if known or maps else None


def _bill(used: Any) -> int | None:
    """Nano-USD that the provider reports to charge; None when it reports none."""
    cost = _get(used, "cost")
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost")
    dollars = _amount(cost)
    # OpenRouter's own fee, where the customer's own key pays another provider.
    upstream = _amount(_get(_get(used, "cost_details"), "upstream_inference_cost"))
    own_key = _get(used, "is_byok") is True
    if dollars is None:
        return None
    return nano_usd(dollars + (upstream or 0 if own_key else 0), round_up=True)


def _amount(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < _DOLLARS_MOST else None  # type: ignore[arg-type,operator]  # a number by now


def _get(value: Any, name: str) -> Any:
    # Nearly all are None or dicts, and each is asked for many names.
    if value is None:
        return None
    if type(value) is dict or isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _first(value: Any, *names: str) -> int | None:
    """The first of these fields that is a credible count."""
    if value is not None:
        for name in names:
            count = _count(_get(value, name))
            if count is not None:
                return count
    return None


def _most(value: Any, *names: str) -> int:
    """The highest of these fields: spellings of one count, never added up."""
    most = 0
    if value is not None:
        for name in names:
            count = _count(_get(value, name))
            if count is not None and count > most:
                most = count
    return most


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _TOKENS_MOST else None
