"""The parts of the schema of policy files that describe a place."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from policy_router.language.schema import generate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.language.source import Path

Schema: TypeAlias = "Mapping[str, Any]"
_schema = cache(generate)


def schemas_at(path: Path) -> list[Schema]:
    """Return what the value at a path may be: one schema for each alternative.

    Args:
        path: The path. No schemas describe a path that the language does not have.
    """
    found = list(_alternatives(_schema()))
    for part in path:
        inner = [each for schema in found for each in _inner(schema, part)]
        found = [each for schema in inner for each in _alternatives(schema)]
    return found


def keys_of(schemas: Sequence[Schema]) -> dict[str, Schema]:
    """Return the keys that mappings of some schemas may have, with the schemas of their values."""
    keys: dict[str, Schema] = {}
    for schema in schemas:
        for name, value in schema.get("properties", {}).items():
            keys.setdefault(name, value)
    return keys


def words_of(schema: Schema) -> dict[str, str]:
    """Return the words that a value may be, each with what it means, empty if that is unknown."""
    words = [schema["const"]] if "const" in schema else schema.get("enum", ())
    meanings = schema.get("enumDescriptions", ("",) * len(words))
    spelled = (word if isinstance(word, str) else json.dumps(word) for word in words)
    return dict(zip(spelled, meanings, strict=True))


def description_of(schema: Schema) -> str:
    """Return what a schema says about a value; empty where it says nothing."""
    described = schema.get("description") or _resolved(schema).get("description")
    return str(described or "")


def _inner(schema: Schema, part: str | int) -> Iterator[Schema]:
    """The schemas of a part of a value."""
    if isinstance(part, int):
        if isinstance(items := schema.get("items"), dict):
            yield items
        return
    if part in schema.get("properties", {}):
        yield schema["properties"][part]
        return
    for pattern, value in schema.get("patternProperties", {}).items():
        if re.search(pattern, part):
            yield value
            return
    if isinstance(more := schema.get("additionalProperties"), dict):
        yield more


def _alternatives(schema: Schema) -> Iterator[Schema]:
    resolved = _resolved(schema)
    if "anyOf" in resolved:
        for each in resolved["anyOf"]:
            yield from _alternatives(each)
    else:
        yield resolved


def _resolved(schema: Schema) -> Schema:
    (only,) = schema.get("allOf", (schema,))  # a reference with a description of its own
    reference = only.get("$ref")
    if reference is None:
        return schema
    definition: Schema = _schema()["definitions"][reference.removeprefix("#/definitions/")]
    return definition
