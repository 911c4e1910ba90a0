"""The JSON Schema of a policy file, generated from the document models, and its validator.

The schema is draft-07, the newest draft that the YAML language servers of editors support.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.language.editor import dress

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

Schema = dict[str, Any]
DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def generate() -> Schema:
    """The schema for editors: draft-07, closed, with a description of every property."""
    from policy_router.language.document.document import Document  # noqa: PLC0415  pydantic is slow to import

    raw = Document.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions = {name: _draft7(part) for name, part in sorted(raw.pop("$defs").items())}
    root = _draft7(raw)
    schema = {
        "$schema": DRAFT,
        "title": "policy-router policy",
        **{k: v for k, v in root.items() if k != "title"},
        "definitions": definitions,
    }
    dress(schema)
    return schema


def _draft7(node: Any) -> Any:
    """A schema in draft-07, without titles of Python classes, nulls and siblings of `$ref`."""
    if isinstance(node, list):
        return [_draft7(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {k: v for k, v in node.items() if k not in ("title", "default", "examples")}
    out: Schema = {}
    for key, value in kept.items():
        if key in ("properties", "patternProperties"):
            out[key] = {name: _draft7(part) for name, part in value.items()}
        else:
            out[key] = _draft7(value)
    if "examples" in node:
        out["examples"] = node["examples"]
    branches = [b for b in out.get("anyOf", ()) if b != {"type": "null"}]
    if len(branches) == 1:
        del out["anyOf"]
        out = {**branches[0], **out} if "$ref" not in branches[0] else {**out, **branches[0]}
    elif branches:
        # A choice of choices is one choice.
        out["anyOf"] = [
            inner for b in branches for inner in (b["anyOf"] if set(b) == {"anyOf"} else [b])
        ]
    if "patternProperties" in out:
        out["additionalProperties"] = False
    if "$ref" in out and len(out) > 1:
        out["allOf"] = [{"$ref": out.pop("$ref")}]
    return out


generated = cache(generate)  # 75 ms


@cache
def validator() -> Draft7Validator:
    """The validator of policy files. It cannot fetch anything over the network."""
    from jsonschema import Draft7Validator  # noqa: PLC0415  takes 75 ms, which `import policy_router` should not
    from jsonschema.validators import extend  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    # 1.0 is not a whole number here, as in the document models.
    types = Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict = extend(Draft7Validator, type_checker=types)  # type: ignore[no-untyped-call]  # partial stubs
    checker: Draft7Validator = strict(_strict_ends(generated()), registry=Registry())
    return checker


def _strict_ends(node: Any) -> Any:
    """The schema with `\\Z` for `$`, which in Python also matches before a final newline."""
    if isinstance(node, list):
        return [_strict_ends(each) for each in node]
    if not isinstance(node, dict):
        return node
    out = {k: v if k == "examples" else _strict_ends(v) for k, v in node.items()}
    if isinstance(out.get("pattern"), str):
        out["pattern"] = _END.sub(r"\\Z", out["pattern"])
    if "patternProperties" in out:
        inner = out["patternProperties"].items()
        out["patternProperties"] = {_END.sub(r"\\Z", p): part for p, part in inner}
    return out


_END: Final = re.compile(r"\$$")
