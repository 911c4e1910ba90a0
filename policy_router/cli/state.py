"""Which store of counters a command uses, and that store for as long as the command lasts."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import typer

from policy_router.cli.screen import fail, say
from policy_router.diagnostics import printable
from policy_router.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from policy_router.observe.usage import Accounts

VARIABLE: Final = "POLICY_ROUTER_STATE"
State: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="URL",
        help="Where counters are kept: sqlite:///PATH or redis://HOST. [a file of this policy]",
    ),
]
"""The option that every command has which counts."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where counters are kept."""

    url: str

    @property
    def file(self) -> Path | None:
        """The file of an SQLite store; None for another."""
        scheme, _, path = self.url.partition(":///")
        return Path(path) if scheme == "sqlite" and path else None

    @property
    def missing(self) -> bool:
        """Whether nothing was ever counted here, because there is no file."""
        return self.file is not None and not self.file.exists()

    def __str__(self) -> str:
        """The URL without a password."""
        password = urlsplit(self.url).password
        shown = self.url.replace(f":{password}@", ":***@", 1) if password else self.url
        return printable(shown)


def told_place(given: str | None) -> Place | None:
    """The place that the option or the environment names."""
    url = given or os.environ.get(VARIABLE)
    return Place(url) if url else None


def place_of(given: str | None, policy: str, path: Path) -> Place:
    """The place that the option or the environment names, else the file of the policy of that name
    at that path, in the user's folder for state."""
    told = told_place(given)
    if told is not None:
        return told
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative path there is to be ignored, says the specification of that variable.
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    name = re.sub(r"[^\w.-]+", "-", policy)[:64]
    return Place(f"sqlite:///{home / 'policy-router' / f'{name}-{digest}.db'}")


@asynccontextmanager
async def opened(place: Place, *, create: bool = False) -> AsyncIterator[Accounts]:
    """The store at a place; what is logged meanwhile goes to stderr. Without `create`, a file that
    is not there counts as empty, and is not made. Raises StoreError."""
    from policy_router.state.memory import MemoryStore  # noqa: PLC0415  not needed for --help
    from policy_router.state.open import open_store  # noqa: PLC0415

    logger, handler = logging.getLogger("policy_router"), _Said()
    logger.addHandler(handler)
    try:
        if place.missing and not create:
            store: Accounts = MemoryStore(time.time)
        else:
            try:
                store = open_store(place.url, time.time)
            except UsageError as error:
                fail(str(error))
        try:
            yield store
        finally:
            await store.aclose()
    finally:
        logger.removeHandler(handler)


class _Said(logging.Handler):
    """What the package logs, as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "bold red" if record.levelno >= logging.ERROR else "bold yellow"
        text = printable(record.getMessage())
        say([(record.levelname.lower(), style), (f": {text}", "")])
