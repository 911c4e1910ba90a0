"""What a policy counts: the meters behind `limits` and `budgets`, their windows, their counters.

A *meter* is one line of the policy: so many of a metric, in a window, over some models, for all or
for each user. A *counter* is one of its counts: the meter in one calendar period for one subject.
A *charge* is what one attempt takes from a counter. Amounts are integers: requests, tokens,
nano-USD. A counter's key never holds the limit, so that editing a limit forgets nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from policy_router.condition import Condition
    from policy_router.diagnostics import Span

ANYONE: Final = "-"
"""The subject of a request that does not say who asks: all of those share one count."""


class Metric(StrEnum):
    """What is counted. Every attempt is one request; seats are attempts under way."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "usd"
    SEATS = "concurrent"


class Then(StrEnum):
    """What a used-up meter does: refuse every model, all but the free ones, or none."""

    BLOCK = "block"
    FREE_ONLY = "free_only"
    WARN = "warn"


class Period(StrEnum):
    """A calendar period in the policy's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rolling:
    """Any stretch of so many seconds, cut into slots of equal whole seconds.

    What counts is the sum over every slot that touches the stretch, which is never less than what
    the stretch itself saw: a limit holds in any alignment, and what was charged can be given back.
    """

    name: str
    seconds: int
    slots: int = 60

    @property
    def width(self) -> int:
        """Seconds of one slot."""
        return self.seconds // self.slots

    def __str__(self) -> str:
        return self.name


MINUTE: Final = Rolling("min", 60)
HOUR: Final = Rolling("hour", 3600)
ROLLING: Final = {window.name: window for window in (MINUTE, HOUR)}
"""The rolling windows that a policy may name."""

Window: TypeAlias = Rolling | Period


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit or budget of the policy.

    section, name: where it stands (`limits/each-user`). limit: None is no limit, only a count.
    models: bit i is model i of the policy. per: which fact of the request is the subject.
    window: None for seats. warn_at: shares of the limit, 0..1, ascending.
    """

    section: str
    name: str
    metric: Metric
    window: Window | None
    limit: int | None
    models: int
    per: str | None = None
    when: Condition | None = None
    then: Then = Then.BLOCK
    warn_at: tuple[float, ...] = ()
    at: Span | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Scope, metric and window: the same after its limit was edited."""
        window = "" if self.window is None else str(self.window)
        return f"{self.section}/{self.name}|{self.metric}|{window}"

    def use(self, subject: str) -> str:
        """The name under which a Snapshot holds the reading for a subject."""
        return f"{self.id}|{subject}"

    def counter(self, subject: str, now: float, zone: ZoneInfo) -> Counter:
        """The counter for a subject at a time."""
        if self.window is None:
            return Counter(f"{self.id}||{subject}", self.metric)
        if isinstance(self.window, Rolling):
            width, slots = self.window.width, self.window.slots
            return Counter(f"{self.id}||{subject}", self.metric, width=width, slots=slots)
        label, start, end = calendar(self.window, zone, now)
        return Counter(f"{self.id}|{label}|{subject}", self.metric, start=start, end=end)


@dataclass(frozen=True, slots=True)
class Counter:
    """One count, by its key `section/name|metric|window|period|subject`.

    Rolling: `width` seconds a slot, `slots` of them (then `width` is not 0).
    Calendar: counts from `start` to `end` (Unix time), never outside (then `end` is not 0).
    Seats: neither; what is counted are open holds.
    """

    key: str
    metric: Metric
    width: int = 0
    slots: int = 0
    start: float = 0.0
    end: float = 0.0

    @property
    def rolling(self) -> bool:
        """Counts over a rolling window."""
        return self.width > 0

    @property
    def calendar(self) -> bool:
        """Counts over a calendar period."""
        return self.end > 0

    def slot(self, now: float) -> int:
        """The number of the slot that `now` lies in."""
        return int(now // self.width)

    def oldest(self, now: float) -> int:
        """The oldest slot that still touches the window ending now."""
        return self.slot(now) - self.slots


@dataclass(frozen=True, slots=True)
class Charge:
    """What one attempt takes from one counter.

    amount: the most it can come to; settling corrects it. limit: None when nothing bounds it.
    refuses: whether the limit refuses (else it only warns).
    warn_at: shares of the limit to tell about, 0..1, ascending; at most eight.
    """

    counter: Counter
    amount: int
    limit: int | None
    refuses: bool = True
    warn_at: tuple[float, ...] = ()

    def exceeds(self, used: int) -> bool:
        """Whether it does not fit beside what is used. A charge of nothing still asks for one unit
        of room: when a budget is spent, what costs nothing is refused with the rest."""
        return self.refuses and self.limit is not None and used + max(self.amount, 1) > self.limit


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter showed. opens: when what was asked for would fit (Unix time); None when it
    fits now, or never will."""

    used: int
    opens: float | None = None


def storable(text: str) -> str:
    """A text as every store can keep it: what UTF-8 cannot say is escaped, as `\\ud800`, so that
    texts which differ still do. Done twice is done once."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


LONGEST_ID: Final = 128
"""Characters of a name that are kept as they are."""
_KEY: Final = re.compile(r"sha256:[0-9a-f]{16}")


def bounded_id(text: str) -> str:
    """A name from outside as every store can keep it, and no longer than it needs to be told from
    others: of a long one a part and a digest. Done twice is done once."""
    text = storable(text)
    if len(text) <= LONGEST_ID:
        return text
    return f"{text[:64]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"


def key_id(key: str) -> str:
    """What stands for a key, which may be a secret: the first part of its SHA-256. Done twice is
    done once."""
    if not key or _KEY.fullmatch(key):
        return key
    return f"sha256:{sha256(storable(key).encode()).hexdigest()[:16]}"


@lru_cache(maxsize=4096)
def _bounds(period: Period, zone: ZoneInfo, day: date) -> tuple[date, float, float]:
    if period is Period.MONTH:
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    elif period is Period.WEEK:
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first, after = day, day + timedelta(days=1)
    return first, _midnight(first, zone), _midnight(after, zone)


def calendar(period: Period, zone: ZoneInfo, now: float) -> tuple[str, float, float]:
    """The period that `now` lies in: its label, and its bounds [start, end) as Unix times.

    Days begin at local midnight, or at the first moment of the day where there is no midnight; they
    last 23 to 25 hours where clocks change. Where a day ends twice, it ends the first time.
    """
    day = datetime.fromtimestamp(now, zone).date()
    first, start, end = _bounds(period, zone, day)
    if now >= end:  # clocks went back over midnight: the old date is shown once more
        first, start, end = _bounds(period, zone, day + timedelta(days=1))
    return _label(period, first), start, end


def _midnight(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def _label(period: Period, first: date) -> str:
    if period is Period.WEEK:
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return first.isoformat()[: 7 if period is Period.MONTH else 10]
