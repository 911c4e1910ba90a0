"""Describes the endpoints as an OpenAPI document, for people and for programs that test servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.server.identity.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.server.call import HttpEndpoint

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
"""A parameter in a path, as Starlette writes it."""
_KEY: Final = {"type": "http", "scheme": "bearer"}
_BODY: Final = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}
"""Any object: the APIs of OpenAI and Anthropic document their own bodies."""


def document(endpoints: Sequence[HttpEndpoint]) -> dict[str, Any]:
    """Return the document of some endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "policy-router", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"key": _KEY}},
    }


def _operation(endpoint: HttpEndpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "responses": {
            "2XX": {"description": "the answer"},
            "4XX": {"description": f"an error in the shape of {endpoint.dialect.value}"},
        }
    }
    if endpoint.access is not Access.EVERYONE:
        operation["security"] = [{"key": []}]
    names = _PARAMETER.findall(endpoint.path)
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    if endpoint.method == "POST" and endpoint.access is Access.CALLERS:
        operation["requestBody"] = _BODY
    return operation
