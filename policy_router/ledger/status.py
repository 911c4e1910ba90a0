"""The status of a store that may be unreachable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The state of a degradable store, as numbers that a gauge can show.

    Attributes:
        up: Whether the store is used.
        detail: Why it is not; empty while it is.
        owed: Endings that are still to be written.
        lost: Endings that were given up and will never be written.
        failures: Calls that failed so far.
        outages: How often the store was given up.
        loss: What data the store lost, empty for none; while there is one, budgets are closed.
        losses: How often it lost data.
        restored: Holds that were recorded again because the store had lost them.
    """

    up: bool
    detail: str
    owed: int
    lost: int
    failures: int = 0
    outages: int = 0
    loss: str = ""
    losses: int = 0
    restored: int = 0
