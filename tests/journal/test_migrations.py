"""A journal of any older version is brought to the newest, with everything that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text

from policy_router.errors import StoreError
from policy_router.journal.database import JournalDatabase
from policy_router.journal.engine import engine_of
from policy_router.journal.migrations import NEWEST, migrate, version_of
from policy_router.journal.reader import JournalReader
from policy_router.journal.tables import METADATA
from tests.journal.make import answered, read, write

if TYPE_CHECKING:
    from policy_router.journal.address import JournalAddress

ROWS = (
    """INSERT INTO outcomes (at, latency_bucket, model, role, task, band, ending, cost, tokens_in,
        tokens_out, seconds, ok, unsure, served, decision, rank, stream, subagent, housekeeping,
        tool_errors, revision)
    VALUES (1728043200.0, 196, 'haiku', 'first', 'extract', 'easy', 'answered', 1000000001, 100,
        20, 0.5, 1, 0, 1, 'd1', 1, 0, 0, 0, 0, '')""",
    """INSERT INTO days VALUES (20000, 'haiku', 'extract', 'easy', 'first', 1, 1, 0, 0, 0, 1, 1, 0,
        0, 0, 1000000001, 0, 0, 100, 20, 0, 500000, 0, 0, 0, 0)""",
    "INSERT INTO day_latencies VALUES (20000, 'haiku', 'extract', 'easy', 'first', 196, 1)",
)
"""What the first version has written of `answered`."""


def at_version(address: JournalAddress, version: int) -> None:
    engine = engine_of(address, writes=True)
    with engine.begin() as connection:
        assert migrate(connection, min(version, 1)) == 0
        for statement in ROWS if version else ():
            connection.execute(text(statement))
        migrate(connection, version)


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_from_every_version(address: JournalAddress, version: int) -> None:
    at_version(address, version)
    write(address, [answered("d2")])
    decisions = ["d1", "d2"] if version else ["d2"]
    assert read(address) == [answered(decision) for decision in decisions]
    with JournalReader(address) as reader:
        days, sums = reader.days([]), reader.sums([])
    assert days == sums
    assert (days[0].calls, days[0].cost) == (len(decisions), len(decisions) * 1_000_000_001)


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_reader_brings_it_to_the_newest_version_too(
    address: JournalAddress, version: int
) -> None:
    at_version(address, version)
    assert read(address) == [answered("d1")]
    with engine_of(address, writes=False).connect() as connection:
        assert version_of(connection) == NEWEST


def test_the_tables_are_those_that_queries_name(address: JournalAddress) -> None:
    JournalDatabase(address).prepare()
    with engine_of(address, writes=False).connect() as connection:
        made = inspect(connection)
        for name, table in METADATA.tables.items():
            columns = {column["name"] for column in made.get_columns(name)}
            assert columns == set(table.c.keys()), name
        assert set(made.get_table_names()) == {*METADATA.tables, "journal_version"}


def test_a_newer_journal_is_refused(address: JournalAddress) -> None:
    JournalDatabase(address).prepare()
    newer = text("UPDATE journal_version SET version = :version")
    with engine_of(address, writes=True).begin() as connection:
        connection.execute(newer, {"version": NEWEST + 1})
    with pytest.raises(StoreError, match="update policy-router"):
        write(address, [answered()])
    with pytest.raises(StoreError, match="update policy-router"):
        read(address)
