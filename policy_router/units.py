"""Parses values with units, as people write them: `20/min`, `$5/month`, `128k`, `60s`.

A unit has a name for messages, a pattern that is also in the JSON Schema, examples, and a parser.
Only token counts may be bare numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.money import nano_usd, parse_usd

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNT = r"(?:[0-9]{1,12}|[0-9]{1,9}(?:\.[0-9]{1,3})?[kK]|[0-9]{1,6}(?:\.[0-9]{1,6})?M)"
_MONEY = r"\$[0-9]{1,9}(?:\.[0-9]{1,9})?"
_DURATION = r"[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h)"
_WINDOW = r"(?:min|hour|day|week|month|[1-9][0-9]{0,6}(?:s|m|min|h|d))"
_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}


def count(text: str) -> int:
    """`32k` -> 32000. k is a thousand and M a million, as in the documentation of providers."""
    scale = {"k": 1000, "K": 1000, "M": 1_000_000}.get(text[-1])
    return int(Decimal(text[:-1]) * scale) if scale else int(text)


def money(text: str) -> int:
    """`$0.10` -> nano-USD."""
    return nano_usd(parse_usd(text))


def price(text: str) -> int:
    """`$0.10/M` -> nano-USD per million tokens; `/K` is per thousand."""
    amount, _, per = text.partition("/")
    return money(amount) * (1000 if per == "K" else 1)


def duration(text: str) -> float:
    """`90s`, `1.5m`, `500ms`, `2h` -> seconds."""
    unit = text.lstrip("0123456789.")
    return float(Decimal(text[: -len(unit)]) * _SECONDS[unit])


def days(text: str) -> float:
    """`90d` -> seconds."""
    return float(int(text[:-1]) * _SECONDS["h"] * 24)


def percent(text: str) -> float:
    """`30%` -> 0.3."""
    return float(Decimal(text[:-1]) / 100)


def change(text: str) -> float:
    """`-3%` -> -0.03; the sign is always written."""
    return float(Decimal(text[:-1]) / 100)


def factor(text: str) -> float:
    """`3x` -> 3.0."""
    return float(text[:-1])


def hourly(text: str) -> int:
    """`$2.50/hour` -> nano-USD per hour."""
    return money(text.removesuffix("/hour"))


def secondly(text: str) -> int:
    """`$0.001/s` -> nano-USD per second."""
    return money(text.removesuffix("/s"))


def size(text: str) -> int:
    """`8GB` -> bytes, in powers of 1000."""
    return int(Decimal(text[:-2]) * {"MB": 10**6, "GB": 10**9, "TB": 10**12}[text[-2:]])


@dataclass(frozen=True, slots=True)
class Rate:
    """An amount per period.

    Attributes:
        amount: The amount.
        metric: What is counted: `requests`, `tokens` or `concurrent` (concurrent requests).
        period: The window: `min`, `hour`, `day`, `week`, `month` or a length such as `5h`; "" for
            `concurrent`.
    """

    amount: int
    metric: str
    period: str = ""


def rate(metric: str) -> Callable[[str], Rate]:
    """The parser of a metric's rates: `20/min` -> Rate(20, metric, "min")."""

    def read(text: str) -> Rate:
        amount, _, period = text.partition("/")
        return Rate(count(amount), metric, period)

    return read


def limit(text: str) -> Rate:
    """The limit of a model: `50/min`, `400k tokens/min`, `4 concurrent`."""
    amount, _, rest = text.partition(" ")
    if rest == "concurrent":
        return Rate(int(amount), rest)
    if rest:
        metric, _, period = rest.partition("/")
        return Rate(count(amount), metric, period)
    return rate("requests")(amount)


@dataclass(frozen=True, slots=True)
class Cap:
    """The cap of a budget.

    Attributes:
        amount: nano-USD or tokens; None is unlimited.
        unit: `usd` or `tokens`.
        period: The window, as in a Rate; "" if it is unlimited or has none.
    """

    amount: int | None
    unit: str = "usd"
    period: str = ""


def cap(text: str) -> Cap:
    """`$50/month`, `1M tokens/day`, `$5/5h`, `unlimited`; `$2` is for the life of a session."""
    if text == "unlimited":
        return Cap(None)
    amount, _, period = text.partition("/")
    if amount.startswith("$"):
        return Cap(money(amount), "usd", period)
    return Cap(count(amount.removesuffix(" tokens")), "tokens", period)


def hour_range(text: str) -> tuple[int, int]:
    """`22:00-06:30` -> (1320, 390), in minutes after midnight; an end below the start is on the
    next day."""
    start, end = (
        int(hour) * 60 + int(minute)
        for hour, minute in (time.split(":") for time in text.split("-"))
    )
    return start, end


def day_range(text: str) -> tuple[int, ...]:
    """`mon-fri` -> (0, 1, 2, 3, 4); a range may pass Sunday: `sat-mon` -> (5, 6, 0)."""
    first, _, last = text.partition("-")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return tuple((start + i) % 7 for i in range((end - start) % 7 + 1))


MONDAY: Final = datetime(2026, 1, 5)  # noqa: DTZ001  whose zone is that of the policy
"""The default day of a time: a Monday."""


