"""Numbers that are written in groups of digits, and what is around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.patterns import over_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_DIGITS: Final = 13
SEPARATOR: Final = rb"(?:[ -]|\xc2\xa0|\xe2\x80[\x90-\x93\xaf])"
"""What is between two groups of digits: a space, a hyphen or a dash."""
_NUMBER: Final = rb"[0-9](?:%s?[0-9]){%d,}" % (SEPARATOR, LEAST_DIGITS - 1)
_CONTINUED: Final = re.compile(rb"[0-9A-Za-z_]\Z|[0-9A-Za-z_][.,:/=+-]\Z|[#.]\Z")
_COUNTRY: Final = re.compile(rb"\b[A-Za-z]{2}\Z")
"""How a bank account number begins."""
_CONTINUES: Final = re.compile(rb"[0-9A-Za-z_%]|[.,:/=+-][0-9A-Za-z_]")


def long_numbers(data: bytes) -> Iterator[list[str]]:
    """Every run of groups of digits that are apart from other names and numbers.

    Args:
        data: The text in UTF-8. The groups of a run have at least `LEAST_DIGITS` digits together.
    """
    for match in over_bytes(_NUMBER).finditer(data):
        start, end = match.span()
        groups = re.findall("[0-9]+", match[0].decode("utf-8", "replace"))
        if _CONTINUES.match(data, end, end + 2):
            groups.pop()
        if _CONTINUED.search(data, max(0, start - 2), start):
            del groups[: len(groups) if _COUNTRY.search(data, max(0, start - 3), start) else 1]
        yield groups
