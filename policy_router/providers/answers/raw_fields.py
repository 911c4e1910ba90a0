"""Gives the fields of a foreign object as plain dicts and lists."""

from __future__ import annotations

from collections.abc import Mapping


def fields_of(raw: object) -> dict[str, object]:
    """The fields of an object or a mapping, deeply copied; empty when it has none."""
    fields = plain_value(raw)
    return fields if isinstance(fields, dict) else {}


def plain_value(value: object) -> object:
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


def put(fields: dict[str, object], name: str, value: object) -> None:
    """Sets a field. None does not add a field, and removes the value of one that is there."""
    if value is not None or fields.get(name) is not None:
        fields[name] = value


def without_none(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields without those that are None, at any depth."""
    return {name: _inner(value) for name, value in fields.items() if value is not None}


def _inner(value: object) -> object:
    if isinstance(value, dict):
        return without_none(value)
    return [_inner(inner) for inner in value] if isinstance(value, list) else value
