"""The price fields of LiteLLM's table, and how each is used.

The price of a row is unknown, and must be set in the policy, if one of its fields is not listed
here or cannot be charged. A test compares this list with the installed table.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Use(StrEnum):
    """How a field affects the price of a chat request.

    Attributes:
        RATE: Dollars per token.
        FEE: Dollars in addition to the tokens.
        UPLIFT: A factor for the rates in some regions.
        SCHEDULE: Rates by the length of the prompt or the time of day.
        UNIT: Charged in a unit that is not part of an answer's usage.
        OUTPUT_UNIT: The same, and only for answers that are not text.
        IGNORED: Never charged for a chat request, or not a price.
    """

    RATE = "rate"
    FEE = "fee"
    UPLIFT = "uplift"
    SCHEDULE = "schedule"
    UNIT = "unit"
    OUTPUT_UNIT = "output unit"
    IGNORED = "ignored"


RATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # Pictures cost as much as text in every chat model of the table; the higher rate is used.
        "input": ("input_cost_per_token", "input_cost_per_image_token"),
        "output": ("output_cost_per_token",),
        "cached": (
            "cache_read_input_token_cost",
            "input_cost_per_token_cache_hit",
            "explicit_cache_read_input_token_cost",
        ),
        "written": ("cache_creation_input_token_cost",),
        "written_1h": ("cache_creation_input_token_cost_above_1hr",),
        "audio": ("input_cost_per_audio_token",),
        "speech": ("output_cost_per_audio_token",),
        "reasoning": ("output_cost_per_reasoning_token",),
        "fetched": ("citation_cost_per_token",),
    }
)
"""Fields of a Price, each with the fields of the table of which it is the highest."""

EXPENSIVE_TIERS: Final = ("priority", "ultrafast")
"""Service tiers above the standard one. They are never requested; an account may have one as its
default, and the provider then reports it in its answer."""

FIELDS: Final[Mapping[str, Use]] = MappingProxyType(
    {
        **{name: Use.RATE for names in RATES.values() for name in names},
        "search_context_cost_per_query": Use.FEE,
        "input_cost_per_request": Use.FEE,
        "google_maps_grounding_cost_per_query": Use.FEE,
        "regional_endpoint_uplift_multiplier": Use.UPLIFT,
        "regional_processing_uplift_multiplier_eu": Use.UPLIFT,
        "regional_processing_uplift_multiplier_us": Use.UPLIFT,
        "fedramp_uplift_multiplier": Use.UPLIFT,
        "provider_specific_entry": Use.UPLIFT,
        "tiered_pricing": Use.SCHEDULE,
        "off_peak_pricing": Use.SCHEDULE,
        "cost_per_second": Use.UNIT,
        "input_cost_per_second": Use.UNIT,
        "output_cost_per_second": Use.UNIT,
        "input_cost_per_character": Use.UNIT,
        "output_cost_per_character": Use.UNIT,
        "input_cost_per_image": Use.UNIT,
        "input_cost_per_pixel": Use.UNIT,
        "input_cost_per_query": Use.UNIT,
        "input_cost_per_text_message": Use.UNIT,
        "input_cost_per_audio_per_second": Use.UNIT,
        "input_cost_per_video_per_second": Use.UNIT,
        "input_cost_per_video_per_second_above_15s_interval": Use.UNIT,
        "input_cost_per_video_per_second_above_8s_interval": Use.UNIT,
        "input_cost_per_video_token": Use.UNIT,
        "annotation_cost_per_page": Use.UNIT,
        "ocr_cost_per_credit": Use.UNIT,
        "ocr_cost_per_page": Use.UNIT,
        "guardrail_cost_per_unit": Use.UNIT,
        "output_cost_per_image": Use.OUTPUT_UNIT,
        "output_cost_per_image_token": Use.OUTPUT_UNIT,
        "output_cost_per_image_0.5K": Use.OUTPUT_UNIT,
        "output_cost_per_image_1K": Use.OUTPUT_UNIT,
        "output_cost_per_image_2K": Use.OUTPUT_UNIT,
        "output_cost_per_image_4K": Use.OUTPUT_UNIT,
        "output_cost_per_image_512": Use.OUTPUT_UNIT,
        "output_cost_per_image_1024": Use.OUTPUT_UNIT,
        "output_cost_per_image_1536": Use.OUTPUT_UNIT,
        "output_cost_per_pixel": Use.OUTPUT_UNIT,
        "output_cost_per_video_token": Use.OUTPUT_UNIT,
        "output_cost_per_video_per_second": Use.OUTPUT_UNIT,
        "output_cost_per_second_480p": Use.OUTPUT_UNIT,
        "output_cost_per_second_720p": Use.OUTPUT_UNIT,
        "output_cost_per_second_768p": Use.OUTPUT_UNIT,
        "output_cost_per_second_1080p": Use.OUTPUT_UNIT,
        "output_cost_per_second_2k": Use.OUTPUT_UNIT,
        "output_cost_per_second_4k": Use.OUTPUT_UNIT,
        # Sound and pictures from the cache are charged like any others, which costs more.
        "cache_read_input_audio_token_cost": Use.IGNORED,
        "cache_read_input_image_token_cost": Use.IGNORED,
        # The table has it only for models of the realtime interface.
        "cache_creation_input_audio_token_cost": Use.IGNORED,
        # Caching a prompt for a day requires a parameter that is never sent.
        "cache_creation_input_token_cost_above_12hr": Use.IGNORED,
        # Services of interfaces other than chat completions.
        "code_interpreter_cost_per_session": Use.IGNORED,
        "computer_use_input_cost_per_1k_tokens": Use.IGNORED,
        "computer_use_output_cost_per_1k_tokens": Use.IGNORED,
        "file_search_cost_per_1k_calls": Use.IGNORED,
        "file_search_cost_per_gb_per_day": Use.IGNORED,
        "vector_store_cost_per_gb_per_day": Use.IGNORED,
        # The same price in Databricks' own currency.
        "input_dbu_cost_per_token": Use.IGNORED,
        "output_dbu_cost_per_token": Use.IGNORED,
        # A number of searches is free of charge; here all are charged.
        "search_free_requests": Use.IGNORED,
        "web_search_billing_unit": Use.IGNORED,
    }
)

_MONEY: Final = re.compile(
    r"cost|pric|fee|uplift|multiplier|billing|charge|dbu|discount|free_requests|provider_specific"
)
_NAME: Final = re.compile(
    r"(?P<base>.+?)(?:_above_(?P<above>[0-9]+)k_tokens)?"
    r"(?:_(?P<tier>batches|flex|balanced|decisions|priority|ultrafast))?"
)


@cache
def is_money(name: str) -> bool:
    """Whether a field of the table is about money, judging by its name."""
    return _MONEY.search(name) is not None


@cache
def split(name: str) -> tuple[str, int, str]:
    """Split the name of a field.

    Returns:
        The name without suffixes, the number of prompt tokens above which the field applies (0 for
        any), and its service tier (empty for the standard one).
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return name, 0, ""
    return match["base"], int(match["above"] or 0) * 1000, match["tier"] or ""


@cache
def use_of(name: str) -> Use | None:
    """Return how a field about money is used; None when it is not listed."""
    return FIELDS.get(split(name)[0])
