"""Prices read from rows of the table: what can apply is held, what applied is charged."""

from __future__ import annotations

from typing import Any

import pytest

from policy_router.catalog.prices import stated_price
from policy_router.catalog.table import Catalog, catalog
from policy_router.domain.money import NANO_PER_USD
from policy_router.domain.prices import Price

ROW: dict[str, Any] = {
    "mode": "chat",
    "litellm_provider": "acme",
    "input_cost_per_token": 1e-06,
    "output_cost_per_token": 2e-06,
    "max_input_tokens": 100_000,
}


def price(more: dict[str, Any], name: str = "acme/a", api_base: str | None = None) -> Price | None:
    found = Catalog({name: {**ROW, **more}}, frozenset(), "made up").find(name, api_base)
    assert found is not None
    return found.price


def known(more: dict[str, Any], name: str = "acme/a", api_base: str | None = None) -> Price:
    found = price(more, name, api_base)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "more",
    [
        {"input_cost_per_thought": 1e-06},
        {"cost_per_second": 0.1},
        {"input_cost_per_image": 0.01},
        {"input_cost_per_character": 1e-06},
        {"output_cost_per_image": 0.04},
        {"output_cost_per_image": 0.04, "supported_output_modalities": ["text", "image"]},
        {"provider_specific_entry": {"moon": 2}},
        {"provider_specific_entry": 3},
        {"tiered_pricing": [{"range": [0, 10], "cost_per_dream": 1}]},
        {"tiered_pricing": ["odd"]},
        {"off_peak_pricing": {"input_cost_per_token": "cheap"}},
        {"guardrail_cost_per_unit": {"units": 0.1}},
    ],
)
def test_what_usage_cannot_settle_makes_the_price_unknown(more: dict[str, Any]) -> None:
    assert price(more) is None


@pytest.mark.parametrize(
    "more",
    [
        {"input_cost_per_thought": 0, "cost_per_second": 0.0, "guardrail_cost_per_unit": {"u": 0}},
        {"output_cost_per_image": 0.04, "supported_output_modalities": ["text"]},
        {"input_cost_per_token_batches": 5e-07, "output_cost_per_token_flex": 1e-06},
        {"input_dbu_cost_per_token": 1e-05, "code_interpreter_cost_per_session": 0.03},
        {"cache_read_input_token_cost": 0, "cache_creation_input_token_cost": 0},
    ],
)
def test_what_never_applies_changes_nothing(more: dict[str, Any]) -> None:
    assert known(more) == Price(NANO_PER_USD, 2 * NANO_PER_USD)


def test_fees_of_models_that_search() -> None:
    fees = {"search_context_cost_per_query": {"low": 0.005, "high": 0.012}}
    plain, sonar = known(fees), known(fees, "acme/sonar")
    assert (plain.search, plain.fees, plain.hosted) == (12_000_000, 0, 120_000_000)
    assert (sonar.search, sonar.fees) == (12_000_000, 12_000_000)
    assert sonar.most(10, 10) == 10 * 1000 + 10 * 2000 + 12_000_000
    assert plain.most(0, 0, hosted=True) == 120_000_000
    research = known({**fees, "citation_cost_per_token": 1e-06}, "acme/sonar-deep-research")
    assert research.fees == 100 * 12_000_000 + 100_000 * (1000 + 2000)
    assert known({"input_cost_per_request": 0.005}).most(0, 0) == 5_000_000
    maps = known({"google_maps_grounding_cost_per_query": 0.025})
    assert (maps.search, maps.hosted) == (0, 250_000_000)


def test_writing_to_the_cache_has_two_rates() -> None:
    found = known(
        {
            "cache_creation_input_token_cost": 1.25e-06,
            "cache_creation_input_token_cost_above_1hr": 2e-06,
            "cache_read_input_token_cost": 1e-07,
        }
    )
    assert found.cost(1000, 0, 0, 1000) == 1_250_000
    assert found.cost(1000, 0, 0, 1000, written_1h=400) == 600 * 1250 + 400 * 2000
    assert found.cost(1000, 0, 900, 100) == 900 * 100 + 100 * 1250
    assert found.most(1000, 0) == 2_000_000


