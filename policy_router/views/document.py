"""The JSON documents that commands print."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1
"""Version of the JSON that commands print; adding a key does not change it."""


def document(**fields: object) -> dict[str, object]:
    """Return a JSON document: its fields after the version of the format."""
    return {"schema_version": SCHEMA_VERSION, **fields}
