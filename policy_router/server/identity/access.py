"""Which callers may use which endpoint, and how callers are identified."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from policy_router.quoting import quoted
from policy_router.server.identity.principal import LOCAL_USER
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from policy_router.server.identity.principal import Principal


_KEPT: Final = 256
"""Addresses and names of hosts whose reading is remembered; each client repeats its own."""


class Access(StrEnum):
    """Who may call an endpoint.

    EVERYONE: anybody, without a key. CALLERS: anyone with a key. ADMINS: anyone with a key with
    `admin`.
    """

    EVERYONE = "everyone"
    CALLERS = "callers"
    ADMINS = "admins"


class Identify(Protocol):
    """Says who makes a call."""

    def __call__(self, connection: HTTPConnection) -> Principal:
        """Return the caller.

        Args:
            connection: The call, of which the headers and the address are known.

        Raises:
            RefusedCallError: The caller is unknown or may not make this call.
        """
        ...


def local_user(connection: HTTPConnection) -> Principal:
    """Take every call from this machine for its user: what a server without keys does.

    A page in a browser on this machine could call it as well. So the address that was called must
    be one of this machine, and a page must come from there.

    Raises:
        RefusedCallError: The call comes from another machine or from a page of another site.
    """
    client, headers = connection.client, connection.headers
    if any(name in headers for name in _FORWARDED):
        raise RefusedCallError(
            403, "local_only", "this server has no keys, so no proxy may call it for others"
        )
    if client is not None and not _is_loopback(client.host):
        raise RefusedCallError(
            403, "local_only", "this server has no keys, so it answers only its own machine"
        )
    host = headers.get("host", "")
    if not is_local_name(_host_of(f"//{host}")):
        raise RefusedCallError(
            403,
            "local_only",
            f"this server has no keys, so it must be called as localhost, not as `{quoted(host)}`",
        )
    origin = headers.get("origin")
    if origin is not None and not is_local_name(_host_of(origin)):
        raise RefusedCallError(
            403, "local_only", "this server has no keys, so pages of other sites cannot call it"
        )
    return LOCAL_USER


_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers in which a proxy says for whom it calls."""


def bearer(connection: HTTPConnection) -> str | None:
    """Return the key of a call, in one of the headers that clients send it in; None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return next((connection.headers[name] for name in _KEYS if connection.headers.get(name)), None)


_KEYS: Final = ("x-api-key", "api-key")
"""Headers with a key in the clients of Anthropic and Azure."""


def permit(access: Access, principal: Principal) -> None:
    """Check that a caller may call an endpoint.

    Raises:
        RefusedCallError: It may not.
    """
    if access is Access.ADMINS and not principal.admin:
        raise RefusedCallError(
            403, "admin_only", f"the key `{principal.name}` is not an administrator's"
        )


@lru_cache(maxsize=_KEPT)
def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=_KEPT)
def is_local_name(host: str) -> bool:
    """Whether a host is this machine, seen from itself, so that no other can reach it by it."""
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


@lru_cache(maxsize=_KEPT)
def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
