"""What is said of a journal that cannot be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from policy_router.errors import StoreError
from policy_router.journal.address import JournalAddress
from tests.journal.make import answered, read, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def address(tmp_path: Path) -> JournalAddress:
    """A journal with one row."""
    address = JournalAddress.parse(f"sqlite:///{tmp_path}/journal.db")
    write(address, [answered()])
    return address


def why(address: JournalAddress) -> str:
    with pytest.raises(StoreError) as caught:
        read(address)
    return str(caught.value)


def test_a_file_that_is_no_database(address: JournalAddress) -> None:
    assert address.file is not None
    address.file.write_text("something else\n" * 500)
    assert "cannot be read: it is not a database; name another file" in why(address)


def test_a_damaged_file(address: JournalAddress) -> None:
    assert address.file is not None
    with closing(sqlite3.connect(address.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = address.file.read_bytes()
    address.file.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read: it is damaged; restore it from a backup" in why(address)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM journal_version",
        "INSERT INTO journal_version VALUES (1)",
        "UPDATE journal_version SET version = 'x'",
    ],
)
def test_a_journal_without_a_version(address: JournalAddress, change: str) -> None:
    assert address.file is not None
    with closing(sqlite3.connect(address.file)) as connection, connection:
        connection.execute(change)
    assert "does not hold one number" in why(address)


def test_a_server_that_is_not_there() -> None:
    address = JournalAddress.parse("postgresql://someone:secret@127.0.0.1:1/none")
    assert "the server cannot be reached" in why(address)
    assert "secret" not in why(address)


def test_a_journal_that_lacks_a_table(address: JournalAddress) -> None:
    assert address.file is not None
    with closing(sqlite3.connect(address.file)) as connection, connection:
        connection.execute("DROP TABLE outcomes")
    assert "cannot be read: it is no journal, or lacks a part of one" in why(address)
