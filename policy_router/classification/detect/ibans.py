"""International bank account numbers: a country, its length, and check digits by ISO 7064."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.classification.detect.form import SensitiveForm
from policy_router.patterns import over_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTHS: Final[Mapping[str, int]] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of the numbers of each country."""
_START: Final = (
    rb"(?i)\b(?:" + "|".join(_LENGTHS).encode() + rb")[0-9]{2}(?:[ -]|\xc2\xa0)?[0-9A-Z]"
)
_MOST: Final = 2 * max(_LENGTHS.values())
"""Bytes of a number at most: a separator of two bytes is after every fourth character."""
_PIECE: Final = rb"(?i)[0-9a-z]{%d}(?![0-9a-z])"
_GROUPS: Final = rb"(?i)(?:[0-9a-z]{4}(?:[ -]|\xc2\xa0)){%d}[0-9a-z]{%d}(?![0-9a-z])"
_FORMS: Final = {
    length: re.compile(
        b"|".join((_PIECE % length, (_GROUPS % ((length - 1) // 4, (length - 1) % 4 + 1))[4:]))
    )
    for length in set(_LENGTHS.values())
}
"""By the number of characters: how they are written, in one piece or in groups of four."""


def _has_iban(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains an international bank account number."""
    return any(
        _is_iban(data[match.start() : match.start() + _MOST])
        for match in over_bytes(_START).finditer(data)
    )


def _is_iban(text: bytes) -> bool:
    """Whether a text begins with such a number."""
    written = _FORMS[_LENGTHS[text[:2].decode().upper()]].match(text)
    if written is None:
        return False
    characters = re.sub("[^0-9A-Z]", "", written[0].decode("utf-8", "ignore").upper())
    number = characters[4:] + characters[:4]
    return int("".join(str(int(each, 36)) for each in number)) % 97 == 1


IBAN: Final = (SensitiveForm(_START, _has_iban),)
"""How international bank account numbers are found."""
