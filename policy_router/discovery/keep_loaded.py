"""Models with `keep_loaded`: loaded when a request needs them, unloaded when unused for long.

Before a call after a pause the server is asked whether it has the model in memory, because another
process may have let it go. What the server says about that never stops a call: an error is logged,
and the call shows by itself whether the model answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from policy_router.discovery.fetch import fetching, in_time
from policy_router.discovery.memory import WITHIN, memory_place
from policy_router.discovery.served import SourceError
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from policy_router.discovery.fetch import SourceFetcher
    from policy_router.discovery.query_sources import SourcePlace
    from policy_router.domain.models import Model

_log: Final = logging.getLogger(__name__)

PAUSE: Final = 1.0
"""Seconds without a call after which the server is asked before the next one."""
LONGEST_TICK: Final = 60.0
"""Seconds between two looks at what is no longer used. Ollama forgets in five minutes, by default,
what it is to keep."""
_QUICK: Final = 10.0
"""Seconds that an answer about the state of a server may take."""


@dataclass(slots=True)
class _Kept:
    """A model in use.

    Attributes:
        place: Its server.
        name: Its name there.
        keep: Seconds for which it stays loaded.
        users: Calls under way.
        last: When the last call ended.
        told_at: When the server was told last how long to keep it.
        let_go: Whether it was let go since its last call.
        loading: Loads it; goes on when the call that needed it stops waiting.
        lock: Held while it is loaded or let go.
    """

    place: SourcePlace
    name: str
    keep: float
    users: int = 0
    last: float = float("-inf")
    told_at: float = float("-inf")
    let_go: bool = False
    loading: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _InLoop:
    """What one event loop keeps. What others keep is to it like what other processes keep.

    Attributes:
        models: The models in use, by their names in the policy.
        watching: Looks after them.
    """

    models: dict[str, _Kept] = field(default_factory=dict)
    watching: asyncio.Task[None] | None = None


class KeptModels:
    """The models that a router keeps in the memory of their servers."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Keeps nothing before a model is called.

        Args:
            environ: The environment variables, with addresses. Default: those of the process.
            clock: Seconds from any origin.
            sleep: Waits for a number of seconds.
        """
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._sleep = sleep
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _InLoop] = WeakKeyDictionary()

    def after_fork_in_child(self) -> None:
        """Start over: tasks are the parent's."""
        self._begin()

    async def enter(self, model: Model) -> None:
        """Have a model loaded that is about to be called. Never raises."""
        kept = self._of(model)
        if kept is None:
            return
        idle = kept.users == 0 and self._clock() - kept.last >= PAUSE
        kept.users += 1
        if kept.loading is None and (idle or kept.let_go):
            kept.loading = asyncio.get_running_loop().create_task(self._load(kept))
        if kept.loading is not None:
            await asyncio.shield(kept.loading)

    async def _load(self, kept: _Kept) -> None:
        try:
            async with kept.lock:
                await self._try(kept, _load, "loaded", WITHIN)
                kept.let_go = False
        finally:
            kept.loading = None

    def leave(self, model: Model) -> None:
        """Note that a call that entered has ended."""
        here = self._in_this_loop()
        kept = here.models.get(model.name)
        if kept is None:
            return
        kept.users -= 1
        kept.last = self._clock()
        if here.watching is None or here.watching.done():
            here.watching = asyncio.get_running_loop().create_task(self._watch(here))

    async def aclose(self) -> None:
        """Stop watching; models stay loaded, since other processes may use them."""
        here = self._in_this_loop()
        tasks = [here.watching, *(kept.loading for kept in here.models.values())]
        here.watching = None
        ending = [task for task in tasks if task is not None]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _in_this_loop(self) -> _InLoop:
        return self._loops.setdefault(asyncio.get_running_loop(), _InLoop())

    def _of(self, model: Model) -> _Kept | None:
        models = self._in_this_loop().models
        kept = models.get(model.name)
        if kept is None and model.keep_loaded is not None:
            try:
                place = memory_place(model, self._environ)
            except SourceError:
                return None
            name = model.provider_model.partition("/")[2]
            kept = models[model.name] = _Kept(place, name, model.keep_loaded)
        if kept is not None and model.keep_loaded is not None:
            kept.keep = model.keep_loaded  # a policy may have been reloaded
        return kept

    async def _watch(self, here: _InLoop) -> None:
        """Look after the models until all are let go."""
        while waiting := [each for each in here.models.values() if not each.let_go]:
            await self._sleep(min(LONGEST_TICK, *(each.keep for each in waiting)))
            for kept in waiting:
                await self._look_after(kept)

    async def _look_after(self, kept: _Kept) -> None:
        if kept.users or kept.lock.locked():
            return
        async with kept.lock:
            left = kept.keep - (self._clock() - kept.last)
            if left <= 0:
                kept.let_go = await self._try(kept, _let_go, "let go", _QUICK)
            elif kept.told_at < kept.last and kept.place.source.keep is not None:
                kept.told_at = self._clock()
                await self._try(kept, lambda s, k: _keep(s, k, left), "kept", _QUICK)

    async def _try(
        self,
        kept: _Kept,
        act: Callable[[SourceFetcher, _Kept], Awaitable[bool]],
        what: str,
        within: float,
    ) -> bool:
        async def work() -> bool:
            async with fetching(kept.place.base, {}) as server:
                return await act(server, kept)

        try:
            return bool(await in_time(within, work()))
        except SourceError as error:
            _log.warning(
                "`%s` at %s was not %s: %s", kept.name, kept.place.base, what, error.reason
            )
            return what == "let go"  # not asked for again before the next call


async def _load(server: SourceFetcher, kept: _Kept) -> bool:
    source = kept.place.source
    if source.load is None or (
        source.is_loaded is not None and await source.is_loaded(server, kept.name)
    ):
        return False
    await source.load(server, kept.name)
    return True


async def _keep(server: SourceFetcher, kept: _Kept, seconds: float) -> bool:
    if kept.place.source.keep is not None:
        await kept.place.source.keep(server, kept.name, seconds)
    return True


async def _let_go(server: SourceFetcher, kept: _Kept) -> bool:
    source = kept.place.source
    if source.is_busy is not None and await source.is_busy(server):
        return False
    if source.unload is not None:
        await source.unload(server, kept.name)
    return True
