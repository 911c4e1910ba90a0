"""How far back a report looks, as people write it."""

from __future__ import annotations

import re
from typing import Final

from policy_router.base_errors import UsageError
from policy_router.quoting import quoted

_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS: Final = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def seconds_back(age: str) -> float:
    """Read an age such as `24h`, `30d` or `12w`.

    Raises:
        UsageError: It is none.
    """
    found = _AGE.fullmatch(age)
    if found is None:
        raise UsageError(f"`{quoted(age)}` is not an age; write it like 24h, 30d or 12w")
    return int(found[1]) * _SECONDS[found[2]]
