"""Addresses: of electronic mail, and of machines on the internet (IPv4 and IPv6)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from policy_router.classification.detect.form import SensitiveForm
from policy_router.patterns import over_bytes

_BEFORE: Final = 200
"""Bytes before an address that are looked at."""
_MAIL: Final = (
    rb"[0-9A-Za-z_%+\x80-\xff-]@(?:[0-9A-Za-z\x80-\xff](?:[0-9A-Za-z\x80-\xff-]*)\.)+([A-Za-z]{2,})"
)
_FILES: Final = frozenset({
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"ico", b"css", b"js", b"mjs", b"ts", b"tsx",
    b"jsx", b"json", b"md", b"py", b"html", b"xml", b"yaml", b"yml", b"txt", b"map", b"gz", b"tgz",
    b"zip", b"local", b"internal", b"service",
})  # fmt: skip
"""Ends of names of files and services, which no mail goes to: `logo@2x.png`."""
_PROGRAMS: Final = re.compile(rb"(?:\A|[\x80-\xff])(?:git|hg|svn)\Z")
"""Users of repositories: `git@github.com:owner/name`."""
_LOCAL: Final = re.compile(rb"[0-9A-Za-z_.%+\x80-\xff'-]+\Z")
_LABEL: Final = re.compile(r"[a-z]{2,24}")
_LINK: Final = re.compile(rb"://\S*\Z")


def _has_email(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains an address of electronic mail."""
    return any(
        _is_mail(data, match.start(), match[1]) for match in over_bytes(_MAIL).finditer(data)
    )


def _is_mail(data: bytes, last: int, end: bytes) -> bool:
    """Whether the part before the `@` and the end of the domain are those of an address.

    Args:
        data: The text.
        last: Position of the last byte of the part before the `@`.
        end: The last label of the domain.
    """
    before = data[max(0, last - _BEFORE) : last + 1]
    local = _LOCAL.search(before)
    if local is None or _PROGRAMS.search(local[0]) or end.lower() in _FILES:
        return False
    name = local[0].decode("utf-8", "ignore")
    if not name or not (name[-1].isalnum() or name[-1] in "_%+-"):
        return False  # a sign of another script
    # `user:password@host` in a link is no address of mail.
    in_link = _LINK.search(before, 0, local.start()) is not None
    return not in_link and _LABEL.fullmatch(end.decode().lower()) is not None


EMAIL: Final = (
    SensitiveForm(rb"[0-9A-Za-z_%+\x80-\xff-]@[0-9A-Za-z.\x80-\xff-]+\.[A-Za-z]{2}", _has_email),
)
"""How email addresses are found."""

_V4: Final = rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_V6: Final = rb"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?"
_VERSION: Final = re.compile(
    rb"(?i)(?:\bv|version|ver\.?|release[sd]?|build|firmware|chapter|section|\xc2\xa7|kapitel"
    rb"|abschnitt|chapitre|cap\xc3\xadtulo|\xe7\x89\x88\xe6\x9c\xac|\xe7\x89\x88"
    rb"|\xe3\x83\x90\xe3\x83\xbc\xe3\x82\xb8\xe3\x83\xa7\xe3\x83\xb3|upgrade[sd]? to"
    rb"|update[sd]? to)[\s:=v\"'`]*\Z"
)
"""What stands before a number with three dots that is not an address."""
_LEAST: Final = 32
"""One of the four numbers of an address is at least this, or it is known by its first: numbers of
versions and sections seldom are so large."""
_PRIVATE: Final = 10
_NETWORKS_OF_NOBODY: Final = frozenset({0, 255})
"""First numbers of masks and of no address."""
_NAME_SERVERS: Final = frozenset({"1.1.1.1", "8.8.8.8", "9.9.9.9", "8.8.4.4", "1.0.0.1"})
_NUMBER_BEFORE: Final = re.compile(rb"[0-9A-Za-z_.+-]\Z|==\s?\Z")
_NUMBER_AFTER: Final = re.compile(rb"[0-9A-Za-z_]|[.-][0-9A-Za-z]")


def _has_v4(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains an address of IPv4."""
    return any(_is_v4(data, *match.span()) for match in over_bytes(_V4).finditer(data))


def _is_v4(data: bytes, start: int, end: int) -> bool:
    text = data[start:end].decode()
    if _NUMBER_BEFORE.search(data[max(0, start - 3) : start]) or _NUMBER_AFTER.match(data, end):
        return False
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    first, *others = address.packed
    if address.is_loopback or first in _NETWORKS_OF_NOBODY:
        return False
    if max(first, *others) < _LEAST and first != _PRIVATE and text not in _NAME_SERVERS:
        return False
    return not _VERSION.search(data[max(0, start - 24) : start])


def _has_v6(data: bytes) -> bool:
    """Whether a text, in UTF-8, contains an address of IPv6."""
    return any(_is_v6(data, *match.span()) for match in over_bytes(_V6).finditer(data))


_NAME: Final = re.compile(rb"[0-9A-Za-z_:.]")
_NAME_AFTER: Final = re.compile(rb"[0-9A-Za-z_:]")


def _is_v6(data: bytes, start: int, end: int) -> bool:
    if data[start:end].endswith(b":") and not data[start:end].endswith(b"::"):
        end -= 1
    if _NAME.match(data[max(0, start - 1) : start]) or _NAME_AFTER.match(data, end):
        return False
    try:
        address = ipaddress.IPv6Address(data[start:end].decode())
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    first = address.packed[0]
    # Only these networks are in use; `Ab::Cd` in a program is not in any of them.
    return first >> 5 == 1 or first >= 0xFC or address.ipv4_mapped is not None


IP: Final = (
    SensitiveForm(rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]", _has_v4),
    # Networks in use begin with 2, 3, or `fc` to `ff`; an address of IPv4 follows `ffff:`.
    SensitiveForm(rb"(?i)(?:[23][0-9a-f]|f[c-f])[0-9a-f]{2}:[0-9a-f]{0,4}:|ffff:", _has_v6),
)
"""How addresses of machines on the internet are found.

Numbers of versions with four parts are left out, and addresses of this machine or of none, such
as 127.0.0.1 and 0.0.0.0, which say nothing about anybody.
"""
