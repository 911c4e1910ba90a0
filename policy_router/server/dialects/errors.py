"""Writes errors in the dialect of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.http_errors import error_types

if TYPE_CHECKING:
    from policy_router.server.dialects.neutral import ErrorNotice


def openai_error(error: ErrorNotice) -> dict[str, Any]:
    """An error in OpenAI's format."""
    return {
        "error": {
            "message": error.message,
            "type": error_types(error.status).openai,
            "param": error.param,
            "code": error.code,
        }
    }


def anthropic_error(error: ErrorNotice) -> dict[str, Any]:
    """An error in Anthropic's format."""
    kind, message = error_types(error.status).anthropic, error.message
    return {"type": "error", "error": {"type": kind, "message": message, "code": error.code}}
