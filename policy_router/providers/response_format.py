"""A class as `response_format`, as the JSON schema that goes over the wire."""

from __future__ import annotations

from typing import Any, Final

from policy_router.base_errors import UsageError

_NAME_MOST: Final = 64
"""Characters that a schema's name may have at OpenAI."""


def response_schema(kind: type) -> dict[str, Any]:
    """The `response_format` that asks for an answer of this type: a pydantic model, a dataclass, a
    TypedDict. Raises UsageError for a class that no schema describes."""
    from pydantic import TypeAdapter  # noqa: PLC0415  heavy, and only for callers who use it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415  as above

    try:
        schema = TypeAdapter(kind).json_schema()
    except PydanticUserError as error:
        words = str(error).splitlines()[0]
        raise UsageError(
            f"`response_format` cannot be sent: {kind.__name__} has no JSON schema: {words}"
        ) from None
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in kind.__name__)
    wanted = {"name": name[:_NAME_MOST], "schema": _strict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": wanted}


def _strict(value: Any) -> Any:
    """The schema as strict providers take it: every object is closed and needs all of its fields,
    and nothing has a default. Objects without fields are mappings of any keys, and stay open."""
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: {name: _strict(part) for name, part in inner.items()}
        if key in _NAMED and isinstance(inner, dict)
        else _strict(inner)
        for key, inner in value.items()
        if key != "default"
    }
    properties = found.get("properties")
    if isinstance(properties, dict):
        found.setdefault("additionalProperties", False)
        found["required"] = list(properties)
    if "$ref" in found:
        found = {"$ref": found["$ref"]}  # nothing may stand beside a reference
    return found


_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
"""Keywords that hold schemas by names of the author's own, `default` among them."""
