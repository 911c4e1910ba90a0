"""Authentication of browsers, and the security headers of the page."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

CHALLENGE: Final = 'Basic realm="policy-router: the password is the key of an administrator"'
"""Has a browser ask for a key. What is written as the name of the user does not matter."""
POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""A page runs no script and has no style that is not a file of this server."""
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""The headers of everything that browsers get."""


def html_reply(text: str, status: int = 200) -> Response:
    """Return a page, or a part of one."""
    return Response(text, status, HEADERS, media_type="text/html; charset=utf-8")


def static_reply(content: bytes, media_type: str) -> Response:
    """Return a static file, which a browser may keep for five minutes."""
    headers = {**HEADERS, "cache-control": "private, max-age=300"}
    return Response(content, 200, headers, media_type=media_type)


def with_bearer(request: Request) -> HTTPConnection:
    """Return a call with the password of basic authentication as its bearer token.

    A browser sends the password by itself, even for a request that a page of another site makes. So
    this is done only for what the browser may show, and never for calls of models.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return request
    key = text.partition(":")[2]
    others = [pair for pair in request.scope["headers"] if pair[0] != b"authorization"]
    headers = [*others, (b"authorization", f"Bearer {key}".encode())]
    return HTTPConnection({**request.scope, "headers": headers})


def require_own_page(request: Request) -> None:
    """Check that a form was sent by a page of this server, where the browser says by which.

    Raises:
        RefusedCallError: It was sent by another one.
    """
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is not None and _authority(origin) != host.lower():
        raise RefusedCallError(403, "other_site", "only pages of this server may send this form")


def _authority(origin: str) -> str:
    """The host and the port of an origin; what no browser sends has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
