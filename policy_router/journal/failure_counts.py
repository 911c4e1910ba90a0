"""Counts of what went wrong: failed attempts, refused requests and suspended calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from policy_router.domain.outcome import ATTEMPTS, Role
from policy_router.journal.query import conditions
from policy_router.journal.tables import COOLDOWNS, OUTCOMES

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from policy_router.journal.query import OutcomeFilter


def failures(
    connection: Connection, where: OutcomeFilter
) -> list[tuple[str, str | None, str, int]]:
    """Count where requests went after failed attempts; see `JournalReader.failures`."""
    columns = (OUTCOMES.c.model, OUTCOMES.c.next_model, OUTCOMES.c.failure)
    times = func.count()
    wanted = (
        select(*columns, times)
        .where(*conditions(where), OUTCOMES.c.failure.is_not(None))
        .where(OUTCOMES.c.role.in_([role.value for role in ATTEMPTS]))
        .group_by(*columns)
        .order_by(times.desc(), *(column.nulls_first() for column in columns))
    )
    rows = connection.execute(wanted)
    return [(model, target, failure, number) for model, target, failure, number in rows]


def denials(connection: Connection, where: OutcomeFilter) -> list[tuple[str, int]]:
    """Count the reasons why no model was called; see `JournalReader.denials`."""
    reason, requests = OUTCOMES.c.failure, func.count()
    wanted = (
        select(reason, requests)
        .where(*conditions(where), reason.is_not(None))
        .where(OUTCOMES.c.role == Role.REFUSED.value)
        .group_by(reason)
        .order_by(requests.desc(), reason)
    )
    return [(name, number) for name, number in connection.execute(wanted)]


def cooldowns(
    connection: Connection, since: float, until: float
) -> list[tuple[str, str, str, int, float]]:
    """Count how often calls were suspended; see `JournalReader.cooldowns`."""
    table = COOLDOWNS.c
    columns, times = (table.scope, table.name, table.cause), func.count()
    wanted = (
        select(*columns, times, func.sum(table.seconds))
        .where(table.at >= since, table.at < until)
        .group_by(*columns)
        .order_by(times.desc(), *columns)
    )
    rows = connection.execute(wanted)
    return [(scope, name, cause, number, total) for scope, name, cause, number, total in rows]
