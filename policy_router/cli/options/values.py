"""Values of a command's options, read from the text that was typed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from policy_router import units
from policy_router.diagnostics import printable
from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.money import NANO_PER_USD, parse_usd
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from policy_router.decision.policy import Policy
    from policy_router.units import Unit

_NUMBER: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DIGITS_MOST: Final = 15
"""Digits of a number that is read as an integer; a float holds as many exactly."""
_WEEK: Final = 8
"""Days in which a time of a weekday comes again, also one that is past today."""


Choice = TypeVar("Choice", bound=StrEnum)


def wrong(option: str, message: str) -> typer.BadParameter:
    """Make the error for an option whose value is invalid."""
    return typer.BadParameter(printable(message), param_hint=option)


def choice(kind: type[Choice], option: str) -> Callable[[str], Choice]:
    """Make the parser of an option that takes one of several words.

    Args:
        kind: The words.
        option: The option, such as `--format`.
    """

    def parse(text: str) -> Choice:
        try:
            return kind(text)
        except ValueError:
            raise wrong(option, unknown("value", text, kind)) from None

    return parse


def words(values: Iterable[str] | None) -> list[str]:
    """Split the values of a repeatable option at their commas."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    return [part for part in parts if part]


def count(text: str | None, option: str) -> int | None:
    """Read a number of tokens such as `900`, `24k` or `24_000`."""
    if text is None:
        return None
    return units.count(_checked(units.COUNT, text.replace("_", ""), option))


def candidates(text: str) -> int:
    """Read how many models to try at most."""
    if not text.isdecimal() or int(text) < 1:
        raise wrong("--max-candidates", f"`{quoted(text)}` is not an integer of at least 1")
    return int(text)


def usd(text: str | None, option: str) -> Decimal | None:
    """Read an amount of US dollars."""
    if text is None:
        return None
    try:
        return parse_usd(text)
    except ValueError:
        message = f"`{quoted(text)}` is not an amount of dollars; write it like $0.05 or 0.05"
        raise wrong(option, message) from None


def price(text: str | None, option: str) -> Decimal | None:
    """Read US dollars per million tokens: `3`, `$3` or `$3/M`; or per thousand: `$0.003/K`."""
    if text is None or text[-2:] not in ("/M", "/K"):
        return usd(text, option)
    rate = units.price(_checked(units.PRICE, text, option))
    return Decimal(rate) / NANO_PER_USD


def seconds(text: str | None, option: str) -> float | None:
    """Read a duration; a bare number is seconds."""
    if text is None:
        return None
    return units.duration(_checked(units.DURATION, text + "s" * text[-1:].isdigit(), option))


def clock(zone: ZoneInfo, now: float, text: str) -> float:
    """Read a time of a time zone as Unix time; without a date, the next such time is meant."""
    stated = units.clock(_checked(units.CLOCK, text, "--clock"))
    day = text.rpartition(" ")[0]
    if day and day not in WEEKDAYS:
        return stated.replace(tzinfo=zone).timestamp()
    today = datetime.fromtimestamp(now, zone).date()
    times = (
        datetime.combine(today + timedelta(days=days), stated.time(), zone) for days in range(_WEEK)
    )
    return next(
        time.timestamp()
        for time in times
        if time.timestamp() >= now and day in ("", WEEKDAYS[time.weekday()])
    )


def share(text: str | None, option: str) -> float | None:
    """Read a number from 0 to 1."""
    if text is None:
        return None
    value = number(text)
    if value is None or not 0 <= value <= 1:
        raise wrong(option, f"`{quoted(text)}` is not a number from 0 to 1")
    return value


def complexity(policy: Policy, text: str | None) -> str | float | None:
    """Read the name of a band, or a score."""
    if text is None or policy.band(text) is not None:
        return text
    score = number(text)
    return text if score is None else score


def number(text: str) -> float | None:
    """Read a finite number, as an integer where it is written as one; None for any other text."""
    if _NUMBER.fullmatch(text) is None or not isfinite(float(text)):
        return None
    is_integer = text.removeprefix("-").isdigit() and len(text) <= _DIGITS_MOST
    return int(text) if is_integer else float(text)


def _checked(unit: Unit, text: str, option: str) -> str:
    """The text, where it is one of the unit; else the command ends."""
    try:
        unit.parse(text)
    except ValueError:
        examples = " or ".join(unit.examples[:2])
        message = f"`{quoted(text)}` is not a {unit.name}; write it like {examples}"
        raise wrong(option, message) from None
    return text
