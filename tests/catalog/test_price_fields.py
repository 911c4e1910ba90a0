"""Every field of the installed price table is accounted for."""

from __future__ import annotations

import json

import pytest

from policy_router.catalog.price_fields import EXPENSIVE_TIERS, FIELDS, Use, is_money, split, use_of
from policy_router.catalog.table import folder_of

TABLE = folder_of("litellm") / "model_prices_and_context_window_backup.json"


def test_every_field_of_the_installed_table_is_known() -> None:
    rows = json.loads(TABLE.read_text(encoding="utf-8")).values()
    names = {name for row in rows for name in row}
    assert len([name for name in names if is_money(name)]) > 50
    unknown = sorted(name for name in names if is_money(name) and use_of(name) is None)
    assert not unknown, f"new in LiteLLM's table, say in price_fields what is done with: {unknown}"


def test_nothing_but_money_looks_like_it() -> None:
    rows = json.loads(TABLE.read_text(encoding="utf-8")).values()
    numbers = {
        name
        for row in rows
        for name, value in row.items()
        if isinstance(value, float) and not value.is_integer() and not is_money(name)
    }
    assert not numbers, f"fractions that no pattern takes for money: {sorted(numbers)}"


def test_every_known_field_looks_like_money() -> None:
    assert all(map(is_money, FIELDS))


@pytest.mark.parametrize(
    ("name", "base", "above", "tier"),
    [
        ("input_cost_per_token", "input_cost_per_token", 0, ""),
        ("output_cost_per_token_priority", "output_cost_per_token", 0, "priority"),
        (
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
            "cache_creation_input_token_cost_above_1hr",
            200_000,
            "",
        ),
        ("input_cost_per_token_above_272k_tokens_flex", "input_cost_per_token", 272_000, "flex"),
        ("", "", 0, ""),
    ],
)
def test_names_have_suffixes(name: str, base: str, above: int, tier: str) -> None:
    assert split(name) == (base, above, tier)


def test_what_is_not_listed_is_not_known() -> None:
    assert use_of("input_cost_per_thought") is None
    assert use_of("input_cost_per_second_batches") is Use.UNIT


def test_every_tier_that_costs_more_is_read() -> None:
    rows = json.loads(TABLE.read_text(encoding="utf-8")).values()
    for row in rows:
        standard = row.get("input_cost_per_token")
        if row.get("mode") not in {"chat", "responses"} or not standard:
            continue
        for name, rate in row.items():
            base, above, tier = split(name)
            if base == "input_cost_per_token" and tier and not above and rate > standard:
                assert tier in EXPENSIVE_TIERS, name
