"""Sessions as stores keep them: a short text for each, until it has been idle for some time.

Sessions are no counters. A store that loses them, or is unreachable, starts them again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

MOST_SESSIONS: Final = 100_000
"""The most sessions that a store keeps. When there are more, those that end first are dropped."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is stored about a session.

    Attributes:
        at: Unix time at which its writer wrote it. Of two records the later one is kept.
        rank: Rank of the session's tier. It never falls while the session is kept, in whatever
            order the requests of a session end.
        text: The rest.
    """

    at: float
    rank: int
    text: str


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A record and its end.

    Attributes:
        record: The record.
        expires: Unix time of the store's clock from which it is forgotten.
    """

    record: SessionRecord
    expires: float

    def followed_by(self, later: KeptSession) -> KeptSession:
        """What is kept once another record of the same session is written."""
        rank = max(self.record.rank, later.record.rank)
        newest = later.record if later.record.at >= self.record.at else self.record
        return KeptSession(replace(newest, rank=rank), max(self.expires, later.expires))


@runtime_checkable
class SessionStore(Protocol):
    """A store that keeps sessions, for all processes that share it."""

    async def read_session(self, key: str) -> SessionRecord | None:
        """Read what is stored about a session.

        Args:
            key: Identifies the session among those of all callers.

        Returns:
            The record; None when nothing is kept.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        """Keep a record of a session; see `SessionRecord` for what happens to the one before.

        Args:
            key: Identifies the session among those of all callers.
            record: The record.
            lasts: Seconds for which it is kept, unless another one is written.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...
