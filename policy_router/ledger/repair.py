"""What an operator can repair in the store at an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.ledger.address import SqliteAddress, scheme_of
from policy_router.ledger.open import SQLITE, module_of

if TYPE_CHECKING:
    from policy_router.ledger.sqlite.clock import Reset


def set_time(url: str) -> Reset:
    """Set the time of the ledger in a file to this machine's clock.

    Raises:
        UsageError: It is not the address of a file.
        StoreError: The file cannot be used.
    """
    if scheme_of(url) != "sqlite":
        raise UsageError("only a ledger in a file keeps a time that can be set")
    address = SqliteAddress.parse(url)
    module = module_of("sqlite.repair", SQLITE)
    timing = address.timing(module.TIMING)
    done: Reset = module.set_time(address.path, address.source(None)(), timing)
    return done
