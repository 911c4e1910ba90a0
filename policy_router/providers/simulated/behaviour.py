"""The behaviours that a simulated model can have; `server` carries them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Say:
    """Answers.

    Attributes:
        text: The text of the answer; None for a sentence that names the model.
        latency: Seconds before the headers.
        pause: Seconds between the words of a stream.
        finish: The finish reason; None leaves it out, which is an error in OpenAI's format.
        usage: Sent as it is; None sends none, "count" counts words.
        tool_calls: The tool calls of the answer, as dicts.
        reasoning: The reasoning of the answer.
        done: Whether a stream ends with `[DONE]`.
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
    """Refuses the request with a status and OpenAI's error object.

    Attributes:
        status: The HTTP status.
        code: The error's code.
        type: The error's type; None for the one that fits the status.
        message: The error's message.
        retry_after: The `retry-after` header, in seconds or as text; None for none.
        headers: Further headers.
        stream_error: Whether a streamed request gets the error as an event of a 200 instead.
    """

    status: int = 500
    code: str | None = None
    type: str | None = None
    message: str = "simulated failure"
    retry_after: float | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream_error: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Sends nothing more until the client closes the connection.

    Attributes:
        after: Words sent before that; None does not even send headers.
        text: The text whose words are sent.
    """

    after: int | None = None
    text: str = "one two three four"


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes the connection in the middle of the answer.

    Attributes:
        after: Words sent before that; None sends no headers.
        text: The text whose words are sent.
        reset: Whether it closes with a TCP reset instead of an orderly end.
    """

    after: int | None = None
    text: str = "one two three four"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Garble:
    """Sends this body, whatever was requested.

    Attributes:
        body: The body.
        content_type: Its content type.
        status: The HTTP status.
    """

    body: str = "<html>it works</html>"
    content_type: str = "text/html"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """Redirects the client.

    Attributes:
        to: The URL to redirect to.
        status: The HTTP status.
    """

    to: str
    status: int = 307


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Limits the rate of requests; beyond it answers 429 with the seconds until the window ends.

    Attributes:
        requests: Requests that are let through in each window.
        window: Seconds of a window, by the server's clock.
        then: The behaviour for requests that are let through.
    """

    requests: int
    window: float = 60.0
    then: Say | Fail | Stall | Cut | Garble | Redirect = Say()


@dataclass(frozen=True, slots=True)
class ByBody:
    """Behaves as a function of the request says, such as a model that calls tools until it is done.

    Attributes:
        choose: Gets the body of the request and returns the behaviour.
    """

    choose: Callable[[Mapping[str, Any]], Say | Fail | Stall | Cut | Garble | Redirect]


Behaviour = Say | Fail | Stall | Cut | Garble | Redirect | RateLimited | ByBody
