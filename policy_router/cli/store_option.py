"""Which store of counters a command uses, and that store for as long as the command lasts."""

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
from policy_router.cli.output import fail, inform
from policy_router.cli.policy import choose, open_policy
from policy_router.diagnostics import printable
from policy_router.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

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
        help="Where counters are kept: sqlite:///PATH or redis://HOST. [a file of this policy]",
    ),
]
"""The option that every command has which counts."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where counters are kept."""

    url: str

    @property
    def file(self) -> Path | None:
        """The file of an SQLite store; None for another. Raises UsageError."""
        from policy_router.ledger.address import SqliteAddress  # noqa: PLC0415  not needed for --help

        return Path(SqliteAddress.parse(self.url).path) if self.url.startswith("sqlite:") else None

    @property
    def missing(self) -> bool:
        """Whether nothing was ever counted here, because there is no file. Raises UsageError."""
        return self.file is not None and not self.file.exists()

    def __str__(self) -> str:
        """The URL without a password."""
        if self.url.startswith("sqlite:"):
            return printable(self.url)
        shown = re.sub(r"://([^:@]*):.*@", r"://\1:***@", self.url)
        return printable(re.sub(r"\bpassword=[^&]*", "password=***", shown))


def told_place(given: str | None) -> StoreLocation | None:
    """The place that the option or the environment names; ends the command when it is none."""
    url = given or os.environ.get(VARIABLE)
    if not url:
        return None
    place = StoreLocation(url)
    try:
        _ = place.file
    except UsageError as error:
        fail(str(error))
    return place


def place_of(given: str | None, policy: str, path: Path) -> StoreLocation:
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
    file = home / "policy-router" / f"{name}-{digest}.db"
    return StoreLocation(f"sqlite:///{quote(os.fsencode(file))}")


def find_place(given: str | None, policy: Path | None) -> StoreLocation:
    """The same for a command that needs a policy for its file's name alone."""
    told = told_place(given)
    if told is not None:
        return told
    path = choose(policy)
    return place_of(given, open_policy(path, broken=ExitCode.USAGE).name, path)


@asynccontextmanager
async def opened(place: StoreLocation, *, create: bool = False) -> AsyncIterator[AuditableStore]:
    """The store at a place; what is logged meanwhile goes to stderr. Without `create` it is for
    reading: nothing is written, and a file that is not there counts as empty. Raises StoreError."""
    with _said():
        store = _open(place, create=create)
        try:
            yield store
        finally:
            await store.aclose()


@asynccontextmanager
async def reached(place: StoreLocation, *, create: bool = False) -> AsyncIterator[Store]:
    """The same, but that a store which cannot be opened is one out of reach."""
    with _said():
        store: Store
        try:
            store = _open(place, create=create)
        except StoreError as error:
            store = Unreachable(error)
        try:
            yield store
        finally:
            await store.aclose()


def _open(place: StoreLocation, *, create: bool) -> AuditableStore:
    from policy_router.ledger.memory import MemoryStore  # noqa: PLC0415  not needed for --help
    from policy_router.ledger.open import open_store, open_view  # noqa: PLC0415

    try:
        if create:
            return open_store(place.url)
        return MemoryStore() if place.missing else open_view(place.url)
    except UsageError as error:
        fail(str(error))


async def lost_data(store: AuditableStore) -> Loss | None:
    """What a store has lost, as it shows now. Raises StoreError."""
    from policy_router.ledger.store import Continuous  # noqa: PLC0415  not needed for --help

    await store.read(())
    return store.loss if isinstance(store, Continuous) else None


@runtime_checkable
class Timed(Protocol):
    """A store that knows how its time stands to this machine's clock."""

    async def moment(self) -> Moment:
        """The store's time. Raises StoreError."""
        ...


async def warn_of_clock(store: AuditableStore) -> None:
    """Says on stderr when a ledger's time is off this machine's clock. Raises StoreError."""
    from policy_router.ledger.clock import CLOSE, beside  # noqa: PLC0415  not needed for --help

    if isinstance(store, Timed):
        off = (await store.moment()).offset
        if abs(off) > CLOSE:
            inform(
                [("warning", "bold yellow"), (f": {beside(off)}", "")],
                [("   = help:", "green"), (" if the clock is right, ", ""), (FIX, "")],
            )


class Unreachable:
    """A store that could not be opened: every verb says why."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    async def _fail(self, *_: object) -> NoReturn:
        raise self._error

    read = reserve = renew = settle = release = _fail

    async def aclose(self) -> None:
        """Nothing to let go of."""


@contextmanager
def _said() -> Iterator[None]:
    logger, handler = logging.getLogger("policy_router"), _Said()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Said(logging.Handler):
    """What the package logs, as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "bold red" if record.levelno >= logging.ERROR else "bold yellow"
        text = printable(record.getMessage())
        inform([(record.levelname.lower(), style), (f": {text}", "")])
