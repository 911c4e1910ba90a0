"""The field reference: every field of a policy file as Markdown, generated from the JSON Schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.flow import flow
from policy_router.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.language.schema import Schema

_HEAD: Final = """\
# Fields of a policy file

Every field, generated from the schema by `policy-router schema --markdown`. How the sections work
together is explained in [The policy language](language.md). NAME stands for a name that you choose,
`[]` for each item of a list, and a value is a string, a number, `true` or `false`.

Units are part of a value. In numbers of tokens `k` is a thousand and `M` a million; prices are per
million (`/M`) or per thousand (`/K`) tokens; durations are in `ms`, `s`, `m` or `h`.

| unit | write it like |
|---|---|
"""
_TYPES: Final = {
    "string": "string",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
}
_SCALAR: Final = frozenset({"string", "integer", "number", "boolean"})


def field_reference(schema: Schema) -> str:
    """The reference of all fields.

    Args:
        schema: The JSON Schema of policy files, as `schema.generate` returns it.

    Returns:
        Markdown with one table per mapping: field, type, default, example, meaning.
    """
    definitions: Mapping[str, Schema] = schema["definitions"]
    paths: dict[str, list[str]] = {}
    _collect(schema, "", definitions, paths)
    units = [f"| {unit.name} | {_examples(unit.examples)} |\n" for unit in UNITS]
    parts = [_HEAD, *units, "\n## Top level\n\n", *_table(schema, paths)]
    for name, places in paths.items():
        shape = definitions[name]
        heading = ", ".join(f"`{path}`" for path in places)
        if any(places == others for other, others in paths.items() if other != name):
            heading += f" with `{next(iter(shape['properties']))}`"
        parts += [f"\n## {heading}\n\n{_line(shape['description'])}\n\n", *_table(shape, paths)]
    return "".join(parts)


def _collect(
    node: Schema, path: str, definitions: Mapping[str, Schema], paths: dict[str, list[str]]
) -> None:
    """Record at which paths each definition is used, in the order of the schema."""
    name = _reference(node)
    if name is not None:
        known = name in paths
        paths.setdefault(name, []).append(path)
        if not known:
            _collect(definitions[name], path, definitions, paths)
        return
    for field, inner in node.get("properties", {}).items():
        _collect(inner, f"{path}.{field}" if path else field, definitions, paths)
    for inner in node.get("anyOf", ()):
        _collect(inner, path, definitions, paths)
    for inner in _values(node):
        _collect(inner, f"{path}.NAME", definitions, paths)
    if "items" in node:
        _collect(node["items"], f"{path}[]", definitions, paths)


def _values(node: Schema) -> Iterator[Schema]:
    """What the values of a mapping with free names may be."""
    yield from node.get("patternProperties", {}).values()
    if isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def _reference(node: Schema) -> str | None:
    inner = node.get("allOf", [node])[0]
    return str(inner["$ref"]).rsplit("/", 1)[1] if "$ref" in inner else None


def _table(shape: Schema, paths: Mapping[str, list[str]]) -> Iterator[str]:
    yield "| field | type | default | example | meaning |\n|---|---|---|---|---|\n"
    for name, field in shape["properties"].items():
        cells = (
            f"`{name}`",
            _type(field, paths),
            _need(shape, name) or _code(field.get("default")),
            _examples(field["examples"][:2]),
            _line(field["description"]),
        )
        yield f"| {' | '.join(cells)} |\n"


def _need(shape: Schema, name: str) -> str:
    """Whether a field must be there, as text; "" when it need not."""
    others: list[str] = []
    while name not in shape.get("required", ()):
        if "then" not in shape:
            return ""
        unless, shape = shape["if"]["not"], shape["then"]
        for each in unless.get("anyOf", [unless]):
            others += [f"`{field}`" for field in each["required"]]
    return f"required without {_either(others)}" if others else "required"


def _type(node: Schema, paths: Mapping[str, list[str]], end: str = "") -> str:
    """The type of a field as text. end: "s" for the plural."""
    name = _reference(node)
    if name is not None:
        return f"mapping{end}, see `{paths[name][0]}`"
    if "anyOf" in node:
        branches = node["anyOf"]
        simple = [branch for branch in branches if set(branch) <= {"type", "maxLength"}]
        words = [_type(branch, paths, end) for branch in branches if branch not in simple]
        scalar = {branch["type"] for branch in simple} == _SCALAR
        words[:0] = [f"value{end}"] if scalar else [_type(branch, paths, end) for branch in simple]
        return _either(words)
    if "enum" in node or "const" in node:
        return _either([f"`{word}`" for word in node.get("enum", [node.get("const")])])
    if "x-kind" in node:
        return re.sub(r"(?= of | per |$)", end, node["x-kind"], count=1)
    if "items" in node:
        return f"list{end} of {_type(node['items'], paths, 's')}"
    values = [_type(inner, paths, "s") for inner in _values(node)]
    if values:
        return f"mapping{end} of names to {values[0]}"
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and low == high:
        return f"`{low}`"
    return _TYPES[node["type"]] + ("" if node["type"] == "boolean" else end) + _bounds(node)


def _either(words: list[str]) -> str:
    """Words as alternatives: `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _examples(examples: Sequence[object]) -> str:
    return " or ".join(map(_code, examples))


def _bounds(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    return "" if low is None else f", at least {low:g}"


def _line(text: str) -> str:
    """A description on one line, safe in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _code(value: Any) -> str:
    """A value as YAML in code style, safe in a table; "" for None."""
    if value is None:
        return ""
    text = flow(value).replace("|", "\\|")
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{text}{pad}{fence}"
