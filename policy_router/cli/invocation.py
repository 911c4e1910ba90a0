"""How this program is started from the working directory, for hints that can be typed as shown."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

NAME: Final = "policy-router"


def invocation() -> str:
    """The command that starts this program again, such as `.venv/bin/policy-router`.

    Returns:
        The bare name when the shell finds this very program by it; else the path it was started
        by, relative where that is shorter; `PYTHON -m policy_router` when it was started so.
    """
    started = Path(sys.argv[0])
    if started.name != NAME:
        return shlex.join([_short(Path(sys.executable)), "-m", "policy_router"])
    known = shutil.which(NAME)
    if known is not None and Path(known).resolve() == started.resolve():
        return NAME
    return shlex.quote(_short(started))


def _short(path: Path) -> str:
    """The path from the working directory when it lies below it; else the whole path."""
    here, whole = Path.cwd(), Path(os.path.abspath(path))  # noqa: PTH100  a link must stay a link
    if not whole.is_relative_to(here):
        return str(whole)
    below = str(whole.relative_to(here))
    return below if os.sep in below else f".{os.sep}{below}"
