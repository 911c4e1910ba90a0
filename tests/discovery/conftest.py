"""The server that discovery is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.discovery.servers import LocalServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def here() -> Iterator[LocalServer]:
    """A server on this machine that answers like all kinds of servers."""
    with serving() as place:
        yield place
