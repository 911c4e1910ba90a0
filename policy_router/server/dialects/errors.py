"""Writes errors in the dialect of a client."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.neutral import ErrorNotice

_OPENAI: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "authentication_error",
        402: "insufficient_quota",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
    }
)
"""OpenAI's types of errors, by status; `invalid_request_error` for other mistakes of a client."""
_ANTHROPIC: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        408: "timeout_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""Anthropic's types of errors, by status; `invalid_request_error` for other mistakes of a client,
and `api_error` for all else."""
_SERVER: Final = 500


def openai_error(error: ErrorNotice) -> dict[str, Any]:
    """An error as OpenAI's API has it."""
    ours = "server_error" if error.status >= _SERVER else "invalid_request_error"
    return {
        "error": {
            "message": error.message,
            "type": _OPENAI.get(error.status, ours),
            "param": error.param,
            "code": error.code,
        }
    }


def anthropic_error(error: ErrorNotice) -> dict[str, Any]:
    """An error as Anthropic's API has it."""
    ours = "api_error" if error.status >= _SERVER else "invalid_request_error"
    kind = _ANTHROPIC.get(error.status, ours)
    message = error.message
    return {"type": "error", "error": {"type": kind, "message": message, "code": error.code}}
