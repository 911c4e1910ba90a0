"""A store by its address.

    memory://                                      in this process, gone with it
    sqlite:///router.db                            a file, from the working directory
    sqlite:////var/lib/router.db                   a file, from the root
    sqlite:///router.db?durability=strict          no commit is lost with the power
    ...?patience=1                                 seconds until a store counts as out of reach
    redis://host:6379/0, rediss://..., unix://...  a server, for several hosts

In the path of a file `%20` is a space and `%3F` a question mark.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from policy_router.diagnostics import Severity
from policy_router.errors import StoreError, UsageError
from policy_router.state.findings import Finding
from policy_router.state.memory import MemoryStore
from policy_router.state.patience import read_patience
from policy_router.state.store import Books, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Clock: TypeAlias = Callable[[], float] | None

FORMS: Final = "`memory://`, `sqlite:///path/to/file.db` and `redis://host:6379`"
SQLITE: Final = "use a Python with `sqlite3` and `fcntl`, on Linux or macOS"
FILES: Final = ("durability", "patience")
"""What may stand in the query of a file's address."""
DURABILITIES: Final = ("normal", "strict")


class Ledger(Store, Books, Protocol):
    """A store that can be audited."""


def open_store(url: str, clock: Clock = None) -> Ledger:
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


async def examine(url: str, clock: Clock = None) -> tuple[Finding, ...]:
    """What an operator should know of the store at an address; nothing is made. Raises UsageError,
    and StoreError for a server that cannot be asked."""
    scheme, _, _ = url.partition("://")
    if scheme == "sqlite":
        path, _ = sqlite_path(url)
        module = _imported("sqlite_findings", SQLITE)
        now = (clock or time.time)()
        found: tuple[Finding, ...] = await asyncio.to_thread(module.examine, path, now)
        return found
    store: Any = open_store(url, clock)
    if isinstance(store, MemoryStore):
        help_ = "use a file, or a server, for budgets that outlive the process"
        return (
            Finding("memory", Severity.NOTE, "what is counted is gone with the process", help_),
        )
    try:
        found = await store.findings()
    finally:
        await store.aclose()
    return found


def _memory(url: str, clock: Clock) -> Ledger:
    if url != "memory://":
        raise UsageError("a store in memory has no place: write `memory://`")
    return MemoryStore(clock or time.time)


def _sqlite(url: str, clock: Clock) -> Ledger:
    path, durability = sqlite_path(url)
    module = _imported("sqlite", SQLITE)
    pace = replace(module.DEFAULT, **_patience(url))
    store: Ledger = module.SqliteStore(path, clock or time.time, durability, pace)
    return store


def _patience(url: str) -> dict[str, float]:
    """The patience in the address of a file, where it has one."""
    options = parse_qsl(urlsplit(url).query)
    return {name: read_patience(value) for name, value in options if name == "patience"}


def sqlite_path(url: str) -> tuple[str, str]:
    """The path and the durability in the address of a file."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        meant = f"sqlite:///{parts.netloc}{parts.path}" if parts.netloc else "sqlite:///router.db"
        raise UsageError(f"the address of a file begins with three slashes: `{meant}`")
    durability = "normal"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in FILES:
            hint = "it may have `durability` and `patience`"
            raise UsageError(f"a file's address knows no `{name}`: {_meant(name, FILES, hint)}")
        if name == "patience":
            read_patience(value)
            continue
        if value not in DURABILITIES:
            hint = _meant(value, DURABILITIES, "it is `normal` or `strict`")
            raise UsageError(f"no durability is called `{value}`: {hint}")
        durability = value
    return path, durability


def _redis(url: str, clock: Clock) -> Ledger:
    module = _imported("redis", "`pip install policy-router[redis]`")
    store: Ledger = module.RedisStore(url, clock)
    return store


def _imported(name: str, needs: str) -> Any:
    """The module of a store: imported late, for what it needs may not be there."""
    try:
        return import_module(f"policy_router.state.{name}")
    except ModuleNotFoundError as error:
        raise StoreError(f"the package `{error.name}` is not there: {needs}") from error


_OPENS: Final = {
    "memory": _memory, "sqlite": _sqlite, "redis": _redis, "rediss": _redis, "unix": _redis,
}  # fmt: skip


def _meant(word: str, known: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(word.casefold(), known, 1)
    return f"did you mean `{close[0]}`?" if close else otherwise
