"""Statements over many rows of a SQLite ledger.

Few large statements are faster than many small ones, because each releases Python's global lock and
may wait to get it back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

WIDEST: Final = 256
"""The most rows or keys of one statement."""

FEW: Final = 1000
"""The most rows of a table that are deleted in one step."""


def find(
    connection: sqlite3.Connection, statement: str, keys: Sequence[str], *more: object
) -> list[Any]:
    """Run a statement for many keys, whose list replaces `{}`."""
    rows: list[Any] = []
    for start in range(0, len(keys), WIDEST):
        some = list(keys[start : start + WIDEST])
        width = 1 << (len(some) - 1).bit_length()  # few widths, so that statements are reused
        padding = some[-1:] * (width - len(some))
        text = _filled(statement, "?", width)
        rows += connection.execute(text, (*some, *padding, *more)).fetchall()
    return rows


def many(connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[object]]) -> None:
    """Run a statement for many rows, whose list replaces `{}`."""
    start = 0
    while start < len(rows):
        width = min(1 << ((len(rows) - start).bit_length() - 1), WIDEST)
        some = rows[start : start + width]
        marks = "(" + ",".join("?" * len(some[0])) + ")"
        connection.execute(_filled(statement, marks, width), [v for row in some for v in row])
        start += width


@lru_cache(maxsize=512)
def _filled(statement: str, marks: str, width: int) -> str:
    return statement.format(",".join([marks] * width))
