"""The data of the page besides the router: recent requests, and recently rendered parts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from policy_router.observe.moved_requests import MovedRequests, moved
from policy_router.observe.recent import RecentActivity
from policy_router.server.ui.proof_history import ProofHistory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from policy_router.discovery.watch import OfferWatch
    from policy_router.router.router import Router
    from policy_router.server.ui.peers import Peers

WATCHERS: Final = 16
"""Browsers that may follow the decisions at a time."""
_KEPT: Final = 64
"""Values that are kept."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The requests of this process after a number.

    Attributes:
        last: The number of the last request of all.
        rows: When each that is shown ended, in Unix time, and its row; the newest first.
        more: How many more there are.
    """

    last: int
    rows: tuple[tuple[float, str], ...]
    more: int


class Board:
    """The data of the page for one router.

    Attributes:
        recent: The latest requests and changes.
        offers: The state of the sources of models; None where they are not watched.
        peers: The other processes of the server; None where there are none.
        watching: How many browsers follow the decisions.
        promises: The verdicts on the promises of the policy.
    """

    def __init__(
        self,
        recent: RecentActivity,
        offers: OfferWatch | None = None,
        peers: Peers | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes a board.

        Args:
            recent: The latest requests and changes; the router must send it its events.
            offers: The state of the sources of models; None where they are not watched.
            peers: The other processes of the server; None where there are none.
            clock: Seconds from any origin.
        """
        self.recent = recent
        self.offers = offers
        self.peers = peers
        self.watching = 0
        self.promises = ProofHistory()
        self._rows: tuple[int, dict[Hashable, LiveRows]] = 0, {}
        self._moved: dict[tuple[str, str], MovedRequests] = {}
        self._clock = clock
        self._made: dict[str, tuple[float, object]] = {}
        self._making: dict[str, asyncio.Lock] = {}

    @classmethod
    def of(
        cls, router: Router, offers: OfferWatch | None = None, peers: Peers | None = None
    ) -> Board:
        """Return the board of a router, which follows its events from now on."""
        recent = RecentActivity(lambda: router.policy)
        router.observe(recent)
        return cls(recent, offers, peers)

    def rows(self, wanted: Hashable, make: Callable[[], LiveRows]) -> LiveRows:
        """Return the latest requests for a browser, made once for all that want the same.

        Args:
            wanted: What this browser wants.
            make: Makes it.
        """
        last = self.recent.last
        if self._rows[0] != last:
            self._rows = last, {}
        known = self._rows[1]
        if wanted not in known:
            known[wanted] = make()
        return known[wanted]

    def moved(self, old: str, new: str) -> MovedRequests | None:
        """Return what a reload moved, of the requests that were kept when somebody first looked.

        Args:
            old: The revision before.
            new: The revision after.

        Returns:
            What it moved; None where the policy or requests of the one before are not kept.
        """
        known = self._moved.get((old, new))
        if known is not None:
            return known
        policy, decisions = self.recent.policy_of(new), self.recent.decided_by(old)
        if policy is None or not decisions:
            return None
        if len(self._moved) >= _KEPT:
            self._moved.clear()
        self._moved[old, new] = found = moved(decisions, policy)
        return found

    async def made(self, name: str, seconds: float, make: Callable[[], Awaitable[Made]]) -> Made:
        """Return a value, rebuilt when it is older than some seconds; once for all who ask.

        Args:
            name: Identifies it.
            seconds: How old it may be.
            make: Makes it, always of the same type for a name.
        """
        lock = self._making.setdefault(name, asyncio.Lock())
        async with lock:
            known = self._made.get(name)
            if known is not None and self._clock() - known[0] < seconds:
                return cast(Made, known[1])
            if len(self._made) >= _KEPT:
                self._made.clear()
                self._making = {name: lock}
            value = await make()
            self._made[name] = (self._clock(), value)
            return value
