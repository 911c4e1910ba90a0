"""Opening the store at an address."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.errors import StoreError
from policy_router.ledger.address import SqliteAddress, scheme_of
from policy_router.ledger.memory import MemoryStore

if TYPE_CHECKING:
    from policy_router.ledger.address import Clock
    from policy_router.ledger.reader import AuditableStore

SQLITE: Final = "use a Python with `sqlite3` and `fcntl`, on Linux or macOS"
REDIS: Final = "`pip install policy-router[redis]`"


def open_store(url: str, clock: Clock = None) -> AuditableStore:
    """Open the store at an address; a file is created where there is none.

    Args:
        url: An address, see `ledger.address`.
        clock: Unix time in seconds; None is the clock of the host, or of the server.

    Raises:
        UsageError: It is not an address.
        StoreError: The store cannot be used.
    """
    return _OPENERS[scheme_of(url)](url, clock)


def open_view(url: str, clock: Clock = None) -> AuditableStore:
    """Open the store at an address for reading: nothing is written into the folder of a file, and a
    file that does not exist is an error.

    Args:
        url: An address, see `ledger.address`.
        clock: Unix time in seconds; None is the clock of the host, or of the server.

    Raises:
        UsageError: It is not an address.
        StoreError: The store cannot be used; raised later for a file.
    """
    if scheme_of(url) != "sqlite":
        return open_store(url, clock)
    address = SqliteAddress.parse(url)
    module = module_of("sqlite.view", SQLITE)
    address.log_place(creates=False)
    view: AuditableStore = module.SqliteView(
        address.path, address.source(clock), address.timing(module.TIMING)
    )
    return view


def module_of(name: str, needs: str) -> Any:
    """The module of a store, imported late: what it needs may not be installed.

    Args:
        name: The name of the module in `policy_router.ledger`.
        needs: What to do when it cannot be imported.

    Raises:
        StoreError: What it needs is not installed.
    """
    try:
        return import_module(f"policy_router.ledger.{name}")
    except ModuleNotFoundError as error:
        raise StoreError(f"the package `{error.name}` is not installed: {needs}") from error


def _memory(url: str, clock: Clock) -> AuditableStore:
    if url != "memory://":
        raise UsageError("the address of a store in memory has no path: write `memory://`")
    return MemoryStore(clock or time.time)


def _sqlite(url: str, clock: Clock) -> AuditableStore:
    address = SqliteAddress.parse(url)
    module = module_of("sqlite.store", SQLITE)
    address.log_place(creates=True)
    store: AuditableStore = module.SqliteStore(
        address.path, durability=address.durability, timing=address.timing(module.TIMING),
        sight=address.source(clock),
    )  # fmt: skip
    return store


def _redis(url: str, clock: Clock) -> AuditableStore:
    module = module_of("redis.store", REDIS)
    store: AuditableStore = module.RedisStore(url, clock)
    return store


_OPENERS: Final = {
    "memory": _memory, "sqlite": _sqlite, "redis": _redis, "rediss": _redis, "unix": _redis,
}  # fmt: skip
