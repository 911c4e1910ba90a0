"""Addresses of journals: what they mean, and that no message shows a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_router.base_errors import UsageError
from policy_router.journal.address import JournalAddress


@pytest.mark.parametrize(
    ("url", "file", "shown"),
    [
        ("sqlite:///journal.db", Path("journal.db"), "journal.db"),
        ("sqlite:////var/a%20b.db", Path("/var/a b.db"), "/var/a b.db"),
        ("postgresql://db/name", None, "postgresql://db/name"),
        ("postgres://ada:hunter2@db:5432/name", None, "postgresql://ada@db:5432/name"),
        (
            "postgresql://ada:p%40ss@db/name?sslmode=require&password=hunter2",
            None,
            "postgresql://ada@db/name?sslmode=require",
        ),
        ("postgresql:///name?host=/run/pg", None, "postgresql:///name?host=/run/pg"),
        ("postgresql://:hunter2@db/name", None, "postgresql://db/name"),
    ],
)
def test_addresses(url: str, file: Path | None, shown: str) -> None:
    address = JournalAddress.parse(url)
    assert address.file == file
    assert str(address) == shown
    assert "hunter2" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "journal.db",
        "memory://",
        "mysql://ada:hunter2@db/name",
        "sqlite://hunter2/journal.db",
        "sqlite:///",
        "sqlite:///journal.db?password=hunter2",
        "postgresql://ada:hunter2@[db/name",
        "postgresql://ada:hunter2@db:port/name",
        "ada:hunter2://x",
    ],
)
def test_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="journal") as raised:
        JournalAddress.parse(url)
    assert "hunter2" not in str(raised.value)


def test_the_file_next_to_a_ledger() -> None:
    address = JournalAddress.next_to(Path("/var/lib/my router.db"))
    assert address.file == Path("/var/lib/my router.journal.db")
    assert JournalAddress.parse(address.url) == address
