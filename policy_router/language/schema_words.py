"""Schemas, paths and values in words, for the messages about a policy file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.language.flow import flow
from policy_router.language.schema import generated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.language.source import Path

_LONGEST: Final = 60
"""Characters of a value that a message repeats."""
_TYPES: Final = {
    "string": "a string",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
}


def describe(schema: Mapping[str, Any]) -> str:
    """The type that a schema asks for, as text."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{v}`" for v in schema["enum"])
    types = schema.get("type", "string")
    return " or ".join(_TYPES[t] for t in ([types] if isinstance(types, str) else types))


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, or the definition that it refers to."""
    inner = schema.get("allOf", [schema])[0]
    if "$ref" not in inner:
        return schema
    definition: Mapping[str, Any] = generated()["definitions"][inner["$ref"].rsplit("/", 1)[1]]
    return definition


def examples(schema: Mapping[str, Any], name: str = "") -> str:
    """`write it like ...`, from the schema's own examples."""
    texts = [flow(example) for example in schema.get("examples", ())]
    if not texts:
        return ""
    prefix = f"{name}: " if name else ""
    return "write it like " + " or ".join(f"`{prefix}{text}`" for text in texts[:3])


def where(path: Path) -> str:
    """A path in a message: `models.qwen.tier`, `rules[2]`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return f"`{short(text)}`" if text else ""


def short(text: str) -> str:
    """The text, cut where it is too long for a message."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shown(value: object) -> str:
    """A value in a message: itself in backticks, or its type when it has parts."""
    match value:
        case None:
            return "empty"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return f"`{str(value).lower()}`"
    return f"`{short(str(value))}`"


def article(noun: str) -> str:
    """`a` or `an`, as the noun needs it."""
    return "an" if noun[0] in "aeiou" else "a"
