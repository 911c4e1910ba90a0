"""Asks the sources of models regularly, as the policy says, and reports differences.

A thread of its own asks, so that requests never wait. What it learns is in the cache of `discover`,
which other processes read. The policy never changes by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.discovery.cache import DiscoveryCache
from policy_router.discovery.changes import ChangeKind
from policy_router.discovery.comparison import compare
from policy_router.discovery.query_sources import WITHIN, look
from policy_router.discovery.source_places import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.discovery.cache import KnownFailure
    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.query_sources import SourceListing, SourcePlace

_log: Final = logging.getLogger(__name__)

TICK: Final = 30.0
"""Seconds between two looks at whether there is something to ask."""
SHORTEST: Final = 60.0
"""Seconds between two questions to one source, at least, whatever the policy says."""
RETRY: Final = 300.0
"""Seconds after which a source that gave no list is asked again; doubled each time."""
_DOUBLINGS: Final = 12
_CLOSING: Final = 2.0
"""Seconds that closing waits for the thread."""
_WITH_TEXT: Final = frozenset({ChangeKind.MORE_EXPENSIVE, ChangeKind.CHEAPER, ChangeKind.CONTEXT})
"""Differences that are another one when their numbers are others."""


@dataclass(frozen=True, slots=True)
class Offers:
    """The state of the sources of a policy.

    Attributes:
        listings: What each source listed last; those that never gave a list are left out.
        failures: Why a source gives no list now, by its key.
        changes: How the policy differs from what is offered.
        places: The sources that the policy names.
    """

    listings: Sequence[SourceListing]
    failures: Mapping[str, KnownFailure]
    changes: Sequence[ModelChange]
    places: Sequence[SourcePlace]


class OfferWatch:
    """Watches the sources of the active policy, where it has `discovery: { every }`.

    Args:
        policy: Gives the active policy.
        cache: The file of what is known.
        name: Identifies this server among those that share the file, such as by its policy's path.
        on_change: Gets the kind, the model, the source, what differs and what to do about it; once
            for each difference, over restarts.
        on_source: Gets the source, its address, whether it gives a list, and why not.
        environ: The environment variables, with addresses and keys.
        clock: Gives Unix time.
        within: Seconds that a source has to answer.
    """

    def __init__(
        self,
        policy: Callable[[], Policy],
        cache: Path,
        name: str,
        on_change: Callable[[str, str, str, str, str], None],
        on_source: Callable[[str, str, bool, str], None],
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        within: float = WITHIN,
    ) -> None:
        self._policy = policy
        self._path = cache
        self._name = name
        self._on_change = on_change
        self._on_source = on_source
        self._environ = environ
        self._clock = clock
        self._within = within
        self._compared = ""
        self._unsaved: DiscoveryCache | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._asking: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None
        self._thread: threading.Thread | None = None

    # -- the thread --------------------------------------------------------------------------

    def begin(self) -> None:
        """Look from now on."""
        self._thread = threading.Thread(
            target=self._serve, name="policy-router-discovery", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop, without waiting for what a source may still answer; may be called twice."""
        with self._lock:
            self._closing.set()
            if self._asking is not None:
                loop, task = self._asking
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(_CLOSING)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except asyncio.CancelledError:
                return
            except Exception as error:  # noqa: BLE001  it must go on, whatever a source sends
                _log.warning("the sources of models were not compared: %s", type(error).__name__)
            self._closing.wait(TICK)

    # -- one look ----------------------------------------------------------------------------

    def look(self) -> bool:
        """Ask the sources that are due, and tell what is new. Returns whether any was asked."""
        policy, now = self._policy(), self._clock()
        every = policy.discovery.every
        if every is None:
            return False
        cache = self._cache()
        places = self._places(policy)
        due = [place for place in places if _is_due(place, cache, now, max(every, SHORTEST))]
        if not due and policy.revision == self._compared:
            return False
        failed = {place.key for place in places if cache.failure(place) is not None}
        for listing in self._ask(due) if due else ():
            cache.remember(listing)
            self._tell_source(listing, failed)
        self._tell_changes(policy, places, cache, self._clock())
        self._compared = policy.revision
        self._save(cache)
        return bool(due)

    @property
    def age(self) -> int:
        """A number that is another one when another look was written down, by any process."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def offers(self) -> Offers | None:
        """Return what is known, without asking; None where the policy does not want it."""
        policy = self._policy()
        if policy.discovery.every is None:
            return None
        cache, places = self._cache(), self._places(policy)
        listings = _known(cache, places, self._clock())
        changes = compare(policy, listings, cache, self._environ, self._clock())
        failures = {place.key: cache.failure(place) for place in places}
        return Offers(
            listings, {key: f for key, f in failures.items() if f is not None}, changes, places
        )

    def _cache(self) -> DiscoveryCache:
        """What is known; what could not be written is kept in memory."""
        return DiscoveryCache(self._path) if self._unsaved is None else self._unsaved

    def _places(self, policy: Policy) -> tuple[SourcePlace, ...]:
        return places_of(policy.models, policy.discovery.sources, self._environ)

    def _ask(self, places: Sequence[SourcePlace]) -> Sequence[SourceListing]:
        async def ask() -> Sequence[SourceListing]:
            asking = asyncio.ensure_future(
                look(places, self._environ, within=self._within, clock=self._clock)
            )
            with self._lock:
                self._asking = asyncio.get_running_loop(), asking
                if self._closing.is_set():
                    asking.cancel()
            try:
                return await asking
            finally:
                with self._lock:
                    self._asking = None

        return asyncio.run(ask())

    def _save(self, cache: DiscoveryCache) -> None:
        try:
            cache.save()
        except OSError as problem:
            if self._unsaved is None:
                reason = (problem.strerror or "").lower()
                _log.warning(
                    "what sources offer is kept in memory: %s cannot be written: %s",
                    printable(str(self._path)), reason,
                )  # fmt: skip
            self._unsaved = cache

    # -- telling -----------------------------------------------------------------------------

    def _tell_source(self, listing: SourceListing, failed: set[str]) -> None:
        """Tell that a source gives no list, the first time; and that it gives one again."""
        place, up = listing.place, not listing.problem
        if up != (place.key in failed):
            return
        address = printable(place.base)
        if up:
            _log.info("%s at %s lists its models again", place.source.name, address)
        else:
            problem = printable(listing.problem)
            _log.warning("%s at %s returned no list: %s", place.source.name, address, problem)
        self._on_source(place.source.name, address, up, listing.problem)

    def _tell_changes(
        self, policy: Policy, places: Sequence[SourcePlace], cache: DiscoveryCache, now: float
    ) -> None:
        """Tell every difference that was not reported before."""
        before = cache.reported.get(self._name, {})
        silent = {place.key for place in places if cache.failure(place) is not None}
        known = {what: place for what, place in before.items() if place in silent}
        for change in compare(policy, _known(cache, places, now), cache, self._environ, now):
            what = _identity(change)
            if what not in before:
                self._tell(change)
            known[what] = "" if change.listing is None else change.listing.place.key
        cache.reported[self._name] = known

    def _tell(self, change: ModelChange) -> None:
        source = "" if change.listing is None else change.listing.place.source.name
        listed = "" if change.served is None else change.served.name
        name, kind = change.model or listed, change.kind.value
        level = logging.WARNING if change.asks_for_an_edit else logging.INFO
        shown = f"{source} {listed}" if not change.model else f"`{name}`"
        remedy = f"; {change.help}" if change.help else ""
        _log.log(level, "%s: %s: %s%s", kind, printable(shown), printable(change.text), remedy)
        self._on_change(kind, printable(name), source, printable(change.text), change.help)


def _known(cache: DiscoveryCache, places: Sequence[SourcePlace], now: float) -> list[SourceListing]:
    """What the places listed last, however long ago."""
    listings = (cache.listing(place, now, float("inf")) for place in places)
    return [listing for listing in listings if listing is not None]


def _is_due(place: SourcePlace, cache: DiscoveryCache, now: float, every: float) -> bool:
    failure = cache.failure(place)
    if failure is None:
        return cache.listing(place, now, every) is None
    pause = min(every, RETRY * 2 ** min(failure.times - 1, _DOUBLINGS))
    return not 0 <= now - failure.at < max(pause, SHORTEST)


def _identity(change: ModelChange) -> str:
    """What makes a difference the same as one that was reported, such as on another day."""
    listed = "" if change.served is None else change.served.name
    place = "" if change.listing is None else change.listing.place.key
    parts = [change.kind.value, change.model, listed, place]
    return "\n".join([*parts, change.text] if change.kind in _WITH_TEXT else parts)
