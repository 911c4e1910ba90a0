"""Reads the body of a request: whole, small enough, in time, and JSON that has one meaning."""

from __future__ import annotations

import asyncio
import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NoReturn

from starlette.requests import ClientDisconnect

from policy_router.quoting import quoted
from policy_router.resilience.time_limit import TimeLimit
from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import BODY_HERE

if TYPE_CHECKING:
    from starlette.requests import Request

    from policy_router.server.settings import ServerSettings


async def read_object(request: Request, settings: ServerSettings) -> dict[str, Any]:
    """Return the JSON object in the body of a request.

    Raises:
        RefusedCallError: There is none, or it is not taken.
        ClientDisconnect: The client closed the connection.
    """
    body = await read_body(request, settings)
    if len(body) <= _SMALL:
        return read_json(body, settings)
    return await asyncio.to_thread(read_json, body, settings)  # other calls go on in the meantime


_SMALL: Final = 500_000
"""Bytes of a body that is read within some milliseconds, as those of coding agents are."""


_LARGE: Final = 4 * 1024 * 1024
"""Bytes of a body above which it consists of pictures or files, which are a few long texts. As many
small values would take far more memory, and the time of all other calls."""
_MOST_VALUES: Final = 1_000_000
_BEFORE_VALUES: Final = (b",", b"[", b"{")


async def read_body(request: Request, settings: ServerSettings) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedCallError: It is too large, too slow, or compressed.
        ClientDisconnect: The client closed the connection before its end.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise RefusedCallError(
            415, "unsupported_encoding", f"send the body uncompressed, not as `{quoted(encoding)}`"
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > settings.body_bytes:
        raise _too_large(settings)
    take_body = request.scope.get("extensions", {}).get(BODY_HERE)
    whole: bytes | None = None if take_body is None else take_body(request.receive)
    if whole is not None:
        return whole
    parts: list[bytes] = []
    size = 0
    try:
        with TimeLimit(settings.body_seconds):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                part = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(part)
                if size > settings.body_bytes:
                    raise _too_large(settings)
                parts.append(part)
    except TimeoutError:
        raise RefusedCallError(
            408,
            "slow_body",
            f"the body did not arrive within {settings.body_seconds:g} s",
            headers={"connection": "close"},
        ) from None
    return b"".join(parts)


def read_json(body: bytes, settings: ServerSettings) -> dict[str, Any]:
    """Return a body as a JSON object.

    What two readers of JSON could understand differently is refused: names that occur twice,
    numbers that are none, text that is not UTF-8.

    Raises:
        RefusedCallError: It is not one JSON object, or nested too deeply.
    """
    if len(body) > _LARGE and sum(map(body.count, _BEFORE_VALUES)) > _MOST_VALUES:
        raise RefusedCallError(
            413,
            "body_too_large",
            f"a body larger than {_LARGE:,} bytes may contain at most {_MOST_VALUES:,} commas and "
            "opening brackets: pictures and files have none",
        )
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise _invalid("the body is not UTF-8") from None
    except RecursionError:
        raise _too_deep(settings) from None
    except json.JSONDecodeError as problem:
        raise _invalid(
            f"the body is not JSON: {problem.msg.lower()} in line {problem.lineno}, "
            f"column {problem.colno}"
        ) from None
    except ValueError as problem:  # a number of thousands of digits, too
        message = problem.args[0] if isinstance(problem, _HostileError) else _LONG_NUMBER
        raise _invalid(str(message)) from None
    if not isinstance(value, dict):
        raise _invalid("the body must be a JSON object")
    if body.count(b"[") + body.count(b"{") > settings.depth and _deeper(value, settings.depth):
        raise _too_deep(settings)
    return _whole(value) if _HALF.search(body) else value


_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""The escape of half a surrogate pair, which is one of two for a character, or stands alone."""


def _whole(value: Any) -> Any:
    """The value with U+FFFD in place of halves that stand alone: no provider takes those."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


class _HostileError(ValueError):
    """JSON that has more than one meaning."""


_LONG_NUMBER: Final = "the body contains a number of thousands of digits"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _HostileError(f"the body contains the field `{quoted(twice)}` twice in one object")
    return fields


def _no_number(name: str) -> NoReturn:
    raise _HostileError(f"the body contains `{name}`, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise _HostileError("the body contains a number beyond the range of floats")
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether a value is nested in more levels than these."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite
)


def _invalid(message: str) -> RefusedCallError:
    return RefusedCallError(400, "invalid_json", message)


def _too_deep(settings: ServerSettings) -> RefusedCallError:
    return _invalid(f"the body is nested more than {settings.depth} levels deep")


def _too_large(settings: ServerSettings) -> RefusedCallError:
    return RefusedCallError(
        413,
        "body_too_large",
        f"the body is larger than {settings.body_bytes:,} bytes, the most that this server takes",
        headers={"connection": "close"},
    )
