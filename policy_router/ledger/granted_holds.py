"""The holds that a store granted to this process, in case the store loses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.ledger.engine import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.ledger.store import Hold

SIZE: Final = 100_000
"""Holds under way that are kept, at most."""


@dataclass(frozen=True, slots=True)
class _Granted:
    """A hold, and the Unix time up to which a store that lost nothing knows it."""

    hold: Hold
    until: float


class GrantedHolds:
    """Holds by id, until they end.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._holds: dict[str, _Granted] = {}

    def __contains__(self, hold_id: str) -> bool:
        return hold_id in self._holds

    def __iter__(self) -> Iterator[str]:
        return iter(self._holds)

    def add(self, hold: Hold, lease: float) -> None:
        """Keep a hold that was granted or renewed. When there are too many, the oldest is dropped.

        Args:
            hold: The hold.
            lease: Seconds until it expires.
        """
        self._holds[hold.id] = _Granted(hold, self._clock() + lease + REMEMBERED)
        if len(self._holds) > SIZE:
            del self._holds[next(iter(self._holds))]

    def get(self, hold_id: str) -> Hold | None:
        """A hold that the store granted and has no reason to have forgotten."""
        granted = self._holds.get(hold_id)
        return granted.hold if granted is not None and self._clock() < granted.until else None

    def discard(self, hold_id: str) -> None:
        """Drop a hold that ended."""
        self._holds.pop(hold_id, None)
