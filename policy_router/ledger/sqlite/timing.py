"""How long the steps of a SQLite ledger may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals of a ledger.

    Attributes:
        patience: Seconds to wait for a lock before the store counts as unreachable.
        sync: Seconds after which a commit is synchronized to the disk, apart from everything else:
            about what a loss of power can cost where commits are not synchronous.
        checkpoint: Seconds after which the log is copied into the database, under the lock.
        commits: The number of commits after which that is done earlier.
    """

    patience: float = 2.0
    sync: float = 1.0
    checkpoint: float = 5.0
    commits: int = 2000


TIMING: Final = Timing()
