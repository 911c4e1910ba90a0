"""Reads from the journal how many requests there were, and which of them no model answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.domain.outcome import ATTEMPTS, Role
from policy_router.journal.query import OutcomeFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.journal.reader import JournalReader


@dataclass(frozen=True, slots=True)
class Refusals:
    """Requests for which no model was called, for one reason.

    Attributes:
        number: How many there were.
        days: On how many days.
        requests: All requests of these days.
    """

    number: int
    days: int
    requests: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a journal has seen.

    Attributes:
        requests: Requests that ended.
        refusals: Those for which no model was called, by the reason.
        calls: Calls for answers on each day in UTC, by the name of the model, then by the number of
            the day.
        days: How many days had a request.
    """

    requests: int
    refusals: Mapping[str, Refusals]
    calls: Mapping[str, Mapping[int, int]]
    days: int

    def busiest(self, models: set[str]) -> int:
        """The most calls of some models together on one day."""
        by_day: dict[int, int] = {}
        for model in models:
            for day, calls in self.calls.get(model, {}).items():
                by_day[day] = by_day.get(day, 0) + calls
        return max(by_day.values(), default=0)


def traffic(reader: JournalReader, since: float) -> Traffic:
    """Return what the journal has seen since a Unix time.

    Args:
        reader: Reads the journal.
        since: The time.

    Raises:
        StoreError: The journal cannot be read.
    """
    requests = {
        int(each.by[0] or 0): each.requests
        for each in reader.sums(["day"], OutcomeFilter(since=since), durations=False)
        if each.requests
    }
    refused: dict[str, dict[int, int]] = {}
    where = OutcomeFilter(since=since, roles=[Role.REFUSED])
    for each in reader.sums(["day", "failure"], where, durations=False):
        day, reason = each.by
        refused.setdefault(str(reason), {})[int(day or 0)] = each.requests
    calls: dict[str, dict[int, int]] = {}
    where = OutcomeFilter(since=since, roles=list(ATTEMPTS))
    for each in reader.sums(["day", "model"], where, durations=False):
        day, model = each.by
        calls.setdefault(str(model), {})[int(day or 0)] = each.calls
    refusals = {
        reason: Refusals(sum(days.values()), len(days), sum(requests.get(day, 0) for day in days))
        for reason, days in refused.items()
    }
    return Traffic(sum(requests.values()), refusals, calls, len(requests))
