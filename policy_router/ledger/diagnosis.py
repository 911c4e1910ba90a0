"""What an operator should know about a store, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from policy_router.diagnostics import Severity
from policy_router.ledger.continuity import REMEDY

if TYPE_CHECKING:
    from policy_router.ledger.continuity import Loss


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One observation.

    Attributes:
        subject: What was examined.
        level: ERROR when counters would be wrong, WARNING when they may be lost, NOTE for a fact.
        text: What was observed, in lower case without a full stop.
        help: What to do about it; empty for nothing.
    """

    subject: str
    level: Severity
    text: str
    help: str = ""


def describe_loss(loss: Loss | None) -> tuple[Diagnosis, ...]:
    """What an operator should know about a ledger's loss of data; nothing when there is none."""
    if loss is None:
        return ()
    when = f"{datetime.fromtimestamp(loss.since, UTC):%Y-%m-%d %H:%M:%S} UTC"
    text = f"lost data, and budgets are closed: {loss.text} (noticed {when})"
    return (Diagnosis("continuity", Severity.ERROR, text, REMEDY),)
