"""What is kept of calls, what reports compare with, and where new models are looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CHEAPEST_THAT_FITS: Final = "cheapest_that_fits"
"""The baseline of the cheapest model that the policy allows for each request."""


@dataclass(frozen=True, slots=True)
class OutcomeSettings:
    """What the journal keeps of the calls that were made. No decision depends on it.

    Attributes:
        keep: Seconds for which a row for each call is kept.
    """

    keep: float = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """The graphics cards that models of one's own run on.

    Attributes:
        memory: Memory of one card, in bytes.
        price: What one card costs per hour, in nano-USD.
    """

    memory: int
    price: int


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What reports compare with. No report uses it in this version.

    Attributes:
        baselines: Name of a baseline -> name of the model that would answer everything, or
            CHEAPEST_THAT_FITS.
        gpu: The cards that models of one's own run on, if the policy says it.
    """

    baselines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    gpu: Gpu | None = None


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """Where new models are looked for. Nothing is looked for in this version.

    Attributes:
        sources: Where to look, such as `ollama`.
        only: The selectors of models of interest; empty for all.
        every: Seconds between two looks; None only when asked.
    """

    sources: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    every: float | None = None
