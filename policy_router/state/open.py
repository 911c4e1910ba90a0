"""A store by its address.

    memory://                                      in this process, gone with it
    sqlite:///router.db                            a file, from the working directory
    sqlite:////var/lib/router.db                   a file, from the root
    sqlite:///router.db?durability=strict          no commit is lost with the power
    redis://host:6379/0, rediss://..., unix://...  a server, for several hosts

In the path of a file `%20` is a space and `%3F` a question mark.
"""

from __future__ import annotations

import time
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from policy_router.errors import StoreError, UsageError
from policy_router.state.memory import MemoryStore
from policy_router.state.store import Books, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Clock: TypeAlias = Callable[[], float] | None

FORMS: Final = "`memory://`, `sqlite:///path/to/file.db` and `redis://host:6379`"
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


def _memory(url: str, clock: Clock) -> Ledger:
    if url != "memory://":
        raise UsageError("a store in memory has no place: write `memory://`")
    return MemoryStore(clock or time.time)


def _sqlite(url: str, clock: Clock) -> Ledger:
    path, durability = sqlite_path(url)
    module = _imported("sqlite", "a Python with `sqlite3` and `fcntl`, on Linux or macOS")
    store: Ledger = module.SqliteStore(path, clock or time.time, durability)
    return store


def sqlite_path(url: str) -> tuple[str, str]:
    """The path and the durability in the address of a file."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        meant = f"sqlite:///{parts.netloc}{parts.path}" if parts.netloc else "sqlite:///router.db"
        raise UsageError(f"the address of a file begins with three slashes: `{meant}`")
    durability = "normal"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "durability":
            raise UsageError(f"a file's address knows no `{name}`: write `?durability=strict`")
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
