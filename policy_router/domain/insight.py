"""Settings of the journal, of reports, of alerts and of discovery. No decision depends on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CHEAPEST_THAT_FITS: Final = "cheapest_that_fits"
"""The baseline of the cheapest model with a price that the policy allows for each request; free
models are left out."""


@dataclass(frozen=True, slots=True)
class OutcomeSettings:
    """What the journal keeps. No decision depends on it.

    Attributes:
        keep: Seconds for which a row for each call is kept.
    """

    keep: float = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPUs of self-hosted models.

    Attributes:
        memory: Memory of one card, in bytes.
        price: What one card costs per hour, in nano-USD.
    """

    memory: int
    price: int


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What reports compare with. No decision depends on it.

    Attributes:
        baselines: Name of a baseline -> name of the model that is assumed to answer everything, or
            CHEAPEST_THAT_FITS.
        gpu: The GPUs of self-hosted models, if the policy describes them.
    """

    baselines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    gpu: Gpu | None = None

    @property
    def compares_cheapest(self) -> bool:
        """Whether a baseline is the cheapest model that fits each request."""
        return CHEAPEST_THAT_FITS in self.baselines.values()


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where alerts are sent, in addition to metrics and logs. No decision depends on it.

    Attributes:
        webhook_env: Name of the environment variable with the address that alerts are sent to; None
            sends none.
    """

    webhook_env: str | None = None


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """Where models are looked for. No decision depends on it.

    Attributes:
        sources: Where to look, such as `ollama`; empty for the addresses of the policy's models.
        only: The selectors of new models of interest; empty for all.
        every: Seconds for which a response is cached, and the server's polling interval; None
            caches for an hour, and the server does not poll.
    """

    sources: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    every: float | None = None
