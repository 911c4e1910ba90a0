"""The file of a journal, which only its owner may read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from policy_router.errors import StoreError
from policy_router.ledger import private_file

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.journal.address import JournalAddress


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
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"the journal `{path}` cannot be used: {reason}") from error
    return path


def file_id(address: JournalAddress) -> tuple[int, int] | None:
    """The device and inode of a journal's file; None when there is no file at its path.

    An open connection keeps writing to a file that has been deleted or moved, and those rows are
    lost. When the value changes, the connection must be opened again.
    """
    if address.file is None:
        return None
    try:
        status = address.file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
