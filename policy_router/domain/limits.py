"""What a policy counts: the meters behind `limits` and `budgets`, their windows, their counters.

A *meter* is one line of the policy: so many of a metric, in a window, over some models, for all or
for each user. A *counter* is one of its counts: the meter in one calendar period for one subject.
A *charge* is what one attempt takes from a counter. Amounts are integers: requests, tokens,
nano-USD. A counter's key never holds the limit, so that editing a limit forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.domain.periods import Period, calendar

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition

ANYONE: Final = "-"
"""The subject of a request that does not say who asks: all of those share one count."""


class Metric(StrEnum):
    """What is counted. Every attempt is one request; seats are attempts under way."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "usd"
    CONCURRENT = "concurrent"


class WhenExhausted(StrEnum):
    """What a used-up meter does: refuse every model, all but the free ones, or none."""

    BLOCK = "block"
    FREE_ONLY = "free_only"
    WARN = "warn"


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
class Limit:
    """One limit or budget of the policy.

    section, name: where it stands (`limits/each-user`). cap: None is no limit, only a count.
    models: bit i is model i of the policy. per: which fact of the request is the subject.
    window: None for seats. warn_at: shares of the limit, 0..1, ascending.
    """

    section: str
    name: str
    metric: Metric
    window: Window | None
    cap: int | None
    models: int
    per: str | None = None
    when: Condition | None = None
    then: WhenExhausted = WhenExhausted.BLOCK
    warn_at: tuple[float, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

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

    amount: the most it can come to; settling corrects it. cap: None when nothing bounds it.
    refuses: whether the limit refuses (else it only warns).
    warn_at: shares of the limit to tell about, 0..1, ascending; at most eight.
    """

    counter: Counter
    amount: int
    cap: int | None
    refuses: bool = True
    warn_at: tuple[float, ...] = ()

    def exceeds(self, used: int) -> bool:
        """Whether it does not fit beside what is used. A charge of nothing still asks for one unit
        of room: when a budget is spent, what costs nothing is refused with the rest."""
        return self.refuses and self.cap is not None and used + max(self.amount, 1) > self.cap


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter showed. opens: when what was asked for would fit (Unix time); None when it
    fits now, or never will."""

    used: int
    opens: float | None = None
