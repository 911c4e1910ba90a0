"""Which outcomes to read, and what they add up to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.durations import percentile
from policy_router.domain.identity import bounded_id, key_id
from policy_router.journal.encoding import MILLIONTHS
from policy_router.journal.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFilter:
    """Which outcomes are read: those that meet every condition that is set.

    Attributes:
        since: Unix time from which on their calls were sent.
        until: Unix time before which they were sent.
        decision: Id of the decision.
        models: Names of models.
        tasks: Names of tasks.
        bands: Names of bands.
        roles: What the calls were made for, such as `first`.
        failures: Classes of failures.
        endings: How their requests ended; only the last outcome of a request has this.
        revision: Revision of the policy.
        tenant: The tenant.
        user: The user.
        team: The team.
        key: The caller's key, or its identifier.
        session: The session.
        client: The program that sent it.
        rule: Name of a rule that applied.
        experiment: Name of an experiment that drew an arm.
        served: Whether the answer was given to the caller.
        checked: Whether checks were made of the answer.
        rated: Whether there is feedback on the answer.
    """

    since: float | None = None
    until: float | None = None
    decision: str | None = None
    models: Collection[str] | None = None
    tasks: Collection[str] | None = None
    bands: Collection[str] | None = None
    roles: Collection[str] | None = None
    failures: Collection[str] | None = None
    endings: Collection[str] | None = None
    revision: str | None = None
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = None
    session: str | None = None
    client: str | None = None
    rule: str | None = None
    experiment: str | None = None
    served: bool | None = None
    checked: bool | None = None
    rated: bool | None = None


_OF_LISTS: Final = {
    "models": "model", "tasks": "task", "bands": "band", "roles": "role", "failures": "failure",
    "endings": "ending",
}  # fmt: skip
_DIMENSIONS: Final = {
    "models": "model", "tasks": "task", "bands": "band", "roles": "role", "failures": "failure",
    "endings": "ending", "revision": "revision", "tenant": "tenant", "user": "user",
    "team": "team", "key": "key", "session": "session", "client": "client", "rule": "rule",
}  # fmt: skip
"""Conditions on what outcomes can be grouped by, and its name."""
_BOUNDED: Final = {
    "tenant": "tenant", "user": "user_id", "team": "team", "session": "session",
    "client": "client",
}  # fmt: skip


_FLAGS: Final = {
    "served": OUTCOMES.c.served == 1,
    "checked": OUTCOMES.c.accepted.is_not(None),
    "rated": OUTCOMES.c.rated > 0,
}


def conditions(where: OutcomeFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter on the table `outcomes`."""
    columns, stated = OUTCOMES.c, _stated(where)
    clauses = [_CONDITIONS[name](value) for name, value in stated.items() if name in _CONDITIONS]
    for name, value in stated.items():
        if name in _OF_LISTS:
            clauses.append(columns[_OF_LISTS[name]].in_([str(each) for each in value]))
        elif name in _BOUNDED:
            clauses.append(columns[_BOUNDED[name]] == bounded_id(value))
        elif name in _FLAGS:
            clauses.append(_FLAGS[name] if value else ~_FLAGS[name])
    return clauses


def wanted_values(where: OutcomeFilter) -> dict[str, list[str]] | None:
    """The values that a filter wants of what outcomes can be grouped by, whatever their time.

    Returns:
        Values by dimension; None where the filter wants something else too.
    """
    wanted: dict[str, list[str]] = {}
    for name, value in _stated(where).items():
        if name in ("since", "until"):
            continue
        if name not in _DIMENSIONS:
            return None
        if name in _BOUNDED:
            values = [bounded_id(value)]
        elif name == "key":
            values = [key_id(value)]
        else:
            values = [str(each) for each in (value if name in _OF_LISTS else [value])]
        if "" in values:  # which sums keep for what is absent
            return None
        wanted[_DIMENSIONS[name]] = values
    return wanted


