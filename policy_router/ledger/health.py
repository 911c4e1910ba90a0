"""The health of models as stores keep it: a short text for each thing that failed lately.

The texts are no counters. A store that loses them, or is unreachable, does not show the failures
of others; each process then goes by its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

MOST_HEALTHS: Final = 10_000
"""The most texts that a store keeps. When it is full, nothing new is kept."""


@dataclass(frozen=True, slots=True)
class KeptHealth:
    """A text and its end.

    Attributes:
        text: The text.
        expires: Unix time of the store's clock from which it is forgotten.
    """

    text: str
    expires: float


@runtime_checkable
class HealthStore(Protocol):
    """A store that keeps the health of models, for all processes that share it."""

    async def read_health(self) -> Mapping[str, str] | None:
        """Read all texts that are kept, by their keys.

        Returns:
            The texts; None when this store keeps none.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        """Replace a text, in one step, unless another process has replaced it already.

        Args:
            key: Identifies what the text is about.
            before: The text that is replaced; None when nothing is kept under the key.
            after: The text in its place.
            lasts: Seconds for which it is kept, unless it is replaced.

        Returns:
            The text that is kept now: `after`, or what another process wrote. None when nothing is
            kept.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...


def texts(kept: Mapping[str, KeptHealth], now: float) -> dict[str, str]:
    """The texts that have not expired."""
    return {key: each.text for key, each in kept.items() if each.expires > now}


def swapped(  # noqa: PLR0917  the arguments of the verb, on what is kept, at a time
    kept: MutableMapping[str, KeptHealth],
    key: str,
    before: str | None,
    after: str,
    lasts: float,
    now: float,
) -> str | None:
    """Do what `HealthStore.swap_health` does to what is kept."""
    there = kept.get(key)
    text = None if there is None or there.expires <= now else there.text
    if text != before or (there is None and len(kept) >= MOST_HEALTHS):
        return text
    kept[key] = KeptHealth(after, now + lasts)
    return after
