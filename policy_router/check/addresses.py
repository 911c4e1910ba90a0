"""Where an address in a policy leads, however it is spelled, without a DNS lookup."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from policy_router.redaction.names import is_query_secret

Ip = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address.

    Attributes:
        scheme: Such as `https`, in lower case.
        host: In lower case, without a final dot, as a browser reads it.
        ip: The IP address that the host stands for, with IPv4 inside IPv6 unwrapped; None for a
            name.
        plain: Whether the IP address is spelled in the usual way.
        port: None when there is none, -1 when it is invalid.
        path: The path.
        login: Whether there is a user or password before the host.
        secrets: Names in the query or fragment whose values are credentials.
    """

    scheme: str
    host: str
    ip: Ip | None
    plain: bool
    port: int | None
    path: str
    login: bool
    secrets: tuple[str, ...]

    @property
    def is_metadata(self) -> bool:
        """Whether a cloud provides the credentials of its machines there."""
        if self.ip is not None:
            return any(self.ip in net for net in _METADATA_NETS)
        return self.host in _METADATA_NAMES

    @property
    def is_near(self) -> bool:
        """Whether it is this machine or in a private network, by number or by name."""
        if self.ip is not None:
            private = any(self.ip in net for net in _NEAR)
            return private or self.ip.is_loopback or self.ip.is_unspecified
        return "." not in self.host or self.host.endswith(_NEAR_NAMES)

    def belongs_to(self, domains: tuple[str, ...]) -> bool:
        """Whether the host is one of these domains or a subdomain of one."""
        return any(self.host == domain or self.host.endswith(f".{domain}") for domain in domains)


_METADATA_NETS: Final = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",
            "fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128",
        ),
    )
)  # fmt: skip
_METADATA_NAMES: Final = frozenset({
    "metadata", "metadata.google.internal", "metadata.goog", "instance-data",
    "instance-data.ec2.internal", "metadata.azure.internal", "metadata.azure.com",
    "metadata.packet.net", "metadata.platformequinix.com", "metadata.tencentyun.com",
    "rancher-metadata", "metadata.oraclecloud.com",
})  # fmt: skip
_NEAR: Final = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
            "fc00::/7",
        ),
    )
)  # fmt: skip
_NEAR_NAMES: Final = (
    ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".home", ".corp", ".intranet",
    ".private", ".svc", ".cluster.local", ".test", ".localdomain", ".docker",
)  # fmt: skip
# Domains whose name servers return the number that is part of the name.
_NUMBERED: Final = (".nip.io", ".sslip.io", ".xip.io")
_DASHED: Final = re.compile(r"(?:^|[.-])([0-9]{1,3}(?:[.-][0-9]{1,3}){3})$")
_HEX: Final = re.compile(r"(?:^|[.-])([0-9a-f]{8})$")
_PART: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_DOTS: Final = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))


def read(text: str) -> Address | None:
    """Return the parts of an address; None when it has no host."""
    try:
        parts = urlsplit(text.translate(_DOTS))
        written = parts.hostname or ""
    except ValueError:
        return None
    host = unicodedata.normalize("NFKC", unquote(written)).translate(_DOTS).lower().rstrip(".")
    if not host:
        return None
    ip = _number(host)
    # An IPv6 address may stand for an IPv4 one.
    inner = _unwrapped(ip) if isinstance(ip, IPv6Address) else ip
    plain = ip is None or (inner is ip and written.partition("%")[0] == str(ip))
    try:
        port = parts.port
    except ValueError:
        port = -1
    pairs = [*parse_qsl(parts.query), *parse_qsl(parts.fragment)]
    return Address(
        parts.scheme.lower(),
        host,
        inner,
        plain,
        port,
        parts.path,
        "@" in parts.netloc,
        tuple(name for name, value in pairs if is_query_secret(name) and value),
    )


def _number(host: str) -> Ip | None:
    """Return the IP address that a host stands for, as the C library and browsers read it."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    for end in _NUMBERED:
        if host.endswith(end):
            name = host.removesuffix(end)
            if found := _DASHED.search(name):
                return _number(found[1].replace("-", "."))
            if found := _HEX.search(name):
                return IPv4Address(int(found[1], 16))
    parts = host.split(".")
    if len(parts) > 4 or not all(_PART.fullmatch(part) for part in parts):
        return None
    try:
        *heads, last = (_whole(part) for part in parts)
    except ValueError:
        return None
    value = last
    for i, head in enumerate(heads):
        value += head << 8 * (3 - i)
    if any(head > 255 for head in heads) or last >= 256 ** (5 - len(parts)):
        return None
    return IPv4Address(value)


def _whole(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


_NAT64: Final = IPv6Network("64:ff9b::/96")


def _unwrapped(ip: IPv6Address) -> Ip:
    inner = ip.ipv4_mapped or ip.sixtofour
    low = int(ip) & 0xFFFFFFFF
    if inner is None and (ip in _NAT64 or (int(ip) >> 32 == 0 and low > 0xFFFF)):
        inner = IPv4Address(low)
    return inner if inner is not None else ip
