"""The state store that a command uses, open for as long as the command runs."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Final,
    NoReturn,
    Protocol,
    TypeAlias,
    runtime_checkable,
)
from urllib.parse import quote

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import choose, open_policy
from policy_router.cli.output import fail, inform
from policy_router.diagnostics import printable
from policy_router.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

    from policy_router.ledger.clock import Moment
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.reader import AuditableStore
    from policy_router.ledger.store import Store

VARIABLE: Final = "POLICY_ROUTER_STATE"
FIX: Final = "run `policy-router doctor --fix`"
State: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="URL",
        help="State store: sqlite:///PATH or redis://HOST. [a file for each policy]",
    ),
]
"""The option of every command that reads or writes counters."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """The address of a state store.

    Attributes:
        url: The address, which may hold a password.
    """

    url: str

    @property
    def file(self) -> Path | None:
        """The file of an SQLite store; None for any other store. Raises UsageError."""
        from policy_router.ledger.address import SqliteAddress  # noqa: PLC0415  not needed for --help

        return Path(SqliteAddress.parse(self.url).path) if self.url.startswith("sqlite:") else None

    @property
    def missing(self) -> bool:
        """Whether there is no file, so that nothing was ever counted. Raises UsageError."""
        return self.file is not None and not self.file.exists()

    def open_to_repair(self) -> AbstractAsyncContextManager[AuditableStore]:
        """Open the store so that a data loss can be accepted; a missing file stays missing."""
        return opened(self, create=not self.missing)

    def __str__(self) -> str:
        """Return the address without the password."""
        if self.url.startswith("sqlite:"):
            return printable(self.url)
        shown = re.sub(r"://([^:@]*):.*@", r"://\1:***@", self.url)
        return printable(re.sub(r"\bpassword=[^&]*", "password=***", shown))


def named_location(given: str | None) -> StoreLocation | None:
    """Return the address that the option or the environment names; end the command if invalid."""
    url = given or os.environ.get(VARIABLE)
    if not url:
        return None
    location = StoreLocation(url)
    try:
        _ = location.file
    except UsageError as error:
        fail(str(error))
    return location


def location_of(given: str | None, policy: str, path: Path) -> StoreLocation:
    """Return the address that the option or the environment names, else the file of a policy.

    Args:
        given: Value of the option.
        policy: Name of the policy.
        path: Path of the policy; policies of one name at two paths have two files.
    """
    named = named_location(given)
    if named is not None:
        return named
    base = os.environ.get("XDG_STATE_HOME", "")
    # The specification of this variable says to ignore a relative path.
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    name = re.sub(r"[^\w.-]+", "-", policy)[:64]
    file = home / "policy-router" / f"{name}-{digest}.db"
    return StoreLocation(f"sqlite:///{quote(os.fsencode(file))}")


def find_place(given: str | None, policy: Path | None) -> StoreLocation:
    """Return the same for a command that needs the policy only for its name."""
    named = named_location(given)
    if named is not None:
        return named
    path = choose(policy)
    return location_of(given, open_policy(path, broken=ExitCode.USAGE).name, path)


@asynccontextmanager
async def opened(location: StoreLocation, *, create: bool = False) -> AsyncIterator[AuditableStore]:
    """Open a store; what is logged in the meantime goes to standard error.

    Args:
        location: The address of the store.
        create: Whether to open it for writing, and create it if it does not exist. Otherwise
            nothing is written, and a missing file is an empty store.

    Raises:
        StoreError: The store cannot be opened.
    """
    with _logged():
        store = _open(location, create=create)
        try:
            yield store
        finally:
            await store.aclose()


@asynccontextmanager
async def reached(location: StoreLocation, *, create: bool = False) -> AsyncIterator[Store]:
    """Open a store; one that cannot be opened raises StoreError when it is used."""
    with _logged():
        store: Store
        try:
            store = _open(location, create=create)
        except StoreError as error:
            store = Unreachable(error)
        try:
            yield store
        finally:
            await store.aclose()


def _open(location: StoreLocation, *, create: bool) -> AuditableStore:
    from policy_router.ledger.memory import MemoryStore  # noqa: PLC0415  not needed for --help
    from policy_router.ledger.open import open_store, open_view  # noqa: PLC0415

    try:
        if create:
            return open_store(location.url)
        return MemoryStore() if location.missing else open_view(location.url)
    except UsageError as error:
        fail(str(error))


async def lost_data(store: AuditableStore) -> Loss | None:
    """Return the data loss of a store, if any. Raises StoreError."""
    from policy_router.ledger.store import Continuous  # noqa: PLC0415  not needed for --help

    await store.read(())
    return store.loss if isinstance(store, Continuous) else None


@runtime_checkable
class Timed(Protocol):
    """A store with a clock of its own."""

    async def moment(self) -> Moment:
        """Return the time of the store. Raises StoreError."""
        ...


async def warn_of_clock(store: AuditableStore) -> None:
    """Warn when the clock of a store differs from the one of this machine. Raises StoreError."""
    from policy_router.ledger.clock import CLOSE, describe_offset  # noqa: PLC0415  not needed for --help

    if isinstance(store, Timed):
        off = (await store.moment()).offset
        if abs(off) > CLOSE:
            inform(
                [("warning", "bold yellow"), (f": {describe_offset(off)}", "")],
                [("   = help:", "green"), (" if the clock is right, ", ""), (FIX, "")],
            )


class Unreachable:
    """A store that could not be opened: every operation raises the reason."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    async def _fail(self, *_: object) -> NoReturn:
        raise self._error

    read = reserve = renew = settle = release = _fail

    async def aclose(self) -> None:
        """Close nothing: nothing is open."""


@contextmanager
def _logged() -> Iterator[None]:
    logger, handler = logging.getLogger("policy_router"), _LogToStderr()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _LogToStderr(logging.Handler):
    """Writes the log of the package to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "bold red" if record.levelno >= logging.ERROR else "bold yellow"
        text = printable(record.getMessage())
        inform([(record.levelname.lower(), style), (f": {text}", "")])
