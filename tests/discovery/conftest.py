"""The server that discovery is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.discovery.servers import LocalServer, serving
from tests.discovery.sim import SimulatedSources, simulated

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def here() -> Iterator[LocalServer]:
    """A server on this machine that answers like all kinds of servers."""
    with serving() as place:
        yield place


@pytest.fixture
def sources() -> Iterator[SimulatedSources]:
    """Simulated sources of models on this machine."""
    with simulated() as running:
        yield running
