"""The file of a journal, which only its owner may read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from policy_router.errors import StoreError
from policy_router.ledger import private_file

if TYPE_CHECKING:
    from pathlib import Path


def prepare_file(path: Path) -> Path:
    """Create the file of a journal with its folder, unless it exists.

    Returns:
        Its path without links.

    Raises:
        StoreError: It cannot be created, or is a file that must not be used.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = private_file.resolve(path.parent) / path.name
        if private_file.inspect(path) is None:
            os.close(private_file.create(path))
    except FileExistsError:
        pass  # another process was faster
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"the journal `{path}` cannot be used: {reason}") from error
    return path
