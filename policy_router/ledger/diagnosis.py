"""What is worth knowing of a store before money depends on it."""

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
    """One thing found.

    subject: what was looked at. level: ERROR when counters would not hold, WARNING when they may be
    lost, NOTE for what is merely so. text: lower case, no full stop. help: what to do about it.
    """

    subject: str
    level: Severity
    text: str
    help: str = ""


def describe_loss(loss: Loss | None) -> tuple[Diagnosis, ...]:
    """What is to be said of a ledger that may have lost data."""
    if loss is None:
        return ()
    when = f"{datetime.fromtimestamp(loss.since, UTC):%Y-%m-%d %H:%M:%S} UTC"
    text = f"lost data, and budgets are closed: {loss.text} (noticed {when})"
    return (Diagnosis("continuity", Severity.ERROR, text, REMEDY),)