def clock(text: str) -> datetime:
    """`22:15`, `sat 22:15` or `2026-11-30 22:15` -> a date and a time, without a zone.

    Raises:
        ValueError: There is no such day.
    """
    day, _, time = text.rpartition(" ")
    hour, minute = (int(part) for part in time.split(":"))
    if day in WEEKDAYS:
        start = MONDAY + timedelta(days=WEEKDAYS.index(day))
    else:
        try:
            start = datetime.fromisoformat(day) if day else MONDAY
        except ValueError:
            raise ValueError(f"`{day}` is not a day of the calendar") from None
    return start.replace(hour=hour, minute=minute)


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of value.

    Attributes:
        name: Its name in messages.
        pattern: The regular expression that its text matches.
        examples: Texts of this kind.
        read: Parses a text that matches.
    """

    name: str
    pattern: str
    examples: tuple[str, ...]
    read: Callable[[str], object]

    def parse(self, text: str) -> object:
        """The value of a text.

        Raises:
            ValueError: The text is not of this kind.
        """
        if re.fullmatch(self.pattern.strip("^$"), text) is None:
            raise ValueError(f"`{text}` is not a {self.name}")
        return self.read(text)


def _unit(
    name: str, pattern: str, examples: tuple[str, ...], read: Callable[[str], object]
) -> Unit:
    return Unit(name, f"^(?:{pattern})$", examples, read)


COUNT: Final = _unit("number of tokens", _COUNT, ("32k", "128k", "1M"), count)
MONEY: Final = _unit("sum of money", _MONEY, ("$0", "$0.05", "$50"), money)
PRICE: Final = _unit("token price", rf"{_MONEY}/[MK]", ("$0.10/M", "$2.50/M"), price)
DURATION: Final = _unit("duration", _DURATION, ("500ms", "60s", "5m"), duration)
# Zero is rejected where it makes no sense: a context without tokens, a request without time.
_SOME: Final = r"(?=[0-9.]*[1-9])"
SOME_TOKENS: Final = _unit(
    "number of tokens above zero", f"{_SOME}{_COUNT}", COUNT.examples, COUNT.read
)
WAIT: Final = _unit(
    "duration above zero", f"{_SOME}(?:{_DURATION})", DURATION.examples, DURATION.read
)
DAYS: Final = _unit("number of days", r"[1-9][0-9]{0,4}d", ("90d", "365d"), days)
PERCENT: Final = _unit(
    "percentage", r"(?:100|[0-9]{1,2}(?:\.[0-9]{1,6})?)%", ("10%", "80%"), percent
)
CHANGE: Final = _unit(
    "change in percent", r"[+-](?:100|[0-9]{1,2}(?:\.[0-9]{1,6})?)%", ("-3%", "+5%"), change
)
FACTOR: Final = _unit("factor", r"[1-9][0-9]{0,2}(?:\.[0-9]{1,3})?x", ("3x", "1.5x"), factor)
SECONDLY: Final = _unit("price per second", rf"{_MONEY}/s", ("$0.001/s",), secondly)
HOURLY: Final = _unit("price per hour", rf"{_MONEY}/hour", ("$2.50/hour",), hourly)
SIZE: Final = _unit("amount of memory", r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?:MB|GB|TB)", ("8GB",), size)
REQUESTS: Final = _unit(
    "request rate", rf"[0-9]{{1,12}}/{_WINDOW}", ("20/min", "50/day", "900/5h"), rate("requests")
)
TOKENS: Final = _unit("token rate", rf"{_COUNT}/{_WINDOW}", ("200k/hour",), rate("tokens"))
LIMIT: Final = _unit(
    "limit",
    rf"[0-9]{{1,12}}(?: requests)?/{_WINDOW}"
    rf"|{_COUNT} tokens/{_WINDOW}|[0-9]{{1,6}} concurrent",
    ("50/min", "400k tokens/min", "900/5h", "4 concurrent"),
    limit,
)
CAP: Final = _unit(
    "cap",
    rf"unlimited|(?:{_MONEY}|{_COUNT} tokens)(?:/{_WINDOW})?",
    ("$50/month", "1M tokens/day", "$5/5h", "unlimited"),
    cap,
)
USED: Final = _unit(
    "used quota",
    rf"{_COUNT}(?: tokens)?/{_WINDOW}|[0-9]{{1,6}} concurrent",
    ("50/day", "4 concurrent"),
    lambda text: text,
)
_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
HOUR_RANGE: Final = _unit(
    "time range",
    rf"{_TIME}-(?:{_TIME}|24:00)",
    ("01:00-04:00", "22:00-06:30"),
    hour_range,
)
_WEEKDAY = "|".join(WEEKDAYS)
DAY_RANGE: Final = _unit(
    "day range", rf"(?:{_WEEKDAY})(?:-(?:{_WEEKDAY}))?", ("mon-fri", "sat"), day_range
)
CLOCK: Final = _unit(
    "time",
    rf"(?:(?:{_WEEKDAY}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}) )?{_TIME}",
    ("22:15", "sat 22:15", "2026-11-30 22:15"),
    clock,
)
UNITS: Final = (
    SOME_TOKENS, MONEY, PRICE, DURATION, WAIT, DAYS, PERCENT, SIZE, REQUESTS, TOKENS, LIMIT, CAP,
    USED, HOUR_RANGE, DAY_RANGE, CHANGE, FACTOR, HOURLY, SECONDLY, CLOCK,
)  # fmt: skip
"""Every unit of a policy file."""
