"""Gives the fields of a foreign object as plain dicts and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fields_of(raw: object) -> dict[str, Any]:
    """The fields of an object or a mapping, deeply copied; empty when it has none."""
    fields = plain_value(raw)
    return fields if isinstance(fields, dict) else {}


def plain_value(value: object) -> Any:
    """The value with every mapping and object in it as a dict, and every sequence as a list."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump()
    return plain_value(vars(value)) if hasattr(value, "__dict__") else value


def put(fields: dict[str, Any], name: str, value: object) -> None:
    """Sets a field. None does not add a field, and removes the value of one that is there."""
    if value is not None or fields.get(name) is not None:
        fields[name] = value


def without_none(value: Any) -> Any:
    """The value without the fields that are None, at any depth."""
    if isinstance(value, dict):
        return {name: without_none(inner) for name, inner in value.items() if inner is not None}
    return [without_none(inner) for inner in value] if isinstance(value, list) else value
