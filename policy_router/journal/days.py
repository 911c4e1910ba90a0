"""Sums of each day, which are kept for ever. Sums of parts add up to the sums of the whole."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.domain.outcome import RequestEnding
from policy_router.journal.encoding import MILLIONTHS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DayKey: TypeAlias = tuple[int, str, str, str, str]
"""Day in UTC since 1970, model, task, band and role; what is absent is the empty text."""
SECONDS: Final = 86_400
_ENDINGS: Final[dict[str, str]] = {
    RequestEnding.DENIED: "denied",
    RequestEnding.STOPPED: "stopped",
    RequestEnding.FAILED: "exhausted",
}
_ADDED: Final = ("cost", "unsure", "estimate", "tokens_in", "tokens_out", "tokens_cached",
                 "ok", "served", "rated", "rating")  # fmt: skip


class DaySums:
    """The sums of some rows of `outcomes`, by the key of their day.

    Attributes:
        sums: The sums of each key.
        latencies: How many answers of each key are in each bucket of latency.
    """

    def __init__(self) -> None:
        self.sums: dict[DayKey, dict[str, int]] = {}
        self.latencies: dict[tuple[DayKey, int], int] = {}

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, object]]) -> DaySums:
        """The sums of rows."""
        days = cls()
        for row in rows:
            days.add(row)
        return days

    def add(self, row: Mapping[str, object]) -> None:
        """Add one row."""
        key = key_of(row)
        sums = self.sums.get(key)
        if sums is None:
            sums = self.sums[key] = dict.fromkeys(NAMES, 0)
        sums["calls"] += row["role"] != "refused"
        for name in _ADDED:
            sums[name] += int(row[name] or 0)  # type: ignore[call-overload]  # integers or None
        accepted, bucket = row["accepted"], row["latency_bucket"]
        sums["accepted"] += accepted == 1
        sums["rejected"] += accepted == 0
        sums["failed"] += row["role"] != "refused" and bucket is None
        sums["micros"] += _micros(row["seconds"])
        if row["first_token"] is not None:
            sums["first_tokens"] += 1
            sums["first_token_micros"] += _micros(row["first_token"])
        ending = row["ending"]
        if ending is not None:
            sums["requests"] += 1
            counted = _ENDINGS.get(str(ending))
            if counted is not None:
                sums[counted] += 1
        if isinstance(bucket, int):
            place = key, bucket
            self.latencies[place] = self.latencies.get(place, 0) + 1


NAMES: Final = (
    "calls", "ok", "failed", "rejected", "accepted", "served", "requests", "denied", "stopped",
    "exhausted", "cost", "unsure", "estimate", "tokens_in", "tokens_out", "tokens_cached",
    "micros", "first_tokens", "first_token_micros", "rated", "rating",
)  # fmt: skip
"""What is added up."""


def key_of(row: Mapping[str, object]) -> DayKey:
    """The key of the day of a row."""
    return (
        floor(row["at"] / SECONDS),  # type: ignore[operator]  # a number
        str(row["model"] or ""),
        str(row["task"] or ""),
        str(row["band"] or ""),
        str(row["role"]),
    )


def _micros(seconds: object) -> int:
    return round(seconds * MILLIONTHS) if isinstance(seconds, int | float) else 0
