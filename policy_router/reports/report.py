"""The values of a report: sums over the requests of a period, and what they say about money.

Money is in integers of nano-USD, times are Unix times, durations are in seconds and shares are from
0 to 1. A figure that cannot be known is None, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

ReportGrouping: TypeAlias = Literal[
    "model", "provider", "tier", "task", "band", "rule", "tenant", "user", "team", "key", "session",
    "experiment", "day", "hour",
]  # fmt: skip
"""What a report can be grouped by."""
GROUPINGS: Final[tuple[ReportGrouping, ...]] = get_args(ReportGrouping)
TOP: Final = 100
"""Groups that a report shows, where nothing else is said."""
MOST_GROUPS: Final = 10_000
"""Groups that a report can show."""
CALLS_NEEDED: Final = 200
"""Answers of a model from which on its tokens a second count as measured."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations that a share of all durations does not exceed; None without any.

    They are read from buckets, and off by at most 2.2 percent.

    Attributes:
        p50: Seconds that half of them do not exceed.
        p95: Seconds that 95 percent of them do not exceed.
        p99: Seconds that 99 percent of them do not exceed.
    """

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What was saved against one baseline, for the answers that can be compared.

    The baseline answers each of these requests once, at the list price of its model and with the
    tokens that were measured.

    Attributes:
        baseline: Its name in the policy.
        model: The model that it always uses; `cheapest_that_fits` for the cheapest model with a
            price that the policy allows for each request.
        fair: Whether it is `cheapest_that_fits`. One model for everything is flattering where that
            model is more expensive than what the requests need.
        cost: What the baseline costs; None when the price of its model is unknown.
        spent: What was charged in the period, without the answers that are not compared.
        compared: Answers that are compared.
        unknown: Answers that are not: their tokens are not known, or a price is unknown, or no
            model with a price fits.
    """

    baseline: str
    model: str
    fair: bool
    cost: int | None
    spent: int
    compared: int
    unknown: int

    @property
    def saved(self) -> int | None:
        """Nano-USD; negative where the baseline is cheaper."""
        return None if self.cost is None else self.cost - self.spent

    @property
    def share(self) -> float | None:
        """The share of the baseline's cost that was saved; None where it costs nothing."""
        return (self.cost - self.spent) / self.cost if self.cost else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over the requests and calls of one group, or of the whole report.

    A request belongs to the group of its last call. Where outcomes are grouped by rule or by
    experiment, a request counts in the group of each that applied to it.

    Attributes:
        key: The value of the group, such as the name of a model; None for the whole report, and for
            what has no value, such as requests without a user. A day is `2026-11-18` and an hour
            `2026-11-18T14:00+01:00`, in the time zone of the policy. An arm of an experiment is
            `experiment: arm`.
        requests: Requests that have ended.
        answered: Those with an answer that no check rejected.
        rejected: Those with an answer that checks rejected, because there was no better one.
        denied: Those for which no model was called.
        stopped: Those that ended by their own fault, or because their callers stopped waiting.
        failed: Those for which every model that was called failed.
        calls: Calls of models, those of judges and estimators included.
        failed_calls: Calls without an answer.
        rejected_answers: Answers that checks rejected.
        escalations: Calls that were made because an answer before them was rejected.
        cost: What was charged.
        unsure: Calls whose cost is only known to be at most what was charged.
        tokens_in: Input tokens.
        tokens_out: Output tokens.
        tokens_cached: Input tokens that were read from prompt caches.
        answers: Answers that were given to callers.
        free_answers: Those of models that the policy declares free.
        unpriced_answers: Those of models whose price is unknown.
        latency: How long calls took that were answered.
        first_token: How long streams took to their first token.
        tokens_per_second: Output tokens of answered calls by the seconds that these took; None
            without any.
        ratings: How often a source, such as a person or a check, has rated an answer.
        quality: The mean of these ratings; None without any.
        savings: What was saved against each baseline of the policy, in written order.
    """

    key: str | None = None
    requests: int = 0
    answered: int = 0
    rejected: int = 0
    denied: int = 0
    stopped: int = 0
    failed: int = 0
    calls: int = 0
    failed_calls: int = 0
    rejected_answers: int = 0
    escalations: int = 0
    cost: int = 0
    unsure: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    answers: int = 0
    free_answers: int = 0
    unpriced_answers: int = 0
    latency: Percentiles = Percentiles()
    first_token: Percentiles = Percentiles()
    tokens_per_second: float | None = None
    ratings: int = 0
    quality: float | None = None
    savings: tuple[Saving, ...] = ()

    @property
    def success(self) -> float | None:
        """The share of requests that were answered, of those that could have been.

        Requests that were denied or stopped are left out; one whose answer checks rejected is no
        success. None without any.
        """
        tried = self.answered + self.rejected + self.failed
        return self.answered / tried if tried else None

    @property
    def free_share(self) -> float | None:
        """The share of answers that models gave which were declared free; None without answers."""
        return self.free_answers / self.answers if self.answers else None


@dataclass(frozen=True, slots=True)
class TierShare:
    """The answers of one tier.

    Attributes:
        tier: Its name; None for answers whose tier is unknown.
        answers: Answers that were given to callers.
        share: Their share of all answers.
        ratings: How often a source has rated one of them.
        quality: The mean of these ratings; None without any.
    """

    tier: str | None
    answers: int
    share: float
    ratings: int
    quality: float | None


@dataclass(frozen=True, slots=True)
class FailureFlow:
    """Where requests went after calls that failed in the same way.

    Attributes:
        source: The model that failed, or whose answer was rejected.
        target: The model that was called next, which may be the same; None when none was.
        failure: The class of the failure, such as `timeout` or `rejected`.
        times: How often.
    """

    source: str
    target: str | None
    failure: str
    times: int


@dataclass(frozen=True, slots=True)
class DenialCount:
    """Requests for which no model was called, for one reason.

    Attributes:
        reason: `denied` by a rule, `invalid`, `cancelled`, or why models were out, such as
            `budget`.
        requests: How many.
    """

    reason: str
    requests: int


@dataclass(frozen=True, slots=True)
class CooldownCount:
    """How often calls of a model or a provider were suspended because it failed.

    Attributes:
        scope: `model`, `provider`, or `user` for what concerned one user of a model alone.
        name: Name of the model or the provider.
        cause: The class of the failure.
        times: How often.
        seconds: How long, all together; cooldowns that overlap count once each.
    """

    scope: str
    name: str
    cause: str
    times: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a budget or a quota shows now, and how it ends at the present pace.

    Attributes:
        section: Where it is declared: `budgets`, `limits` or `models`.
        name: Its name.
        metric: What it counts: `usd`, `tokens` or `requests`.
        window: The name of its window, such as `month` or `5h`.
        subject: Whose count it is; None when all requests share it.
        used: Spent and held, in nano-USD, tokens or requests.
        held: Reserved by attempts under way; None where that is not counted separately.
        cap: The most that fits, in the same unit.
        resets: When its calendar period ends; None for other windows.
        empty_at: When it is used up at this pace; None when it lasts. In the past when it already
            is used up.
        left_over: What is left at `resets` at this pace; None where it does not last, or does not
            reset.
    """

    section: str
    name: str
    metric: str
    window: str
    subject: str | None
    used: int
    held: int | None
    cap: int
    resets: float | None
    empty_at: float | None
    left_over: int | None

    @property
    def share(self) -> float:
        """The share of the cap that is used; above 1 where more was used than fits."""
        return self.used / self.cap if self.cap else 1.0


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The time that the calls of one model occupied GPUs.

    Attributes:
        model: Its name.
        calls: Its calls.
        seconds: How long they took.
        hours: Hours of one whole card: a model that needs half of its memory counts half.
    """

    model: str
    calls: int
    seconds: float
    hours: float


@dataclass(frozen=True, slots=True)
class GpuSaving:
    """The hours of cards that were saved against a baseline whose model runs on them.

    Attributes:
        baseline: Its name in the policy.
        model: The model that it always uses.
        hours: Hours that the baseline takes for the same answers, by its measured tokens a second;
            None until there are enough answers to measure.
        saved: These, minus the hours that were used; None as above.
        measured: Answers of the model that its tokens a second are measured by.
        needed: How many are needed.
    """

    baseline: str
    model: str
    hours: float | None
    saved: float | None
    measured: int
    needed: int = CALLS_NEEDED


@dataclass(frozen=True, slots=True)
class GpuHours:
    """The GPU hours of self-hosted models.

    Attributes:
        hours: Hours of one card, all together.
        cost: What they cost, in nano-USD.
        models: The use of each model.
        savings: What was saved against each baseline whose model runs on such cards.
    """

    hours: float
    cost: int
    models: tuple[GpuUse, ...]
    savings: tuple[GpuSaving, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """A report on the requests of a period.

    Attributes:
        policy: Name of the policy that is active now.
        revision: Its revision.
        timezone: Its time zone, such as `Europe/Berlin`.
        since: Beginning of the period; calls that were sent from then on are counted.
        until: Its end, which is not part of it.
        begins: When the first call was sent that the journal still has, if that is in the period;
            None when there is none.
        by: What `groups` are grouped by; None for no groups.
        total: The figures of the whole period.
        groups: The figures of each group: days and hours in order of time, others with the highest
            cost first.
        omitted: How many groups with a lower cost are not in `groups`.
        others: The figures of these together; None when there are none.
        tiers: The answers of each tier, the weakest first.
        failures: Where requests went after failures, the most frequent first.
        denials: Why no model was called, the most frequent first.
        cooldowns: What was suspended how often, the most frequent first.
        forecasts: The budgets and quotas that have a cap; empty where no counters can be read.
        gpu: The GPU hours; None unless the policy describes its GPUs.
    """

    policy: str
    revision: str
    timezone: str
    since: float
    until: float
    begins: float | None
    by: ReportGrouping | None
    total: Figures
    groups: tuple[Figures, ...] = ()
    omitted: int = 0
    others: Figures | None = None
    tiers: tuple[TierShare, ...] = ()
    failures: tuple[FailureFlow, ...] = ()
    denials: tuple[DenialCount, ...] = ()
    cooldowns: tuple[CooldownCount, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    gpu: GpuHours | None = None
