"""How far back a command looks."""

from __future__ import annotations

import re
import time
from typing import Annotated, Final, TypeAlias

import typer

from policy_router.cli.option_values import wrong
from policy_router.quoting import quoted

Since: TypeAlias = Annotated[
    str, typer.Option("--since", metavar="AGE", help="How far back: 24h, 30d, 12w.")
]
"""The option of every command that looks back."""
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 604_800}


def beginning(age: str) -> float:
    """Return the Unix time that lies an age ago, such as `30d`; end the command if wrong."""
    found = _AGE.fullmatch(age)
    if found is None:
        raise wrong("--since", f"`{quoted(age)}` is not an age; write it like 24h, 30d or 12w")
    return time.time() - float(found[1]) * _SECONDS[found[2]]
