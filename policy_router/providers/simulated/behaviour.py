"""What a simulated model can be told to do. Values only; server.py acts them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Say:
    """Answers. text: None names the model. latency: seconds before the headers; pause: seconds
    between the words of a stream. usage: sent as it is, None sends none, "count" counts words.
    finish: the finish reason; None leaves it out, as no honest provider does.
    done: whether a stream ends with `[DONE]`.
    """

    text: str | None = None
    latency: float = 0.0
    pause: float = 0.0
    finish: str | None = "stop"
    usage: Mapping[str, Any] | str | None = "count"
    tool_calls: Sequence[Mapping[str, Any]] = ()
    reasoning: str = ""
    done: bool = True


@dataclass(frozen=True, slots=True)
class Fail:
    """Refuses with a status and OpenAI's error object. retry_after: the header, in seconds or as
    text. stream_error: for a streamed request, sends the error as an event of a 200 instead."""

    status: int = 500
    code: str | None = None
    type: str | None = None
    message: str = "simulated failure"
    retry_after: float | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream_error: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Stops and says nothing more until the client goes away. after: words sent before that;
    None does not even send headers."""

    after: int | None = None
    text: str = "one two three four"


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes the connection in the middle. after: words sent before that; None sends no headers.
    reset: with a TCP reset instead of an orderly end."""

    after: int | None = None
    text: str = "one two three four"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """Sends this body whatever was asked for."""

    body: str = "<html>it works</html>"
    content_type: str = "text/html"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """Sends the client elsewhere."""

    to: str
    status: int = 307


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Lets `requests` a `window` (seconds, by the server's clock) through to `then`; answers the
    others with 429 and the seconds until the window ends."""

    requests: int
    window: float = 60.0
    then: Say | Fail | Stall | Cut | Garble | Redirect = Say()


Behaviour = Say | Fail | Stall | Cut | Garble | Redirect | RateLimited
