"""Records what the connection of a call saw, whatever the calling library makes of it.

    wire = Wire()
    with watching(wire):
        answer = await caller.call(...)

A caller with an HTTP client of its own writes into the `Wire` of the running call: whether the
request was sent, and the status and the headers of the answer. A caller that does not know leaves
`watched` False; the request then counts as sent.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.providers.answers.raw_answer import RawAnswer


@dataclass(slots=True)
class Wire:
    """One call as its connection saw it.

    Attributes:
        watched: Whether the caller reports what it sends.
        handed_over: Whether the library built a request and gave it to the HTTP client.
        sent: Whether bytes of the request's body were sent.
        status: The HTTP status; None before an answer arrives.
        headers: The headers of the answer; empty before it arrives.
        body: The decoded body of an answer with an error status.
        answer: The content of an answer with any other status.
        most: The most bytes that the answer may have; None where nothing bounds it.
    """

    watched: bool = False
    handed_over: bool = False
    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    answer: RawAnswer | None = None
    most: int | None = None

    @property
    def unsent(self) -> bool:
        """Whether it is certain that no provider received the request."""
        return self.watched and not self.sent


_current: Final[ContextVar[Wire | None]] = ContextVar("policy_router_wire", default=None)


def current() -> Wire | None:
    """The wire of the running call in this context; None outside of one."""
    return _current.get()


def watch(wire: Wire) -> Token[Wire | None]:
    """Makes this the wire of the calls in this context, until `watch_no_more`."""
    return _current.set(wire)


def watch_no_more(before: Token[Wire | None]) -> None:
    """Ends what `watch` began, which returned this."""
    _current.reset(before)


@contextmanager
def watching(wire: Wire) -> Iterator[Wire]:
    """Makes this the wire of the calls inside the `with` block."""
    token = watch(wire)
    try:
        yield wire
    finally:
        watch_no_more(token)
