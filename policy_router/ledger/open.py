"""A store by its address.

    memory://                                      in this process, gone with it
    sqlite:///router.db                            a file, from the working directory
    sqlite:////var/lib/router.db                   a file, from the root
    sqlite:///router.db?durability=strict          no commit is lost with the power
    ...?patience=1                                 seconds until a store counts as out of reach
    sqlite:///router.db?clock=wall                 the wall clock is believed, whatever uptime says
    redis://host:6379/0, rediss://..., unix://...  a server, for several hosts

In the path of a file `%20` is a space and `%3F` a question mark.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.errors import StoreError
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.patience import read_patience
from policy_router.ledger.store import LedgerReader, Store
from policy_router.ledger.uptime import source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policy_router.ledger.clock import Source
    from policy_router.ledger.sqlite.clock import Reset
    from policy_router.ledger.sqlite.timing import Timing

    Clock: TypeAlias = Callable[[], float] | None

FORMS: Final = "`memory://`, `sqlite:////path/to/file.db` and `redis://host:6379`"
SQLITE: Final = "use a Python with `sqlite3` and `fcntl`, on Linux or macOS"
CHOICES: Final = {"durability": ("normal", "strict"), "clock": ("uptime", "wall")}
FILES: Final = (*CHOICES, "patience")
"""What may stand in the query of a file's address."""
LOG: Final = logging.getLogger(__name__)


class AuditableStore(Store, LedgerReader, Protocol):
    """A store that can be audited."""


def open_store(url: str, clock: Clock = None) -> AuditableStore:
    """The store at an address; a file is made where there is none.

    clock: Unix time; None is the host's clock, or the server's. Raises UsageError for an address
    that makes no sense, StoreError for a store that cannot be used.
    """
    scheme, separator, _ = url.partition("://")
    opens = _OPENS.get(scheme)
    if opens is None or not separator:
        # Nothing after the scheme is repeated: it may hold a password.
        hint = f"addresses are {FORMS}"
        raise UsageError(f"no store has an address like `{scheme}`: {_meant(scheme, _OPENS, hint)}")
    return opens(url, clock)


async def examine(url: str, clock: Clock = None) -> tuple[Diagnosis, ...]:
    """What an operator should know of the store at an address; nothing is made. Raises UsageError,
    and StoreError for a server that cannot be asked."""
    scheme, _, _ = url.partition("://")
    if scheme == "sqlite":
        place = sqlite_path(url)
        module = _imported("sqlite.diagnosis", SQLITE)
        sight = place.source(clock)()
        found: tuple[Diagnosis, ...] = await asyncio.to_thread(module.examine, place.path, sight)
        where = relative(place.path)
        return found if where is None else (*found, where)
    store: Any = open_store(url, clock)
    if isinstance(store, MemoryStore):
        help_ = "use a file, or a server, for budgets that outlive the process"
        return (
            Diagnosis("memory", Severity.NOTE, "what is counted is gone with the process", help_),
        )
    try:
        found = await store.findings()
    finally:
        await store.aclose()
    return found


def _memory(url: str, clock: Clock) -> AuditableStore:
    if url != "memory://":
        raise UsageError("a store in memory has no place: write `memory://`")
    return MemoryStore(clock or time.time)


def _sqlite(url: str, clock: Clock) -> AuditableStore:
    place = sqlite_path(url)
    module = _imported("sqlite.store", SQLITE)
    place.warn(creates=True)
    store: AuditableStore = module.SqliteStore(
        place.path, durability=place.durability, timing=place.timing(module.TIMING),
        sight=place.source(clock),
    )  # fmt: skip
    return store


