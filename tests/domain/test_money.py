"""Dollars to nano-USD and back."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.money import (
    MAX_USD,
    NANO_PER_USD,
    Usd,
    format_usd,
    nano_usd,
    parse_usd,
    spell_usd,
)


@pytest.mark.parametrize(
    ("amount", "nano", "rounded_up"),
    [
        (0, 0, 0),
        (-0.0, 0, 0),
        (1, NANO_PER_USD, NANO_PER_USD),
        (0.05, 50_000_000, 50_000_000),
        (0.1 + 0.2, 300_000_000, 300_000_001),
        (Decimal("0.05"), 50_000_000, 50_000_000),
        (1e-9, 1, 1),
        (1e-10, 0, 1),
        (Decimal("1.9999999999"), 1_999_999_999, 2_000_000_000),
        (MAX_USD, 10**21, 10**21),
    ],
)
def test_dollars_are_nano_usd(amount: Usd, nano: int, rounded_up: int) -> None:
    assert nano_usd(amount) == nano
    assert nano_usd(amount, round_up=True) == rounded_up


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.05", "0.05"), ("$0.05", "0.05"), ("12", "12"), ("$0", "0"), ("$.5", "0.5")],
)
def test_texts_of_dollars(text: str, amount: str) -> None:
    assert parse_usd(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "$", "-1", "1e3", "nan", "inf", "much", ".", "5.", "1,000", "$$1", "0.05 ", "1c"]
)
def test_texts_that_are_no_dollars(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of dollars"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1, "0.000000001"), (NANO_PER_USD, "1"), (NANO_PER_USD // 10, "0.1"),
     (10 * NANO_PER_USD, "10"), (-NANO_PER_USD, "-1"), (10**18, "1000000000"),
     (5 * NANO_PER_USD // 2, "2.5")],
)  # fmt: skip
def test_exact_dollars(amount: int, text: str) -> None:
    assert format_usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (NANO_PER_USD, "$1.00"), (3 * NANO_PER_USD // 2, "$1.50"),
     (700_000, "$0.0007"), (1_234_567_891, "$1.234568"), (10**19, "$10000000000.00"),
     (499, "$0.000000499"), (-1, "-$0.000000001"), (10**16 * NANO_PER_USD + 10**7,
      "$10000000000000000.01")],
)  # fmt: skip
def test_dollars_for_people(amount: int, text: str) -> None:
    assert spell_usd(amount) == text


@given(st.integers(0, 10**21))
def test_what_is_written_is_read_back(amount: int) -> None:
    assert nano_usd(parse_usd(format_usd(amount))) == amount
    assert nano_usd(parse_usd(f"${format_usd(amount)}")) == amount


def test_the_precision_that_a_program_sets_for_decimals_changes_nothing() -> None:
    with localcontext(prec=2):
        assert nano_usd(parse_usd("123.456789")) == 123_456_789_000
        assert format_usd(123_456_789_000) == "123.456789"
        assert spell_usd(123_456_789_000) == "$123.456789"


@given(st.integers(1, 10**21))
def test_no_amount_is_shown_as_zero(amount: int) -> None:
    assert parse_usd(spell_usd(amount)) > 0
