"""Limits and budgets and how they are counted: limits, counters, charges and readings.

A *limit* is one entry under `limits` or `budgets`, or one `concurrent` of a model: at most a
certain amount of a metric in a window, over some models, for all users or for each. A *counter* is
one of its counts: for one subject, in one calendar period, in a rolling window or over the life of
a session. A *charge* is the amount that one attempt adds to a counter. Amounts are integers:
requests, tokens, nano-USD. The key of a counter never contains the cap, so that counts survive a
change of the cap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.domain.periods import Period, calendar
from policy_router.domain.windows import SessionLife
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition
    from policy_router.domain.windows import Window

ANYONE: Final = "-"
"""The subject of a counter that all requests share, and of requests without a subject, which share
a counter too."""

LEASE: Final = 30.0
"""Seconds until the hold of a dead process expires and is charged in full."""

BUDGETS: Final = "budgets"
"""The section of the policy whose limits are budgets."""

_COUNTERS_KEPT: Final = 1024
"""Subjects of a limit whose counters are kept: every request needs them several times."""

ENDLESS: Final = 253_402_300_800.0
"""The end of a counter without a fixed end: Unix time of the year 10000."""


class Metric(StrEnum):
    """What is counted. Every attempt is one request; CONCURRENT counts the attempts in flight."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "usd"
    CONCURRENT = "concurrent"


class WhenExhausted(StrEnum):
    """Which models an exhausted limit excludes: all, all but the free ones, or none."""

    BLOCK = "block"
    FREE_ONLY = "free_only"
    WARN = "warn"


class CounterKey(NamedTuple):
    """The identity of a counter.

    Its text form, as used in files, Redis and JSON, is `section/name|metric|window|period|subject`.
    Section and name contain neither `/` nor `|`, as the schema of policies ensures; the subject may
    contain any character.

    Attributes:
        section: `limits`, `budgets` or `models`: where the limit is declared.
        name: The name of the limit or of the model.
        metric: What is counted.
        window: The name of the window, such as `min`, `5h`, `month` or `session`; empty for
            CONCURRENT.
        period: The label of the calendar period, such as `2026-11`; empty for other windows.
        subject: The user, team, tenant, key or session that is counted, else ANYONE.
    """

    section: str
    name: str
    metric: Metric
    window: str
    period: str = ""
    subject: str = ""

    @classmethod
    def parse(cls, text: str) -> CounterKey:
        """Read the text of a key.

        Raises:
            ValueError: It is not the text of a key.
        """
        return _parse(text)

    def __str__(self) -> str:
        section, name, metric, window, period, subject = self
        return f"{section}/{name}|{metric}|{window}|{period}|{subject}"

    @property
    def is_budget(self) -> bool:
        """Whether it counts for a budget."""
        return self.section == BUDGETS

    @property
    def scope(self) -> CounterKey:
        """The key without period and subject, which all counters of one limit share."""
        return self._replace(period="", subject="")


