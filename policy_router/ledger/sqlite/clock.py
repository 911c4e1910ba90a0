"""The time of a SQLite ledger, as its rows record it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import CounterKey
from policy_router.domain.windows import rolling
from policy_router.ledger.clock import DOUBTED, Anchor, doubt, moment

if TYPE_CHECKING:
    import sqlite3

    from policy_router.ledger.clock import ClockReading, Moment, Source

LOG: Final = logging.getLogger(__name__)
MACHINES: Final = 64
"""The most anchors that are kept; each start of a machine adds one."""
REPAIR: Final = "run `policy-router doctor --fix`"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a ledger records of the time.

    Attributes:
        now: The time of the latest write, Unix time.
        anchor: The anchor of this machine; None for nothing.
        resets: How often an operator set the time.
    """

    now: float
    anchor: Anchor | None
    resets: int


def load(connection: sqlite3.Connection, machine: str) -> Stored:
    """Read what the ledger records of the time, with the anchor of a machine."""
    now, uptime, anchor_time, resets = connection.execute(
        "SELECT meta.now, anchor.uptime, anchor.at, (SELECT max(number) FROM reset)"
        " FROM meta LEFT JOIN anchor ON anchor.machine = ?",
        (machine,),
    ).fetchone()
    return Stored(now, None if uptime is None else Anchor(uptime, anchor_time), resets or 0)


def save(connection: sqlite3.Connection, machine: str, anchor: Anchor) -> None:
    """Store the anchor of a machine, as the latest."""
    connection.execute(
        "INSERT OR REPLACE INTO anchor (machine, uptime, at) VALUES (?, ?, ?)",
        (machine, anchor.uptime, anchor.at),
    )
    connection.execute(
        "DELETE FROM anchor WHERE rowid NOT IN"
        " (SELECT rowid FROM anchor ORDER BY rowid DESC LIMIT ?)",
        (MACHINES,),
    )


class LedgerClock:
    """The ledger's time, as one process sees it.

    Args:
        source: The clocks of the machine.

    Attributes:
        machine: Identifies the machine; empty when only the wall clock is known.
        mark: The time of the latest verb. It keeps the time from going back between verbs that
            changed nothing, until an operator sets the ledger's time.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._resets = 0
        self._warned = False
        self.machine = source().machine
        self.mark = 0.0

    def sight(self) -> ClockReading:
        """Read the clocks."""
        return self._source()

    def look(self, stored: Stored) -> Moment:
        """The time now, for a verb that changes nothing."""
        mark = self.mark if stored.resets == self._resets else 0.0
        return moment(max(stored.now, mark), stored.anchor, self._source())

    def tick(self, stored: Stored) -> Moment:
        """The time now, for a verb that changes something. Warns once of a doubted clock."""
        now = self.look(stored)
        self.mark, self._resets = now.now, stored.resets
        if now.doubted and not self._warned:
            LOG.warning("%s", doubt(now.offset, REPAIR))
        self._warned = now.doubted
        return now


def anchored(connection: sqlite3.Connection, sight: ClockReading) -> None:
    """Store an anchor for this machine where there is none, so that a clock which is set later is
    noticed. In a transaction of its own; the caller holds the lock."""
    if not sight.machine:
        return
    stored = load(connection, sight.machine)
    if stored.anchor is not None:
        return
    first = moment(stored.now, None, sight)
    connection.execute("BEGIN IMMEDIATE")
    if first.anchor is not None:
        save(connection, sight.machine, first.anchor)
    connection.execute("COMMIT")
    if stored.now and abs(first.offset) > DOUBTED:
        LOG.warning("%s", doubt(first.offset, REPAIR))


# -- set by an operator ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reset:
    """How an operator set a ledger's time.

    Attributes:
        before: Unix time.
        after: Unix time.
    """

    before: float
    after: float


def reset(connection: sqlite3.Connection, sight: ClockReading) -> Reset:
    """Set the ledger's time to the wall clock. In the caller's transaction, under the lock.

    Holds keep what is left of their leases. What rolling windows counted in slots of the future
    moves to the present slot, where it counts for one more window. Calendar counters stay as they
    are: what was counted in a future period is part of that period.
    """
    stored = load(connection, sight.machine)
    before, after = moment(stored.now, stored.anchor, sight).now, sight.wall
    shift = after - before
    connection.execute("UPDATE meta SET now = ?", (after,))
    connection.execute("DELETE FROM anchor")
    if sight.machine:
        save(connection, sight.machine, Anchor(sight.uptime, after))
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
    connection.execute(
        "INSERT INTO reset (seq, before, after) VALUES (?, ?, ?)", (seq, before, after)
    )
    connection.execute("UPDATE hold SET expires = expires + ? WHERE state = 'open'", (shift,))
    if shift < 0:
        connection.execute("UPDATE hold SET forget = forget + ? WHERE forget IS NOT NULL", (shift,))
        connection.execute("UPDATE released SET forget = forget + ?", (shift,))
        _bring_back(connection, after)
    return Reset(before, after)


def _bring_back(connection: sqlite3.Connection, now: float) -> None:
    """Move what is counted in slots of the future to the present slot."""
    for key, slot, n, ends in connection.execute(
        "SELECT key, slot, n, ends FROM slot WHERE ends > ?", (now,)
    ).fetchall():
        window = rolling(CounterKey.parse(key).window)
        present = int(now // window.width)
        if slot > present:
            connection.execute("DELETE FROM slot WHERE key = ? AND slot = ?", (key, slot))
            connection.execute(
                "INSERT INTO slot (key, slot, n, ends) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (key, slot) DO UPDATE SET n = n + excluded.n",
                (key, present, n, ends - (slot - present) * window.width),
            )