def test_long_prompts_have_rates_of_their_own() -> None:
    found = known(
        {
            "cache_creation_input_token_cost": 1.25e-06,
            "cache_creation_input_token_cost_above_1hr": 2e-06,
            "cache_read_input_token_cost": 1e-07,
            "input_cost_per_token_above_200k_tokens": 2e-06,
            "output_cost_per_token_above_200k_tokens": 3e-06,
            "cache_creation_input_token_cost_above_200k_tokens": 2.5e-06,
            "input_cost_per_audio_token": 5e-06,
        }
    )
    ((above, long),) = found.long
    assert (above, long.input, long.output) == (200_000, 2 * NANO_PER_USD, 3 * NANO_PER_USD)
    assert (long.written, long.cached) == (5 * NANO_PER_USD // 2, None)
    assert (
        long.written_1h == 4 * NANO_PER_USD
    )  # not listed: as far above the input's as in a short prompt
    assert long.audio == 5 * NANO_PER_USD
    assert found.cost(200_000, 1) == 200_000_000 + 2000
    assert found.cost(200_001, 1) == 400_002_000 + 3000
    assert found.cost(300_000, 0, 0, 300_000) == 750_000_000


def test_a_schedule_without_output_keeps_the_base() -> None:
    found = known({"input_cost_per_token_above_32k_tokens": 3e-06})
    assert found.long[0][1] == Price(3 * NANO_PER_USD, 2 * NANO_PER_USD)


def test_prices_in_tiers_of_length() -> None:
    tiers = [
        {"range": [0, 1000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        {"range": [1000.0, 9000.0], "input_cost_per_token": 3e-06, "output_cost_per_token": 4e-06},
    ]
    row = {"mode": "chat", "litellm_provider": "acme", "tiered_pricing": tiers}
    entry = Catalog({"acme/t": row}, frozenset(), "made up").find("acme/t")
    assert entry is not None
    assert entry.price == Price(
        NANO_PER_USD, 2 * NANO_PER_USD, long=((1000, Price(3 * NANO_PER_USD, 4 * NANO_PER_USD)),)
    )


def test_thinking_at_a_higher_rate_is_all_of_the_output() -> None:
    assert known({"output_cost_per_reasoning_token": 4e-06}) == Price(
        NANO_PER_USD, 4 * NANO_PER_USD
    )
    lower = known({"output_cost_per_reasoning_token": 1e-06})
    assert (lower.output, lower.reasoning) == (2 * NANO_PER_USD, NANO_PER_USD)
    assert lower.cost(0, 100, reasoning_out=40) == 60 * 2000 + 40 * 1000


def test_service_tiers_apply_where_the_provider_says_so() -> None:
    found = known(
        {
            "input_cost_per_token_priority": 2e-06,
            "output_cost_per_token_priority": 4e-06,
            "input_cost_per_token_above_200k_tokens_priority": 8e-06,
        }
    )
    assert found.cost(10, 10, tier="priority") == 2 * found.cost(10, 10)
    assert found.cost(10, 10, tier="default") == found.cost(10, 10, tier="flex")
    assert found.cost(300_000, 0, tier="priority") == 8 * 300_000 * 1000


@pytest.mark.parametrize(
    ("field", "api_base", "percent"),
    [
        ("regional_endpoint_uplift_multiplier", None, 110),
        ("regional_processing_uplift_multiplier_eu", None, 100),
        ("regional_processing_uplift_multiplier_eu", "https://api.acme.com/v1", 100),
        ("regional_processing_uplift_multiplier_eu", "https://eu.api.acme.com/v1", 110),
        ("fedramp_uplift_multiplier", "https://api.gov.acme.com", 110),
    ],
)
def test_some_places_cost_more(field: str, api_base: str | None, percent: int) -> None:
    more = {field: 1.1, "input_cost_per_token_above_200k_tokens": 2e-06}
    found = known(more, api_base=api_base)
    assert found.input == percent * NANO_PER_USD // 100
    assert found.long[0][1].input == percent * NANO_PER_USD // 50
    assert found.cached is None


def test_answers_made_where_the_provider_charges_more() -> None:
    found = known({"provider_specific_entry": {"us": 1.1, "fast": 2}})
    assert found.cost(1000, 0) == 1_000_000
    assert found.cost(1000, 0, regional=True) == found.most(1000, 0) == 1_100_000


def test_prices_of_the_installed_table_that_are_unknown_are_few() -> None:
    """They are models that make pictures and films; of texts every price can be charged."""
    table = catalog()
    unknown = [
        name
        for name, row in table._table.items()
        if row.get("mode") in {"chat", "responses"}
        and row.get("input_cost_per_token")
        and row.get("output_cost_per_token")
        and (entry := table.find(name)) is not None
        and entry.price is None
    ]
    assert len(unknown) < 40
    assert not [n for n in unknown if n.startswith(("gpt-", "claude-", "deepseek/", "mistral/"))]


def test_a_price_that_the_policy_states_keeps_the_premium_of_writing_to_the_cache() -> None:
    listed = Price(
        4 * NANO_PER_USD,
        20 * NANO_PER_USD,
        cached=NANO_PER_USD,
        written=5 * NANO_PER_USD,
        written_1h=8 * NANO_PER_USD,
    )
    usd = NANO_PER_USD
    plain = Price(usd, 2 * usd)
    assert stated_price(input=usd, output=2 * usd, listed=None) == plain
    assert stated_price(input=usd, output=2 * usd, listed=Price(usd, usd)) == plain
    assert stated_price(input=2 * usd, output=9 * usd, listed=listed) == Price(
        2 * usd, 9 * usd, written=5 * usd // 2, written_1h=4 * usd
    )


def test_every_rate_that_the_policy_states_counts() -> None:
    usd = NANO_PER_USD
    stated = stated_price(
        input=2 * usd, output=9 * usd, cached=usd, written=5 * usd, audio=3 * usd, request=7,
        image=8, listed=None,
    )  # fmt: skip
    assert stated == Price(
        2 * usd, 9 * usd, cached=usd, written=5 * usd, audio=3 * usd, fee=7, image=8
    )
    listed = Price(4 * usd, 20 * usd, written=5 * usd, written_1h=8 * usd)
    found = stated_price(input=2 * usd, output=9 * usd, written=6 * usd, listed=listed)
    assert (found.written, found.written_1h) == (
        6 * usd,
        6 * usd,
    )  # kept longer is never cheaper
