"""Server-sent events, and the interface of what writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.server.dialects.neutral import ErrorNotice


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event.

    Attributes:
        data: Its data: JSON, or text as it is.
        name: Its name; empty when it has none.
    """

    data: Mapping[str, Any] | str
    name: str = ""

    def encode(self) -> bytes:
        """The event as it is sent."""
        data = self.data if isinstance(self.data, str) else json.dumps(self.data)
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}data: {data}\n\n".encode()


class StreamWriter(Protocol):
    """Writes one stream in the dialect of a client.

    Every stream ends with `end` or `fail`, after which nothing more is written.
    """

    def read(self, chunk: ChatChunk) -> list[ServerEvent]:
        """Take the next chunk, and return the events that it adds."""
        ...

    def follow(self, chunk: ChatChunk) -> None:
        """Take the next chunk, whose events the client gets as the provider sent them."""
        ...

    def end(self) -> list[ServerEvent]:
        """Take the end of the stream. Without a finish reason it ends in an error."""
        ...

    def fail(self, error: ErrorNotice) -> list[ServerEvent]:
        """Take an error after which there is no more of the stream."""
        ...
