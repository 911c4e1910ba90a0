"""Money: US dollars as people write them, and the integer nano-USD used everywhere else."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final, TypeAlias

NANO_PER_USD: Final = 1_000_000_000
"""One US dollar in nano-USD. A price of $1 per million tokens is 1000 nano-USD per token."""
MAX_USD: Final = 1_000_000_000_000
"""The largest amount that is accepted, in dollars. Every amount up to it is exact."""

Usd: TypeAlias = int | float | Decimal
"""An amount in US dollars. A float means the decimal number that it prints as."""

_TEXT: Final = re.compile(r"\$?(?:[0-9]{1,13}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})")


def nano_usd(amount: Usd, *, round_up: bool = False) -> int:
    """Convert US dollars to nano-USD.

    Args:
        amount: US dollars, finite and at most `MAX_USD`.
        round_up: Round a fraction of a nano-USD up; by default it is dropped.

    Returns:
        nano-USD.
    """
    exact = Fraction(str(amount)) * NANO_PER_USD
    return ceil(exact) if round_up else floor(exact)


def parse_usd(text: str) -> Decimal:
    """Read an amount of US dollars such as `$0.05` or `0.05`.

    Raises:
        ValueError: The text is not an amount of dollars.
    """
    if _TEXT.fullmatch(text) is None:
        raise ValueError(f"`{text}` is not an amount of dollars")
    return Decimal(text.removeprefix("$"))


def format_usd(amount: int) -> str:
    """Write nano-USD as dollars, exactly: `0.05`, without an exponent or trailing zeros."""
    whole, nano = divmod(abs(amount), NANO_PER_USD)
    text = f"{whole}.{nano:09}".rstrip("0").rstrip(".")
    return f"-{text}" if amount < 0 else text


def spell_usd(amount: int) -> str:
    """Write nano-USD for people: `$1.50`, rounded to six decimals, with at least two.

    An amount that would be rounded to zero is written exactly.
    """
    size = abs(amount)
    rounded = (size + 500) // 1000 * 1000
    whole, _, cents = format_usd(rounded or size).partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{cents:0<2}"