def _stated(where: OutcomeFilter) -> dict[str, Any]:
    values = {each.name: getattr(where, each.name) for each in fields(where)}
    return {name: value for name, value in values.items() if value is not None}


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether a text of JSON contains another. Names are whole: they end with their quotes."""
    return column.contains(text, autoescape=True)


_CONDITIONS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = MappingProxyType(
    {
        "since": lambda at: OUTCOMES.c.at >= at,
        "until": lambda at: OUTCOMES.c.at < at,
        "decision": lambda text: OUTCOMES.c.decision == text,
        "revision": lambda text: OUTCOMES.c.revision == text,
        "key": lambda key: OUTCOMES.c.key_id == key_id(key),
        "rule": lambda name: _contains(OUTCOMES.c.rules, json.dumps(name)),
        "experiment": lambda name: _contains(OUTCOMES.c.arms, f"{json.dumps(name)}:"),
    }
)
"""By the name of a condition that is no list, flag or identity: what it is in SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSums:
    """What outcomes add up to. Sums of parts can be added to those of the whole by `+`.

    Attributes:
        by: The values of what they are grouped by, in that order.
        calls: Calls of models, for whatever they were made.
        ok: Calls that the model answered, and whose answer no check rejected.
        failed: Calls without an answer.
        accepted: Answers that passed all checks.
        rejected: Answers that a check rejected.
        served: Answers that were given to callers.
        requests: Requests that have ended.
        denied: Those for which no model was called.
        stopped: Those that ended by their own fault or because their callers stopped waiting.
        exhausted: Those for which every model that was called failed.
        cost: Nano-USD that were charged.
        unsure: Calls whose cost is only known to be at most what was charged.
        estimate: Nano-USD that the decisions expected.
        tokens_in: Input tokens.
        tokens_out: Output tokens.
        tokens_cached: Input tokens that were read from prompt caches.
        seconds: Seconds that all calls took together.
        first_tokens: Streams with a first token.
        first_token_seconds: Seconds until the first tokens of all streams together.
        rated: How often a source has rated an answer.
        rating: What these ratings add up to, in millionths.
        free: Answers that cost nothing.
        unpriced: Calls whose cost is not known at all.
        answer_seconds: Seconds that the calls with an answer took together.
        poor: Requests that ended with an answer that checks rejected.
        uncounted_cost: Nano-USD of the answers given to callers whose tokens are not known.
        compared: Answers given to callers whose tokens were counted. They can be compared with
            what another model would have cost, by the four that follow.
        compared_cost: Nano-USD of these.
        compared_in: Input tokens of these.
        compared_out: Output tokens of these.
        compared_cached: How many of their input tokens were read from prompt caches.
        fitted: Answers given to callers for which the cost of the cheapest model that fits is
            known.
        fit_cost: Nano-USD that these would have cost from those models.
        fitted_cost: Nano-USD of these.
        latencies: How many answers are in each bucket of latency; see `durations`.
        first_token_latencies: How many streams are in each bucket of the time to their first token.
    """

    by: tuple[str | int | None, ...] = ()
    calls: int = 0
    ok: int = 0
    failed: int = 0
    accepted: int = 0
    rejected: int = 0
    served: int = 0
    requests: int = 0
    denied: int = 0
    stopped: int = 0
    exhausted: int = 0
    cost: int = 0
    unsure: int = 0
    estimate: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    seconds: float = 0.0
    first_tokens: int = 0
    first_token_seconds: float = 0.0
    rated: int = 0
    rating: int = 0
    free: int = 0
    unpriced: int = 0
    answer_seconds: float = 0.0
    poor: int = 0
    uncounted_cost: int = 0
    compared: int = 0
    compared_cost: int = 0
    compared_in: int = 0
    compared_out: int = 0
    compared_cached: int = 0
    fitted: int = 0
    fit_cost: int = 0
    fitted_cost: int = 0
    latencies: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    first_token_latencies: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def percentile(self, share: float) -> float | None:
        """The seconds that a share of all answers did not exceed, such as 0.95; None without any.

        It is off by at most 2.2 percent.
        """
        return percentile(self.latencies, share)

    def first_token_percentile(self, share: float) -> float | None:
        """The seconds in which a share of all streams began; None without any."""
        return percentile(self.first_token_latencies, share)

    @property
    def output_rate(self) -> float | None:
        """Output tokens a second, over all calls with an answer; None without any."""
        return self.tokens_out / self.answer_seconds if self.answer_seconds else None

    @property
    def success(self) -> float | None:
        """The share of calls that are `ok`, 0..1; None without calls."""
        return self.ok / self.calls if self.calls else None

    @property
    def feedback(self) -> float | None:
        """The mean of all ratings, 0..1; None without any."""
        return self.rating / self.rated / MILLIONTHS if self.rated else None

    @classmethod
    def of(cls, parts: Collection[OutcomeSums]) -> OutcomeSums:
        """The sums of parts, without their latencies; of no group."""
        columns = zip(*map(_NUMBERS_OF, parts), strict=True)
        sums: dict[str, Any] = dict(zip(NUMBERS, map(sum, columns), strict=bool(parts)))
        return cls(**sums)

    def __add__(self, other: OutcomeSums) -> OutcomeSums:
        """Return the sums of both; the group is that of the first."""
        numbers = {name: getattr(self, name) + getattr(other, name) for name in NUMBERS}
        return OutcomeSums(
            by=self.by,
            latencies=_together(self.latencies, other.latencies),
            first_token_latencies=_together(
                self.first_token_latencies, other.first_token_latencies
            ),
            **numbers,
        )


def _together(one: Mapping[int, int], other: Mapping[int, int]) -> Mapping[int, int]:
    counts = dict(one)
    for bucket, number in other.items():
        counts[bucket] = counts.get(bucket, 0) + number
    return MappingProxyType(counts)


NUMBERS: Final = tuple(
    each.name
    for each in fields(OutcomeSums)
    if each.name not in ("by", "latencies", "first_token_latencies")
)
"""The sums that are numbers."""
_NUMBERS_OF: Final = attrgetter(*NUMBERS)
