"""Asks all sources at once which models they have."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.discovery.fetch import fetching, in_time
from policy_router.discovery.served import SourceError
from policy_router.providers.model_list import ModelList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.discovery.served import ServedModel
    from policy_router.discovery.sources.table import Source

WITHIN: Final = 20.0
"""Seconds that each source has to answer; all are asked at once."""


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where models are looked for.

    Attributes:
        source: What kind of place it is.
        base: Its address.
        key_env: The environment variable with the key that it is asked with, if any.
        expected: Whether it should be there: it was named, or the policy calls models there.
    """

    source: Source
    base: str
    key_env: str | None = None
    expected: bool = True

    @property
    def key(self) -> str:
        """What identifies it in the cache."""
        return f"{self.source.name} {self.base}"


@dataclass(frozen=True, slots=True)
class SourceListing:
    """What a place answered.

    Attributes:
        place: The place.
        at: Unix time at which it answered.
        models: Its models; empty where it gave no list.
        problem: Why it gave none; empty where it did.
    """

    place: SourcePlace
    at: float
    models: tuple[ServedModel, ...] = ()
    problem: str = ""

    def find(self, name: str) -> ServedModel | None:
        """The model that a name means there, by itself or as an alias of a dated one."""
        by_name = {each.name: each for each in self.models}
        exact = by_name.get(name) or by_name.get(f"{name}:latest")
        if exact is not None:
            return exact
        return next((m for m in self.models if ModelList((m.name,)).has(name)), None)


async def look(
    places: Sequence[SourcePlace],
    environ: Mapping[str, str],
    *,
    within: float = WITHIN,
    on_answer: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.time,
) -> tuple[SourceListing, ...]:
    """Ask places for their models, all at once.

    Args:
        places: The places.
        environ: The environment variables, with keys.
        within: Seconds that each has to answer.
        on_answer: Called when one has answered, or will not.
        clock: Gives Unix time.

    Returns:
        What each answered, in their order.
    """

    async def ask(place: SourcePlace) -> SourceListing:
        listing = SourceListing(place, clock())
        try:
            models = await in_time(within, _listed(place, environ))
            return replace(listing, models=tuple({each.name: each for each in models}.values()))
        except SourceError as error:
            return replace(listing, problem=error.reason)
        finally:
            on_answer()

    return tuple(await asyncio.gather(*map(ask, places)))


async def _listed(place: SourcePlace, environ: Mapping[str, str]) -> Sequence[ServedModel]:
    headers = {}
    if place.key_env is not None:
        key = environ.get(place.key_env, "").strip()
        if not key:
            raise SourceError(f"{place.key_env} is not set")
        headers["authorization"] = f"Bearer {key}"
    async with fetching(place.base, headers) as server:
        return await place.source.list_models(server)
