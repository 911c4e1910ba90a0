"""Feedback in the journal, joined with the answers that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from policy_router.domain.feedback import OF_CHECKS, Feedback, GivenFeedback
from policy_router.journal.encoding import outcome_of
from policy_router.journal.tables import FEEDBACK, OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


def given_feedback(connection: Connection, since: float) -> Iterator[GivenFeedback]:
    """Yield what people and programs said of answers, in that order.

    Args:
        connection: In a transaction.
        since: Unix time of the first.
    """
    columns = FEEDBACK.c
    earlier = FEEDBACK.alias()
    before = (
        select(earlier.c.score)
        .where(
            earlier.c.decision == columns.decision,
            earlier.c.source == columns.source,
            or_(
                earlier.c.at < columns.at,
                and_(earlier.c.at == columns.at, earlier.c.id < columns.id),
            ),
        )
        .order_by(earlier.c.at.desc(), earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted = select(FEEDBACK, before.label("before")).where(
        columns.at >= since, columns.source != OF_CHECKS
    )
    for row in connection.execute(wanted.order_by(columns.at, columns.id)).mappings().all():
        served = (
            select(OUTCOMES)
            .where(OUTCOMES.c.decision == row["decision"], OUTCOMES.c.served == 1)
            .order_by(OUTCOMES.c.id.desc())
            .limit(1)
        )
        answer = connection.execute(served).mappings().first()
        if answer is not None:  # a request may end without any answer
            values = {column.name: row[column.name] for column in FEEDBACK.columns}
            yield GivenFeedback(Feedback(**values), row["before"], outcome_of(dict(answer)))
