"""Numbers of payment cards: 13 to 19 digits with a known beginning and Luhn's check digit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.classification.detect.digits import LEAST_DIGITS, SEPARATOR, long_numbers
from policy_router.classification.detect.form import SensitiveForm

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGINNINGS: Final = (
    ("4", (13, 16, 19)),  # Visa
    *((str(n), (16,)) for n in range(51, 56)),  # Mastercard
    *((str(n), (16,)) for n in range(2221, 2721)),
    *((n, (15,)) for n in ("34", "37")),  # American Express
    *((n, (16, 19)) for n in ("6011", "64", "65")),  # Discover
    *((n, (14,)) for n in ("36", "38", "39", "300", "301", "302", "303", "304", "305")),  # Diners
    *((str(n), (16,)) for n in range(3528, 3590)),  # JCB
    ("62", (16, 17, 18, 19)),  # UnionPay
    *((n, (16, 18, 19)) for n in ("5018", "5020", "5038", "6304", "6759", "6761", "6763")),
)  # fmt: skip
"""How numbers of each network begin, and how many digits they have."""
_LENGTHS: Final = dict(_BEGINNINGS)
_MOST_GROUPS: Final = 5


def _has_card(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains the number of a payment card."""
    return any(_any_card(groups) for groups in long_numbers(data))


def _any_card(groups: Sequence[str]) -> bool:
    """Whether a group of digits, or several consecutive ones, are the number of a card.

    Args:
        groups: Groups of digits with only separators between them. A number in groups has four to
            seven digits in each but the last.
    """
    for at, number in enumerate(groups):
        if _is_card(number):
            return True
        together, last = number, number
        for following in groups[at + 1 : at + _MOST_GROUPS]:
            if not 4 <= len(last) <= 7:
                break
            together, last = together + following, following
            if _is_card(together):
                return True
    return False


def _is_card(number: str) -> bool:
    known = any(len(number) in _LENGTHS.get(number[:size], ()) for size in (1, 2, 3, 4))
    return known and len(set(number)) > 1 and _luhn(number)


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


CARD: Final = (SensitiveForm(rb"[0-9](?:%s?[0-9]){%d}" % (SEPARATOR, LEAST_DIGITS - 1), _has_card),)
"""How numbers of payment cards are found."""