@lru_cache(maxsize=4096)
def _parse(text: str) -> CounterKey:
    try:
        scope, metric, window, period, subject = text.split("|", 4)
        section, name = scope.split("/")
        return CounterKey(section, name, Metric(metric), window, period, subject)
    except ValueError:
        raise ValueError(f"`{text}` is not the key of a counter") from None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A threshold of a limit, from which on only some of its models are candidates.

    Attributes:
        share: The share of the cap, 0..1.
        models: The models that stay, as a bit mask: bit i stands for model i of the policy.
        selectors: The same as written in the policy.
    """

    share: float
    models: int
    selectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit or budget of a policy.

    Attributes:
        section: Where it is declared: `limits`, `budgets` or `models`.
        name: Its name there.
        metric: What it counts.
        window: The time over which it counts; None for CONCURRENT.
        cap: The most that fits; None counts without a cap.
        models: A bit mask: bit i stands for model i of the policy.
        per: The fact of the request that is the subject; None for one counter shared by all.
        when: The requests it applies to; None for all.
        then: What it does when it is exhausted.
        warn_at: Shares of the cap to warn at, 0..1, ascending.
        narrow_at: Thresholds from which on fewer models are candidates, ascending.
        overrides: Subject -> its own cap; None for no cap.
        shadow: Whether it is only counted, and what it would refuse recorded, but not enforced.
        span: Its position in the policy files.
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
    narrow_at: tuple[Narrowing, ...] = ()
    overrides: tuple[tuple[str, int | None], ...] = ()
    shadow: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)
    _scope: CounterKey = field(init=False, compare=False, repr=False)
    _prefix: str = field(init=False, compare=False, repr=False)
    _by_subject: Mapping[str, Limit] = field(init=False, compare=False, repr=False)
    _counters: dict[str, tuple[Counter, ZoneInfo]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        window = "" if self.window is None else str(self.window)
        scope = CounterKey(self.section, self.name, self.metric, window)
        # Counters are created for every attempt, so what is the same in all of them is kept.
        object.__setattr__(self, "_scope", scope)
        object.__setattr__(self, "_prefix", str(scope).removesuffix("|"))
        others = {name: replace(self, cap=cap, overrides=()) for name, cap in self.overrides}
        object.__setattr__(self, "_by_subject", others)
        object.__setattr__(self, "_counters", {})

    @property
    def is_budget(self) -> bool:
        """Whether it is declared under `budgets`."""
        return self.section == BUDGETS

    @property
    def refusing(self) -> bool:
        """Whether it refuses anything once it is exhausted, rather than only counting or
        warning."""
        return not self.shadow and self.then is not WhenExhausted.WARN

    @property
    def capped(self) -> bool:
        """Whether it has a cap for any subject."""
        return self.cap is not None or any(cap is not None for _, cap in self.overrides)

    def of(self, subject: str) -> Limit:
        """The same limit with the cap of a subject, from `overrides` if it is there."""
        return self._by_subject.get(subject, self)

    def key(self, subject: str = "", period: str = "") -> CounterKey:
        """The key of one of its counters.

        Args:
            subject: Whose counter. Without it, the key is the `scope` of all its counters.
            period: The label of a calendar period. The keys of a Snapshot have none.
        """
        section, name, metric, window, _, _ = self._scope
        return tuple.__new__(CounterKey, (section, name, metric, window, period, subject))

    def counter(self, subject: str, now: float, zone: ZoneInfo) -> Counter:
        """The counter of a subject at a time.

        Args:
            subject: The user, team, tenant, key or session, else ANYONE.
            now: Unix time in seconds.
            zone: The time zone of the policy, in which calendar periods begin and end.
        """
        kept = self._counters.get(subject)
        if kept is not None:
            counter, of_zone = kept
            if not counter.end or (counter.start <= now < counter.end and of_zone is zone):
                return counter
        counter = self._counter_at(subject, now, zone)
        if len(self._counters) >= _COUNTERS_KEPT:
            self._counters.clear()
        self._counters[subject] = counter, zone
        return counter

    def _counter_at(self, subject: str, now: float, zone: ZoneInfo) -> Counter:
        window = self.window
        if isinstance(window, Period):
            label, start, end = calendar(window, zone, now)
            text = f"{self._prefix}{label}|{subject}"
            return _new_counter(self.key(subject, label), 0, 0, start, end, id=text)
        text = f"{self._prefix}|{subject}"
        if window is None:
            return _new_counter(self.key(subject), id=text)
        if isinstance(window, SessionLife):
            return _new_counter(self.key(subject), end=ENDLESS, idle=window.idle, id=text)
        return _new_counter(self.key(subject), window.width, window.slots, id=text)


@dataclass(frozen=True, slots=True)
class Counter:
    """One count.

    There are three kinds. A rolling window has a `width`. A calendar period has an `end`.
    Concurrency has neither: it counts the open holds. The life of a session counts as a period
    whose `end` is ENDLESS, and has `idle`.

    Attributes:
        key: Its identity.
        width: The length of one slot of a rolling window in seconds.
        slots: The number of slots of a rolling window.
        start: The beginning of a calendar period, Unix time in seconds.
        end: The end of a calendar period, Unix time; nothing is counted at or after it.
        idle: Seconds after its last use at which the count of a session starts again.
        id: The text of the key, under which stores keep the count; computed unless it is given.
    """

    key: CounterKey
    width: int = 0
    slots: int = 0
    start: float = 0.0
    end: float = 0.0
    idle: float = 0.0
    id: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", str(self.key))

    @property
    def metric(self) -> Metric:
        """What is counted."""
        return self.key.metric

    @property
    def rolling(self) -> bool:
        """Whether it counts over a rolling window."""
        return self.width > 0

    @property
    def calendar(self) -> bool:
        """Whether it counts over a calendar period."""
        return self.end > 0

    def slot(self, now: float) -> int:
        """The number of the slot that contains a time."""
        return int(now // self.width)

    def oldest(self, now: float) -> int:
        """The number of the oldest slot that still touches the window which ends now."""
        return self.slot(now) - self.slots


_new_counter: Final = maker(Counter)


@dataclass(frozen=True, slots=True)
class Charge:
    """The amount that one attempt adds to one counter.

    Attributes:
        counter: Where it is added.
        amount: The most that the attempt may use; settlement corrects it.
        cap: The most that fits; None for no cap.
        refuses: Whether the limit refuses what does not fit; else it only warns.
        warn_at: Shares of the cap to warn at, 0..1, ascending, at most eight.
    """

    counter: Counter
    amount: int
    cap: int | None
    refuses: bool = True
    warn_at: tuple[float, ...] = ()

    def exceeds(self, used: int) -> bool:
        """Whether it does not fit on top of what is used.

        A charge of zero still needs room for one unit: once a budget is spent, calls that cost
        nothing are refused too.
        """
        return self.refuses and self.cap is not None and used + max(self.amount, 1) > self.cap


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a counter.

    Attributes:
        used: Spent and reserved.
        opens: When the charge in question would fit (Unix time); None when it fits now, or never
            will.
    """

    used: int
    opens: float | None = None
