"""Renders an audit of the counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.wording import spell_amount
from policy_router.diagnostics import printable
from policy_router.ledger.continuity import REMEDY
from policy_router.views.counters import amount
from policy_router.views.document import document
from policy_router.views.lines import Table, count, help_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.reader import Difference
    from policy_router.views.lines import Block


def as_lines(counters: int, differences: Sequence[Difference], loss: Loss | None) -> list[Block]:
    """Return how the counters compare with the ledger.

    Args:
        counters: Number of counters that were compared.
        differences: Those that differ from the ledger.
        loss: Data that the store lost, if any.
    """
    lines: list[Block] = []
    if differences:
        rows = [
            (
                printable(str(difference.key)),
                difference.field,
                spell_amount(difference.key.metric, difference.counter),
                spell_amount(difference.key.metric, difference.ledger),
            )
            for difference in differences
        ]
        total = f"Found {count(len(rows), 'difference')} in {count(counters, 'counter')}"
        table = Table([("", "", "counter", "ledger"), *rows], header=True)
        lines += [table, [(total, "bold red")]]
    else:
        verb = "agrees" if counters == 1 else "agree"
        agreed = f"{count(counters, 'counter')} {verb} with the ledger"
        lines.append(agreed if counters else "nothing to compare: the ledger has no counters")
    if loss is not None:
        lines.append([("The ledger lost data", "bold red"), (f": {loss.text}", "")])
        lines.append(help_line(REMEDY))
    return lines


def as_json(
    state: str, counters: int, differences: Sequence[Difference], loss: Loss | None
) -> dict[str, object]:
    """Return the same as a JSON document. state: the store, without a password."""
    return document(
        state=state,
        counters=counters,
        lost=None if loss is None else loss.text,
        differences=[
            {
                "key": printable(str(difference.key)),
                "field": difference.field,
                "counter": amount(difference.key.metric, difference.counter),
                "ledger": amount(difference.key.metric, difference.ledger),
            }
            for difference in differences
        ],
    )
