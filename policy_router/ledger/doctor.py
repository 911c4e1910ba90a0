"""What an operator should know about the store at an address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from policy_router.diagnostics import Severity
from policy_router.ledger.address import SqliteAddress, relative, scheme_of
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.open import SQLITE, module_of, open_store

if TYPE_CHECKING:
    from policy_router.ledger.address import Clock

IN_MEMORY = Diagnosis(
    "memory",
    Severity.WARNING,
    "loses what it counted when the process ends",
    "keep counters in a file or in Redis for budgets that outlive the process",
)


@runtime_checkable
class Diagnosable(Protocol):
    """A store that can tell what an operator should know about it."""

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """The diagnoses, of any level. Raises StoreError."""
        ...


async def diagnose(url: str, clock: Clock = None) -> tuple[Diagnosis, ...]:
    """What an operator should know about the store at an address. Nothing is created or changed.

    Args:
        url: An address, see `ledger.address`.
        clock: Unix time in seconds; None is the clock of the host.

    Raises:
        UsageError: It is not an address.
        StoreError: The server cannot be reached.
    """
    if scheme_of(url) == "sqlite":
        address = SqliteAddress.parse(url)
        module = module_of("sqlite.diagnosis", SQLITE)
        clocks = address.source(clock)()
        diagnoses: tuple[Diagnosis, ...] = await asyncio.to_thread(
            module.diagnose, address.path, clocks
        )
        where = relative(address.path)
        return diagnoses if where is None else (*diagnoses, where)
    store = open_store(url, clock)
    try:
        return await store.diagnose() if isinstance(store, Diagnosable) else (IN_MEMORY,)
    finally:
        await store.aclose()
