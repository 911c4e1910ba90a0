"""What the connection below a call has seen, whatever the library above makes of it.

    wire = Wire()
    with watching(wire):
        answer = await caller.call(...)

A caller that owns its HTTP client writes into the `Wire` of the running call: whether the request
left, and the status line and headers of the answer. A caller that sees nothing of that leaves
`watched` False, and the request then counts as sent.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.providers.raw_answer import RawAnswer


@dataclass(slots=True)
class Wire:
    """One call as its connection saw it.

    watched: the caller reports what it sends. handed_over: the library built a request and gave it
    to the client. sent: bytes of the request's body left. status, headers: of the answer; None and
    empty before one came. body: of an answer with an error status, decoded. answer: what came with
    any other status.
    """

    watched: bool = False
    handed_over: bool = False
    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    answer: RawAnswer | None = None

    @property
    def unsent(self) -> bool:
        """Whether it is certain that no provider has seen the request."""
        return self.watched and not self.sent


_current: Final[ContextVar[Wire | None]] = ContextVar("policy_router_wire", default=None)


def current() -> Wire | None:
    """The wire of the call under way in this context."""
    return _current.get()


@contextmanager
def watching(wire: Wire) -> Iterator[Wire]:
    """Makes this the wire of what is called inside."""
    token = _current.set(wire)
    try:
        yield wire
    finally:
        _current.reset(token)
