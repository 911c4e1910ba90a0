"""The responses to calls that get no answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from policy_router.errors import BadRequestError, RoutingError
from policy_router.http_errors import error_response
from policy_router.providers.failures.error_body import parse_json
from policy_router.redaction.trace import frames
from policy_router.server.dialects.neutral import ErrorNotice
from policy_router.server.hints import PREFIX
from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import json_reply

if TYPE_CHECKING:
    from policy_router.base_errors import PolicyRouterError
    from policy_router.domain.dialect import Dialect
    from policy_router.domain.original import OriginalError

log = logging.getLogger(__name__)

_SERVER_FAULT: Final = 500
"""The lowest status that says that a server is at fault."""


def error_reply(error: PolicyRouterError, dialect: Dialect) -> Response:
    """Return the response to a call that got no answer, in the client's dialect."""
    original = error.original if isinstance(error, BadRequestError) else None
    status, body, headers = error_response(error, dialect)
    if isinstance(error, RoutingError):
        headers = {
            **headers,
            f"{PREFIX}decision": error.decision_id,
            f"{PREFIX}attempts": str(len(error.attempts)),
        }
    if isinstance(error, RefusedCallError):
        headers = {**headers, **error.headers}
    if original is not None and _relayed(original, dialect):
        kind = original.headers.get("content-type", "application/json")
        return Response(original.body, original.status, headers, media_type=kind)
    return json_reply(body, status, headers)


def _relayed(original: OriginalError, dialect: Dialect) -> bool:
    """Whether a client gets the error of a provider as it is, since clients react to its wording.

    A fault of the request that the provider calls its own would make them send the same request
    again, and they cannot read the page of a firewall.
    """
    return (
        original.dialect is dialect
        and original.status < _SERVER_FAULT
        and isinstance(parse_json(original.body), dict)
    )


def notice_of(error: PolicyRouterError) -> ErrorNotice:
    """Return what went wrong as the end of a stream tells it."""
    status, body, _ = error_response(error)
    inner: Any = body["error"]
    return ErrorNotice(status, inner["code"], inner["message"])


def defect_reply(defect: Exception, path: str, dialect: Dialect) -> Response:
    """Return the response to a call that revealed a defect, and log where it is.

    The message of the exception may hold a prompt or a key, so only its type and its place are
    logged, and the client learns nothing about it.
    """
    log.error("internal error while answering %s: %s", path, frames(defect))
    status, body, headers = error_response(defect, dialect)
    return json_reply(body, status, headers)
