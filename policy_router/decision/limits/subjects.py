"""Whose counter of a limit a request falls under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import ANYONE

if TYPE_CHECKING:
    from policy_router.domain.limits import Limit
    from policy_router.domain.request import Request
    from policy_router.ledger.store import Attribution


def subject_of(limit: Limit, source: Request | Attribution) -> str:
    """Whose counter of a limit applies.

    Args:
        limit: The limit, which may count per user, team, tenant, key or session.
        source: The request, or what the ledger recorded of one.

    Returns:
        The name of the user, team, tenant or session, shortened if it is long; a hash of the key;
        or `ANYONE` where all share one counter or the request does not name one.
    """
    if limit.per is None:
        return ANYONE
    name = getattr(source, limit.per)
    if not name:
        return ANYONE
    return key_id(str(name)) if limit.per == "key" else bounded_id(str(name))


def limit_for(limit: Limit, source: Request | Attribution) -> Limit:
    """The limit with the cap of a request's subject, which `overrides` may name."""
    return limit.of(subject_of(limit, source)) if limit.overrides else limit
