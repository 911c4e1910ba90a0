"""What rows of the table `outcomes` add up to, in SQL, by the names of `days.NAMES`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, case, cast, func

from policy_router.domain.outcome import RequestEnding, Role
from policy_router.journal.days import NAMES
from policy_router.journal.encoding import MILLIONTHS
from policy_router.journal.tables import OUTCOMES

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Label


@cache
def sums_of_rows() -> tuple[Label[Any], ...]:
    """The sums, in the order of `NAMES`; those of no rows at all are NULL."""
    rows = OUTCOMES.c
    called = rows.role != Role.REFUSED.value
    answered = rows.latency_bucket.is_not(None)
    sums = {
        "calls": _number(called),
        "failed": _number(called & ~answered),
        "accepted": _number(rows.accepted == 1),
        "rejected": _number(rows.accepted == 0),
        "requests": func.count(rows.ending),
        "denied": _number(rows.ending == RequestEnding.DENIED.value),
        "stopped": _number(rows.ending == RequestEnding.STOPPED.value),
        "exhausted": _number(rows.ending == RequestEnding.FAILED.value),
        "micros": func.sum(_micros(rows.seconds)),
        "answer_micros": func.sum(case((answered, _micros(rows.seconds)), else_=0)),
        "first_tokens": func.count(rows.first_token),
        "first_token_micros": func.coalesce(func.sum(_micros(rows.first_token)), 0),
        "free": _number(answered & (rows.cost == 0)),
        "unpriced": _number(called & rows.cost.is_(None)),
        "poor": _number(rows.ending == RequestEnding.REJECTED.value),
        **_compared(),
    }
    plain = {name: func.coalesce(func.sum(rows[name]), 0) for name in NAMES if name not in sums}
    return tuple((sums | plain)[name].label(name) for name in NAMES)


def _compared() -> dict[str, ColumnElement[Any]]:
    """What answers are compared by with those of other models; see `days`."""
    rows = OUTCOMES.c
    served = rows.served == 1
    counted = served & rows.tokens_in.is_not(None) & rows.tokens_out.is_not(None)
    uncounted = served & (rows.tokens_in.is_(None) | rows.tokens_out.is_(None))
    fitted = served & rows.fit_cost.is_not(None)
    cached = case((rows.tokens_cached < rows.tokens_in, rows.tokens_cached), else_=rows.tokens_in)
    return {
        "uncounted_cost": _sum_where(uncounted, rows.cost),
        "compared": _number(counted),
        "compared_cost": _sum_where(counted, rows.cost),
        "compared_in": _sum_where(counted, rows.tokens_in),
        "compared_out": _sum_where(counted, rows.tokens_out),
        "compared_cached": _sum_where(counted & rows.tokens_cached.is_not(None), cached),
        "fitted": _number(fitted),
        "fit_cost": _sum_where(fitted, rows.fit_cost),
        "fitted_cost": _sum_where(fitted, rows.cost),
    }


def _sum_where(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The sum of a value over the rows that meet a condition."""
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """How many rows meet a condition."""
    return func.sum(case((condition, 1), else_=0))


def _micros(seconds: ColumnElement[Any]) -> ColumnElement[Any]:
    """Whole microseconds, so that sums are the same in any order."""
    return cast(func.round(seconds * MILLIONTHS), BigInteger)
