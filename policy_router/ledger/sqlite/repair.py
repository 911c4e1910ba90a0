"""What an operator can repair in a SQLite ledger."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from policy_router.ledger.sqlite.clock import reset
from policy_router.ledger.sqlite.file import LedgerFile
from policy_router.ledger.sqlite.timing import TIMING

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.ledger.clock import ClockReading
    from policy_router.ledger.sqlite.clock import Reset
    from policy_router.ledger.sqlite.timing import Timing


def set_time(path: str | Path, sight: ClockReading, timing: Timing = TIMING) -> Reset:
    """Set the time of a ledger to this machine's clock; processes that use the ledger follow it.

    Args:
        path: The path of the database.
        sight: What the machine's clocks show.
        timing: How long things may take.

    Raises:
        StoreError: The ledger cannot be used.
    """
    file = LedgerFile.at(path, timing=timing)
    if not file.path.exists():
        raise file.unusable("it does not exist", "name the ledger with --state")
    with file.locked(), file.translating(), closing(file.connect()) as connection:
        file.migrate(connection, existed=True)
        file.verify(connection, thorough=True)
        connection.execute("BEGIN IMMEDIATE")
        done = reset(connection, sight)
        connection.execute("COMMIT")
    return done
