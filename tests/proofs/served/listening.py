"""A provider at a real address that keeps every byte of what reached it."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse
from starlette.routing import Route

from policy_router.providers.simulated import Cut, Fail, Garble, Say, Simulated
from policy_router.providers.simulated.behaviour import ByBody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from policy_router.providers.simulated.behaviour import Behaviour

MARK: Final = re.compile(rb"(?:SECRET|PUBLIC)-\d+-\d+-[0-9a-f]{16}|(?<![\d.])987\d{15}(?!\d)")
"""The marks of requests: a word in a text, or a number among the tokens of an input."""


class ListeningProvider(Simulated):
    """A provider whose models answer and fail at random; it repeats the marks of what it was sent.

    Args:
        models: The names of its models.
        seed: Of what is drawn.

    Attributes:
        received: Every request that reached it: its first line, headers and body.
        faults: The share of calls that fail.
    """

    def __init__(self, models: Sequence[str], seed: int = 0) -> None:
        super().__init__(dict.fromkeys(models, ByBody(self._behave)))
        self._chance = random.Random(seed)  # noqa: S311  it has to be repeatable
        self.received: list[bytearray] = []
        self.faults = 0.0

    @property
    def root(self) -> str:
        """Its address, without the path that chat completions have in common."""
        return self.url.removesuffix("/v1")

    def marks(self) -> set[bytes]:
        """The marks in everything that reached it."""
        return {mark for request in tuple(self.received) for mark in MARK.findall(request)}

    def _app(self) -> Starlette:
        app = super()._app()
        app.router.routes.append(Route("/{path:path}", _nothing, methods=["GET", "POST"]))
        app.add_middleware(_Recorder, received=self.received)
        return app

    def _behave(self, body: Mapping[str, Any]) -> Any:
        draw = self._chance
        said = b" ".join(MARK.findall(json.dumps(body).encode())).decode()
        if draw.random() < self.faults:
            return draw.choice(_faults(said))
        return Say(draw.choice(("7", "PASS", "FAIL", '{"a": 1}', f"you said {said}", f"{said}!")))


def _faults(said: str) -> Sequence[Behaviour]:
    """What can go wrong; providers repeat in errors what they were sent."""
    long = "context_length_exceeded"
    words = f"one two {said} three four"
    return (
        Fail(500, message=f"cannot answer {said}"),
        Fail(429, message=f"too much of {said}", retry_after=0.1),
        Fail(400, code=long, message=f"{said}: maximum context length is 10 tokens"),
        Fail(400, code="content_filter", message=f"{said} is not allowed"),
        Fail(400, code="invalid_value", message=f"`{said}` is not supported"),
        Fail(503, message=f"overloaded by {said}", stream_error=True),
        Cut(after=2, text=words), Cut(after=3, text=words, reset=True), Cut(),
        Garble(f"<html>{said}</html>"), Garble(f'{{"error": "{said}"}}', "application/json"),
        Say(words, finish=None), Say(""),
    )  # fmt: skip


async def _nothing(_: Request) -> JSONResponse:
    return JSONResponse({})


class _Recorder:
    """Keeps each request as it arrives, also where the rest of it never does."""

    def __init__(self, app: ASGIApp, received: list[bytearray]) -> None:
        self._app = app
        self._received = received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = bytearray(scope["raw_path"] + b"?" + scope["query_string"])
        for name, value in scope["headers"]:
            seen += b"\n" + name + b": " + value
        self._received.append(seen)

        async def heard() -> Message:
            message = await receive()
            seen.extend(message.get("body", b""))
            return message

        await self._app(scope, heard, send)
