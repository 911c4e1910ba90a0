"""What an operator may do to a SQLite ledger."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from policy_router.ledger.sqlite.clock import reset
from policy_router.ledger.sqlite.file import PACE, File

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.ledger.clock import ClockReading
    from policy_router.ledger.sqlite.clock import Reset
    from policy_router.ledger.sqlite.file import Timing


def set_time(path: str | Path, sight: ClockReading, pace: Timing = PACE) -> Reset:
    """Sets the time of a ledger to this machine's clock; processes that use it go on by it. Raises
    StoreError."""
    file = File.at(path, pace=pace)
    if not file.path.exists():
        raise file.trouble("it is not there", "name the ledger with --state")
    with file.locked(), file.spoken(), closing(file.connect()) as connection:
        file.migrate(connection, known=True)
        file.trust(connection, doubted=True)
        connection.execute("BEGIN IMMEDIATE")
        done = reset(connection, sight)
        connection.execute("COMMIT")
    return done
