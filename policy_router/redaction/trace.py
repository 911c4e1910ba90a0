"""Describes an exception without any value of the program."""

from __future__ import annotations

from pathlib import PurePath
from traceback import walk_tb
from typing import Final

_CHAIN: Final = 5
"""Exceptions of a chain that are described."""
_FRAMES: Final = 6
"""Places of each that are named."""


def frames(error: BaseException) -> str:
    """Describe an exception and its causes as class names and places.

    Messages and variables are left out, since they may contain the prompt.
    """
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen and len(parts) < _CHAIN:
        seen.add(id(cause))
        places = [
            f"{PurePath(frame.f_code.co_filename).name}:{number} in {frame.f_code.co_name}"
            for frame, number in walk_tb(cause.__traceback__)
        ]
        parts.append(" < ".join([type(cause).__name__, *reversed(places[-_FRAMES:])]))
        cause = cause.__cause__ or cause.__context__
    return "; from ".join(parts)
