"""A fast reader for the requests that nearly all clients send.

h11 reads a request piece by piece and tells apart everything that HTTP/1.1 allows, which takes
longer than all else that the server does with it. What nearly all clients send has one form, which
one regular expression describes: all headers arrive together, each of them once, and the body has a
stated length. Everything else is left to h11, whatever is unusual or wrong about it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_HEAD: Final = re.compile(
    rb"(GET|POST) (/[!\"$&-~]*+) HTTP/1\.1\r\n"  # no `%`, which would have to be decoded
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~]*+\r\n)++)\r\n"
)
_UNUSUAL: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
"""Headers that change how the rest of a request is read."""
_DIGITS: Final = 12
"""Digits of the longest length of a body; the server takes far less."""


class PlainRequest(NamedTuple):
    """A request that was read up to the end of its headers.

    Attributes:
        method: `GET` or `POST`.
        path: The path, which has no escapes.
        query: What follows the `?`.
        headers: The headers, with their names in lower case.
        length: Bytes of the body.
        begun: What came after the headers: the body or a part of it, and perhaps the next request.
    """

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    length: int
    begun: bytes


def read_plain(data: bytes, most: int) -> PlainRequest | None:
    """Return the request that some bytes begin with; None where h11 has to read it.

    Args:
        data: All bytes since the last request.
        most: Bytes that the headers may have together.
    """
    head = _HEAD.match(data)
    if head is None or head.end() > most:
        return None
    headers = []
    for line in head[3].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" \t")))
    headers.pop()  # after the end of the last line
    values = dict(headers)
    length = values.get(b"content-length", b"0")
    if (
        len(values) < len(headers)
        or b"host" not in values
        or not _UNUSUAL.isdisjoint(values)
        or not (length.isdigit() and len(length) <= _DIGITS)
        or values.get(b"connection", b"keep-alive").lower() != b"keep-alive"
    ):
        return None
    path, _, query = head[2].partition(b"?")
    return PlainRequest(
        head[1].decode(), path.decode(), query, headers, int(length), data[head.end() :]
    )
