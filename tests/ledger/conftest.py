"""The stores that the tests of this folder run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ledger.servers import stop_shared
from tests.ledger.stores import LASTING, STORES, Data, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _servers() -> Iterator[None]:
    yield
    stop_shared()


@pytest.fixture(params=STORES)
def w(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Every store in turn, fresh and empty."""
    with world(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=sorted(LASTING))
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, Data]]:
    """Every store whose data outlives its processes, and that data."""
    with world(request.param, tmp_path) as opened:
        yield opened, Data(request.param, tmp_path)
