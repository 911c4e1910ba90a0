"""Reads HTTP headers, which anyone may have written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

MOST: Final = 512
"""Headers that are looked at."""
LONGEST: Final = 256
"""Characters of a value that is used; a longer one is ignored, as a part would be another value."""


def usable(value: object) -> str | None:
    """Return a value without the white space around it, or None.

    Values that are empty, longer than `LONGEST` or not a string are not used, nor are those that
    contain control characters or anything else that cannot be printed.
    """
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    value = str.__str__(value).strip()
    return value if value and value.isprintable() else None


def read_headers(headers: object, names: Container[str]) -> dict[str, str]:
    """Return the usable values of some headers, by name in lower case.

    Any input is accepted and nothing is raised. The first of several equal names counts.

    Args:
        headers: Values by name, in any case.
        names: The names to read, in lower case.
    """
    known: dict[str, str] = {}
    if not headers or (type(headers) is not dict and not isinstance(headers, Mapping)):
        return known
    for name, given in islice(headers.items(), MOST):
        low = name.lower() if isinstance(name, str) and len(name) <= LONGEST else ""
        if low in names and low not in known:
            value = usable(given)
            if value is not None:
                known[low] = value
    return known
