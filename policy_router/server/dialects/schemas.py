"""Turns the JSON schema of an answer into the `response_format` of a chat body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def json_format(
    schema: Mapping[str, Any], name: str = "answer", *, strict: bool | None = None
) -> dict[str, Any]:
    """The `response_format` for a schema.

    Args:
        schema: The schema.
        name: Its name.
        strict: Whether a provider must hold the answer to it; None for wherever the schema is one
            that strict providers accept.
    """
    wanted: dict[str, Any] = {"name": name, "schema": schema}
    if strict is None:
        strict = _is_closed(schema) or None
    if strict is not None:
        wanted["strict"] = strict
    return {"type": "json_schema", "json_schema": wanted}


def _is_closed(schema: object) -> bool:
    """Whether every object in it is closed and requires all of its fields."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        required = schema.get("required")
        all_required = isinstance(required, list) and properties.keys() <= set(map(str, required))
        if schema.get("additionalProperties") is not False or not all_required:
            return False
    elif schema.get("type") == "object":
        return False
    return all(map(_is_closed, schema.values()))
