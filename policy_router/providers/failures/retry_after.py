"""Reads from the headers and the body of a refusal how long the provider asks to wait."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

_UNITS: Final[Mapping[str, float]] = {
    "ms": 0.001, "millisecond": 0.001,
    "s": 1.0, "sec": 1.0, "second": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_PART: Final = (
    r"\d{1,12}(?:\.\d{1,12})? ?(?:ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)"
)
_DURATION: Final = re.compile(rf"{_PART}(?:[ ,]{{0,2}}{_PART}){{0,4}}")
_ONE: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?) ?([a-z]+)")
_TOO_LONG: Final = 31 * 86400.0
"""A monthly quota is the longest possible wait; anything longer is a mistake."""
_EPOCH: Final = 1_000_000_000.0
"""Larger numbers are times (Unix seconds), smaller ones are durations."""
_WAIT: Final = re.compile(
    rf"\b(?:try again|retry|wait|available again|resets?) (?:in|after|for)?:? ?"
    rf"({_DURATION.pattern})(?![\w.]*\w)",
    re.IGNORECASE,
)
_REGAIN: Final = re.compile(r"\bregain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC")
"""Anthropic's message about a spending limit."""
_PACIFIC: Final = ZoneInfo("America/Los_Angeles")

_HEADERS: Final = (
    ("retry-after-ms", 0.001),
    ("x-ms-retry-after-ms", 0.001),
    ("retry-after", 1.0),
)
_FIELDS: Final = (
    ("retry_after_ms", 0.001),
    ("retry_after", 1.0),
    ("retryAfter", 1.0),
    ("retry_after_seconds", 1.0),
    ("retryDelay", 1.0),  # Google's RetryInfo
    ("estimated_time", 1.0),  # Hugging Face, while it loads a model
)


def retry_after(
    headers: Mapping[str, str],
    now: float,
    objects: Iterable[Mapping[str, Any]] = (),
    texts: Iterable[str] = (),
) -> float | None:
    """Seconds to wait, or None when the refusal does not say.

    A daily quota counts before anything else: Google sends a short delay in addition to it. Values
    that make no sense are ignored: a time in the past, a negative one, one of more than a month.

    Args:
        headers: The headers of the answer.
        now: Unix time.
        objects: The mappings of the body; the first with a time to wait counts.
        texts: The messages of the body, unless they may quote the prompt.
    """
    bodies = list(objects)
    inner = [h for body in bodies if isinstance(h := body.get("headers"), Mapping)]
    messages = list(texts)
    daily = _until_reset(bodies, messages, now)
    if daily is not None and not inner:
        return daily
    low = _lowered(headers)
    waits = (
        _named(low, now),
        _fields(bodies, now),
        _windows(low, now),
        *(_named(_lowered(nested), now) for nested in inner),
        *(_windows(_lowered(nested), now) for nested in inner),
        daily,
        _in_text(messages, now),
    )
    return next((wait for wait in waits if wait is not None), None)


def _lowered(headers: Mapping[Any, Any]) -> dict[str, str]:
    return {str(k).lower(): str(v).strip() for k, v in headers.items()}


def _named(headers: Mapping[str, str], now: float) -> float | None:
    waits = (_seconds(headers[name], f, now) for name, f in _HEADERS if name in headers)
    return next((wait for wait in waits if wait is not None), None)


def _fields(bodies: Iterable[Mapping[str, Any]], now: float) -> float | None:
    for body in bodies:
        for name, factor in _FIELDS:
            value = body.get(name)
            if isinstance(value, Mapping):  # a protobuf duration as an object
                value = value.get("seconds")
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                wait = _seconds(str(value).strip(), factor, now)
                if wait is not None:
                    return wait
    return None


def _windows(headers: Mapping[str, str], now: float) -> float | None:
    """The longest wait of the rate-limit windows that are used up. The others are sent with every
    answer and did not cause this refusal."""
    waits = [
        wait
        for reset, left, status in _pairs(headers)
        if (left is None or _is_spent(left) or status == "rejected")
        and (wait := _seconds(reset, 1.0, now)) is not None
    ]
    return max(waits, default=None)


def _pairs(headers: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """(reset, remaining, status) of each window; they share the rest of their headers' names.
    A window without a name of its own needs no `remaining`."""
    for name, value in headers.items():
        for prefix in _PREFIXES:
            rest = name.removeprefix(prefix)
            if rest == name:
                continue
            before, marker, after = rest.partition("reset")
            if not marker:
                continue
            remaining = headers.get(f"{prefix}{before}remaining{after}")
            status = headers.get(f"{prefix}{before}status{after}")
            if before or after:
                remaining = remaining or "unknown"
            yield value, remaining, status
            break


_PREFIXES: Final = ("anthropic-ratelimit-", "x-ratelimit-", "ratelimit-", "x-rate-limit-")


def _is_spent(remaining: str) -> bool:
    try:
        return float(remaining) <= 0
    except ValueError:
        return False


def _until_reset(
    bodies: Iterable[Mapping[str, Any]], texts: Iterable[str], now: float
) -> float | None:
    """Seconds until a daily quota is renewed, when one is used up."""
    for body in bodies:
        quota = f"{body.get('quotaId') or ''} {body.get('quotaMetric') or ''}".lower()
        if "perday" in quota.replace("_", ""):
            return _midnight(now, _PACIFIC)
    if any(text.lower().startswith(_FREE_MODELS) for text in texts):
        return _midnight(now, UTC)
    return None


_FREE_MODELS: Final = "rate limit exceeded: free-models-per-day"
"""The beginning of OpenRouter's message."""


def _midnight(now: float, zone: tzinfo) -> float:
    day = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() - now


def _in_text(texts: Iterable[str], now: float) -> float | None:
    """The wait in a message such as "Please try again in 7m12s"."""
    for text in texts:
        date = _REGAIN.search(text)
        if date is not None:
            return _moment(f"{date[1]}T{date[2]}", now)
        wait = _WAIT.search(text)
        if wait is not None:
            return _bounded(_length(wait[1].lower()))
    return None


def _seconds(text: str, factor: float, now: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _moment(text, now) if ":" in text else _duration(text)
    if not math.isfinite(number):
        return None
    if number >= _EPOCH * 1000:  # milliseconds since 1970, as OpenRouter writes it
        return _bounded(number / 1000 - now)
    if number >= _EPOCH:
        return _bounded(number - now)
    return _bounded(number * factor)


def _moment(text: str, now: float) -> float | None:
    """The wait until a date, in the format of HTTP or of RFC 3339 (Anthropic)."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = read(text)
        except (ValueError, OverflowError):
            continue
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return _bounded(when.timestamp() - now)
    return None


def _duration(text: str) -> float | None:
    """The seconds of `6m0s`, `1h2m` or `20ms`, the format of OpenAI's reset headers."""
    low = text.lower()
    return _bounded(_length(low)) if _DURATION.fullmatch(low) else None


def _length(text: str) -> float:
    return sum(float(n) * _UNITS[u if u in _UNITS else u[:-1]] for n, u in _ONE.findall(text))


def _bounded(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= _TOO_LONG else None
