"""Turns a class that is given as `response_format` into the JSON schema that is sent."""

from __future__ import annotations

from typing import Any, Final

from policy_router.base_errors import UsageError

_NAME_MOST: Final = 64
"""The most characters that OpenAI allows in the name of a schema."""


def response_schema(answer_type: type) -> dict[str, Any]:
    """The `response_format` that requests an answer of this type.

    Args:
        answer_type: A pydantic model, a dataclass or a TypedDict.

    Raises:
        UsageError: The class has no JSON schema.
    """
    from pydantic import TypeAdapter  # noqa: PLC0415  heavy, and only for callers who use it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415  as above

    try:
        schema = TypeAdapter(answer_type).json_schema()
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"`response_format` cannot be sent: `{answer_type.__name__}` has no JSON schema: "
            f"{reason}"
        ) from None
    name = "".join(
        c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in answer_type.__name__
    )
    wanted = {"name": name[:_NAME_MOST], "schema": _strict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": wanted}


def _strict(value: Any) -> Any:
    """The schema as strict providers accept it: every object is closed and requires all of its
    fields, and nothing has a default. Objects without fields are mappings of any keys, and stay
    open."""
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    closed = {
        key: {name: _strict(schema) for name, schema in inner.items()}
        if key in _NAMED and isinstance(inner, dict)
        else _strict(inner)
        for key, inner in value.items()
        if key != "default"
    }
    properties = closed.get("properties")
    if isinstance(properties, dict):
        closed.setdefault("additionalProperties", False)
        closed["required"] = list(properties)
    # A reference may have no other keywords.
    return {"$ref": closed["$ref"]} if "$ref" in closed else closed


_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
"""Keywords whose keys are names of the author, which may be `default`."""
