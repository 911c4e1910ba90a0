"""Journals to test: one in a file, one in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.journal.address import JournalAddress
from tests.journal.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> JournalAddress:
    """The address of an empty journal."""
    if request.param == "sqlite":
        return JournalAddress.parse(f"sqlite:///{tmp_path}/journal.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return JournalAddress.parse(server.new_database())
