"""Sessions in a store that may be unreachable: those that cannot be read start again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from policy_router.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from policy_router.ledger.sessions import SessionRecord, SessionStore

T = TypeVar("T")


class DegradableSessions(ABC):
    """The verbs of a SessionStore, none of which raises."""

    _sessions: SessionStore | None

    @abstractmethod
    async def _call(self, verb: Callable[[], Awaitable[T]]) -> T:
        """What the store answers. Raises StoreError."""

    async def read_session(self, key: str) -> SessionRecord | None:
        """See SessionStore. A session that cannot be read starts again."""
        store = self._sessions
        if store is None:
            return None
        try:
            return await self._call(lambda: store.read_session(key))
        except StoreError:
            return None

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        """See SessionStore. What cannot be written is forgotten."""
        store = self._sessions
        if store is not None:
            with suppress(StoreError):
                await self._call(lambda: store.write_session(key, record, lasts))
