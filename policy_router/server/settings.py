"""The limits and timeouts of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The limits of a server.

    Attributes:
        body_bytes: Bytes of the body of a request.
        body_seconds: Seconds in which the whole body of a request must arrive.
        header_bytes: Bytes of all headers of a request together.
        header_seconds: Seconds in which the headers of a request must arrive.
        depth: Levels of nested lists and objects in a body.
        ping_seconds: Seconds without a part of an answer after which a stream gets a comment, so
            that proxies and clients do not take it for dead.
        unknown_keys: Calls with an unknown key that one address may make in a minute before it is
            asked to wait.
    """

    body_bytes: int = 32 * 1024 * 1024
    body_seconds: float = 30.0
    header_bytes: int = 32 * 1024
    header_seconds: float = 10.0
    depth: int = 64
    ping_seconds: float = 15.0
    unknown_keys: int = 60


SETTINGS: Final = ServerSettings()
"""The settings of a server that is given none."""
