"""Says which tools Claude must call by the letter of their schemas.

A client that wants that of OpenAI's models may have schemas that Anthropic refuses for it, such as
those with a lowest number. There the tool is sent without it, and still works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_CLAUDE: Final = re.compile(r"claude-")
_WITHOUT: Final = re.compile(
    r"claude-(?:[123]|(?:opus|sonnet|haiku)-4(?:-[01])?(?:-\d{8})?$|instant)"
)
"""Models of Claude that cannot be held to a schema."""
_MOST: Final = 20
"""Strict tools that one request may have."""
_KEYWORDS: Final = frozenset(
    {"$defs", "$ref", "additionalProperties", "anyOf", "const", "default", "description", "enum",
     "items", "properties", "required", "title", "type"}
)  # fmt: skip
"""What a schema may say that a model is held to."""
_REFERENCE: Final = "#/$defs/"
"""How a reference begins that is taken."""


def with_strict(
    sent: list[dict[str, Any]], tools: list[Mapping[str, Any]], model: str
) -> list[dict[str, Any]]:
    """The tools of a request, strict where their client wants it and Anthropic takes it.

    Args:
        sent: The tools in Anthropic's wire format, which are changed.
        tools: The same tools as the chat body has them.
        model: The name of the model at its provider.
    """
    name = model.lower()
    if not _CLAUDE.match(name) or _WITHOUT.match(name):
        return sent
    wanted = [
        made
        for made, tool in zip(sent, tools, strict=True)
        if tool["function"].get("strict") is True and _is_taken(made["input_schema"])
    ]
    for made in wanted[:_MOST]:
        made["strict"] = True
    return sent


def _is_taken(schema: object, *, refers: bool = True) -> bool:
    """Whether Anthropic holds a model to a schema: all objects closed, and nothing unusual.

    Args:
        schema: The schema.
        refers: Whether it may refer to definitions; among these, references could be circular.
    """
    if not isinstance(schema, Mapping) or not schema.keys() <= _KEYWORDS:
        return False
    kinds = schema.get("type")
    is_object = "object" in (kinds if isinstance(kinds, list) else [kinds])
    if is_object and schema.get("additionalProperties") is not False:
        return False
    if "$ref" in schema and not (refers and str(schema["$ref"]).startswith(_REFERENCE)):
        return False
    inner = [*_listed(schema.get("properties")), *_listed(schema.get("anyOf"))]
    inner += [schema["items"]] if "items" in schema else []
    return all(_is_taken(each, refers=refers) for each in inner) and all(
        _is_taken(each, refers=False) for each in _listed(schema.get("$defs"))
    )


def _listed(schemas: object) -> list[object]:
    """The schemas in a list or in an object with their names."""
    if isinstance(schemas, Mapping):
        return list(schemas.values())
    return list(schemas) if isinstance(schemas, list) else []
