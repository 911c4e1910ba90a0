"""The JSON Schema of policy files, generated and written to a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_schema(path: Path) -> None:
    """Write the schema to a file.

    Raises:
        OSError: The file cannot be written.
    """
    from policy_router.ledger.private_file import write_text  # noqa: PLC0415  not needed for --help

    text = json.dumps(generated(), indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text, replace=True)


def generated() -> dict[str, object]:
    """Return the JSON Schema of policy files."""
    from policy_router.language.schema import generate  # noqa: PLC0415  pydantic is slow to import

    return generate()
