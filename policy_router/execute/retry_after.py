"""How long a provider asks to wait, from the headers of its refusal."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|[smhd])")
_MOST: Final = 31 * 86400.0
"""No wait is longer than a month: a monthly quota is the longest thing anyone waits for."""
_EPOCH: Final = 1_000_000_000.0
"""Larger numbers are moments (Unix time), smaller ones are durations."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, or None when the headers do not say. `now` is Unix time.

    Reads `retry-after-ms`, `retry-after` (seconds or an HTTP date), then `x-ratelimit-reset` and
    those of `x-ratelimit-reset-*` whose `x-ratelimit-remaining-*` is 0: the others are sent with
    every answer and say nothing about this refusal.
    """
    low = {str(k).lower(): str(v).strip() for k, v in headers.items()}
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if name in low:
            wait = _seconds(low[name], factor, now)
            if wait is not None:
                return wait
    spent = ("", *(k.rpartition("-")[2] for k, v in low.items() if _spent(k, v)))
    waits = [
        wait
        for scope in spent
        for value in (low.get("x-ratelimit-reset" + (f"-{scope}" if scope else "")),)
        if value is not None and (wait := _seconds(value, 1.0, now)) is not None
    ]
    return max(waits, default=None)


def _spent(name: str, value: str) -> bool:
    return name.startswith("x-ratelimit-remaining-") and value == "0"


def _seconds(text: str, factor: float, now: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _date(text, now) if "," in text else _duration(text)
    if not math.isfinite(number):
        return None
    if number >= _EPOCH * 1000:  # milliseconds since 1970, as OpenRouter writes it
        return _bounded(number / 1000 - now)
    if number >= _EPOCH:
        return _bounded(number - now)
    return _bounded(number * factor)


def _date(text: str, now: float) -> float | None:
    try:
        return _bounded(parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> float | None:
    """`6m0s`, `1h2m`, `20ms`: as OpenAI writes its reset headers."""
    parts = _DURATION.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        return None
    return _bounded(sum(float(a) * _UNITS[b] for a, b in parts))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _MOST)