def open_view(url: str, clock: Clock = None) -> AuditableStore:
    """The store at an address for those who only read: in the folder of a file nothing is written,
    and a file that is not there is an error. Raises as `open_store` does, also later."""
    if not url.startswith("sqlite:"):
        return open_store(url, clock)
    place = sqlite_path(url)
    module = _imported("sqlite.view", SQLITE)
    place.warn(creates=False)
    view: AuditableStore = module.SqliteView(
        place.path, place.source(clock), place.timing(module.TIMING)
    )
    return view


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """What the address of a file says. clock: `uptime` or `wall`, which is believed. patience:
    seconds; None is as usual."""

    path: str
    durability: str = "normal"
    clock: str = "uptime"
    patience: float | None = None

    def timing(self, usual: Timing) -> Timing:
        """How long things may take."""
        return usual if self.patience is None else replace(usual, patience=self.patience)

    def source(self, clock: Clock) -> Source:
        """Where its ledger takes the time from."""
        believed = self.clock == "wall" and (clock is None or clock is time.time)
        return source((lambda: time.time()) if believed else clock)  # noqa: PLW0108  not time.time

    def warn(self, *, creates: bool) -> None:
        """Says in the log where the file is, when the address may mean another place, or means one
        where there was none before. creates: a file that is not there is made."""
        finding = relative(self.path)
        if finding is None:
            return
        new = creates and not Path(self.path).exists()
        ledger = "the address of this new ledger" if new else "the ledger's address"
        level = logging.WARNING if new or finding.level is Severity.WARNING else logging.INFO
        LOG.log(level, "%s %s; %s", ledger, finding.text, finding.help)


def relative(path: str) -> Diagnosis | None:
    """What is to be said of a path that is relative to the working directory."""
    if Path(path).is_absolute():
        return None
    where = Path(path).absolute()
    text = f"is relative to the working directory: this is {where}"
    first = Path(path).parts[0]
    address = f"`sqlite:///{quote(str(where))}`"
    if Path("/", first).is_dir():
        help_ = f"write `sqlite:////{quote(path)}` for /{path}, or {address} for this file"
        return Diagnosis("address", Severity.WARNING, text, help_)
    help_ = f"{address} is this file from everywhere"
    return Diagnosis("address", Severity.NOTE, text, help_)


def set_time(url: str) -> Reset:
    """Sets the time of the ledger in a file to this machine's clock. Raises UsageError for another
    address, StoreError for a file that cannot be used."""
    if not url.startswith("sqlite:"):
        raise UsageError("only a ledger in a file keeps a time that can be set")
    place = sqlite_path(url)
    module = _imported("sqlite.repair", SQLITE)
    timing = place.timing(module.TIMING)
    done: Reset = module.set_time(place.path, place.source(None)(), timing)
    return done


def sqlite_path(url: str) -> SqlitePlace:
    """What the address of a file says. Raises UsageError."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        meant = f"sqlite:///{parts.netloc}{parts.path}" if parts.netloc else "sqlite:///router.db"
        raise UsageError(f"the address of a file begins with three slashes: `{meant}`")
    patience: float | None = None
    chosen = {"durability": "normal", "clock": "uptime"}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "patience":
            patience = read_patience(value)
        elif name not in CHOICES:
            hint = "it may have `durability`, `clock` and `patience`"
            raise UsageError(f"a file's address knows no `{name}`: {_meant(name, FILES, hint)}")
        elif value not in CHOICES[name]:
            either = " or ".join(f"`{each}`" for each in CHOICES[name])
            hint = _meant(value, CHOICES[name], f"it is {either}")
            raise UsageError(f"no {name} is called `{value}`: {hint}")
        else:
            chosen[name] = value
    return SqlitePlace(path, **chosen, patience=patience)


def _redis(url: str, clock: Clock) -> AuditableStore:
    module = _imported("redis.store", "`pip install policy-router[redis]`")
    store: AuditableStore = module.RedisStore(url, clock)
    return store


def _imported(name: str, needs: str) -> Any:
    """The module of a store: imported late, for what it needs may not be there."""
    try:
        return import_module(f"policy_router.ledger.{name}")
    except ModuleNotFoundError as error:
        raise StoreError(f"the package `{error.name}` is not there: {needs}") from error


_OPENS: Final = {
    "memory": _memory, "sqlite": _sqlite, "redis": _redis, "rediss": _redis, "unix": _redis,
}  # fmt: skip


def _meant(word: str, known: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(word.casefold(), known, 1)
    return f"did you mean `{close[0]}`?" if close else otherwise
