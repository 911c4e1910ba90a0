"""The keywords of JSON Schema, evaluated in time that no answer can inflate.

jsonschema matches patterns with Python's `re`, which some texts make backtrack almost forever, and
compares each item with every other. Here patterns are RE2 and both take linear time.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from policy_router.answer_schema.meter import METER
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@lru_cache(maxsize=256)
def _search(pattern: str) -> Callable[[str], object]:
    return search(pattern, None)


def _matches(patterns: Mapping[str, Any], name: str) -> bool:
    """Whether one of the patterns is found in the name of a property."""
    for pattern in patterns:
        METER.get().step()
        if _search(pattern)(name) is not None:
            return True
    return False


def pattern(_: Any, expected: str, value: object, __: Any) -> Iterator[Exception]:
    """`pattern`."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  75 ms that few policies pay

    if isinstance(value, str) and _search(expected)(value) is None:
        yield ValidationError("the pattern is not found")


def pattern_properties(
    validator: Any, schemas: Mapping[str, Any], value: object, _: Any
) -> Iterator[Exception]:
    """`patternProperties`."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        for expected, schema in schemas.items():
            METER.get().step()
            if _search(expected)(name) is not None:
                yield from validator.descend(inner, schema, path=name, schema_path=expected)


def additional_properties(
    validator: Any, schema: Any, value: object, within: Mapping[str, Any]
) -> Iterator[Exception]:
    """`additionalProperties`."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  75 ms that few policies pay

    if not isinstance(value, dict) or schema is True:
        return
    names, patterns = within.get("properties", {}), within.get("patternProperties", {})
    for name, inner in value.items():
        METER.get().step()
        if name in names or _matches(patterns, name):
            continue
        if schema is False:
            yield ValidationError("a property is not allowed")
        else:
            yield from validator.descend(inner, schema, path=name)


def unique_items(_: Any, expected: bool, value: object, __: Any) -> Iterator[Exception]:
    """`uniqueItems`."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  75 ms that few policies pay

    if expected and isinstance(value, list) and len(set(map(_canonical, value))) < len(value):
        yield ValidationError("an item occurs twice")


def _canonical(value: Any) -> str:
    """Return one text for all values that are equal in JSON Schema, as 1 and 1.0 are."""
    METER.get().step()
    return json.dumps(_integral(value), sort_keys=True)


def _integral(value: Any) -> Any:
    """Return a value with every float that is a whole number replaced by an int."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _integral(inner) for key, inner in value.items()}
    return [_integral(inner) for inner in value] if isinstance(value, list) else value


def unevaluated_properties(
    validator: Any, schema: Any, value: object, within: Mapping[str, Any]
) -> Iterator[Exception]:
    """`unevaluatedProperties`."""
    if not isinstance(value, dict):
        return
    evaluated = _evaluated_names(validator, within, value, top=True)
    for name, inner in value.items():
        METER.get().step()
        if name not in evaluated:
            yield from validator.descend(inner, schema, path=name)


def unevaluated_items(
    validator: Any, schema: Any, value: object, within: Mapping[str, Any]
) -> Iterator[Exception]:
    """`unevaluatedItems`."""
    if not isinstance(value, list):
        return
    evaluated = _evaluated_positions(validator, within, value, top=True)
    for position, inner in enumerate(value):
        METER.get().step()
        if position not in evaluated:
            yield from validator.descend(inner, schema, path=position)


def _evaluated_names(
    validator: Any, schema: Any, value: dict[str, Any], *, top: bool = False
) -> set[str]:
    """Return the properties that a schema looks at, given that the value fits it.

    Args:
        validator: For this schema.
        schema: The schema.
        value: The object.
        top: Whether `unevaluatedProperties` of this very schema is what asks.
    """
    if not isinstance(schema, dict):
        return set()
    if "additionalProperties" in schema or ("unevaluatedProperties" in schema and not top):
        return set(value)
    patterns = schema.get("patternProperties", {})
    declared = schema.get("properties", {})
    names = {name for name in value if name in declared or _matches(patterns, name)}
    for inner, part in _applied(validator, schema, value):
        names |= _evaluated_names(inner, part, value)
    return names


def _evaluated_positions(
    validator: Any, schema: Any, value: list[Any], *, top: bool = False
) -> set[int]:
    """Return the positions of the items that a schema looks at, given that the value fits it.

    Args:
        validator: For this schema.
        schema: The schema.
        value: The array.
        top: Whether `unevaluatedItems` of this very schema is what asks.
    """
    if not isinstance(schema, dict):
        return set()
    if "items" in schema or ("unevaluatedItems" in schema and not top):
        return set(range(len(value)))
    positions = set(range(min(len(value), len(schema.get("prefixItems", ())))))
    if "contains" in schema:
        contained = validator.evolve(schema=schema["contains"])
        positions |= {i for i, item in enumerate(value) if contained.is_valid(item)}
    for inner, part in _applied(validator, schema, value):
        positions |= _evaluated_positions(inner, part, value)
    return positions


_ANY_OF: Final = ("anyOf", "oneOf")


def _applied(validator: Any, schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the schemas that apply to the same value because of a schema, each with its validator.

    Args:
        validator: For this schema.
        schema: The schema, which the value fits.
        value: The value.
    """
    METER.get().step()
    if "$ref" in schema:
        target = validator._resolver.lookup(schema["$ref"])  # noqa: SLF001  no public way
        within = validator.evolve(schema=target.contents, _resolver=target.resolver)
        yield within, target.contents
    subschemas = [*schema.get("allOf", ())]
    if isinstance(value, dict):
        dependent = schema.get("dependentSchemas", {})
        subschemas += [subschema for name, subschema in dependent.items() if name in value]
    if "if" in schema:
        holds = validator.evolve(schema=schema["if"]).is_valid(value)
        subschemas += [schema["if"], schema.get("then")] if holds else [schema.get("else")]
    for subschema in [subschema for keyword in _ANY_OF for subschema in schema.get(keyword, ())]:
        if validator.evolve(schema=subschema).is_valid(value):
            subschemas.append(subschema)
    for subschema in subschemas:
        yield validator.evolve(schema=subschema), subschema


KEYWORDS: Final[Mapping[str, Callable[[Any, Any, Any, Any], Iterator[Exception]]]] = {
    "pattern": pattern,
    "patternProperties": pattern_properties,
    "additionalProperties": additional_properties,
    "uniqueItems": unique_items,
    "unevaluatedProperties": unevaluated_properties,
    "unevaluatedItems": unevaluated_items,
}
"""What evaluates a keyword: validator, value of the keyword, value of the answer, whole schema."""
