"""JSON Schemas that answers are checked by: which can be used, and what fits them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from policy_router.answer_schema.match import misfit
from policy_router.answer_schema.meter import STEPS
from policy_router.answer_schema.problems import problem_of

SEVEN = "http://json-schema.org/draft-07/schema#"
DEEP: Any = {}
for _ in range(2_000):
    DEEP = {"not": DEEP}


CLOSED = {"allOf": [{"properties": {"a": {}}}], "$ref": "#/$defs/b", "unevaluatedProperties": False,
          "$defs": {"b": {"properties": {"b": {}}}}}  # fmt: skip
TWICE = {"type": "array", "items": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}
NESTED: Any = []
for _ in range(40):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "required": ["a"]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "number"}}},
        {"$ref": "#"},
        {"properties": {"pattern": {"type": "string"}, "$ref": {}, "patternProperties": {}}},
        {"properties": {"a": {"pattern": r"^\w+$"}}},
        {"enum": [{"$ref": "nowhere", "pattern": "("}]},
        {"allOf": [True, {"$anchor": "x"}, {"$ref": "#x"}]},
        {"$schema": SEVEN, "definitions": {"a": {}}, "items": {"$ref": "#/definitions/a"}},
        {"$schema": SEVEN.removesuffix("#"), "items": [{}, {}]},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"items": {"patternProperties": {"^a": {}}}},
        {"unevaluatedProperties": False, "items": {"unevaluatedItems": False}},
        {"$dynamicRef": "#a", "$dynamicAnchor": "a"},
    ],
)
def test_schemas_that_can_be_used(schema: dict[str, Any]) -> None:
    assert problem_of(schema) is None


@pytest.mark.parametrize(
    ("schema", "words", "path"),
    [
        ({"properties": {"a": {"type": "text"}}}, "'text'", ("properties", "a", "type")),
        ({"minLength": -1}, "less than the minimum", ("minLength",)),
        ({"required": "a"}, "not of type 'array'", ("required",)),
        ({"$schema": SEVEN, "items": 5}, "5 is not valid", ("items",)),
        ({"$schema": "urn:mine"}, "no draft is called `urn:mine`", ("$schema",)),
        ({"$schema": []}, "no draft is called `[]`", ("$schema",)),
        ({"items": {"pattern": "(?=a)"}}, "the pattern `(?=a)` cannot be read", ()),
        ({"patternProperties": {"(?!a)": {}}}, "the pattern `(?!a)` cannot be read", ()),
        ({"$ref": "#/$defs/b"}, "`$ref: #/$defs/b` leads nowhere", ()),
        ({"not": {"$ref": "https://example.com/s.json"}}, "leads nowhere", ()),
        ({"$dynamicRef": "#there"}, "`$dynamicRef: #there` leads nowhere", ()),
        (
            {"$dynamicRef": "#a", "$dynamicAnchor": "a", "unevaluatedProperties": False},
            "`unevaluatedProperties` is not supported together with `$dynamicRef`",
            (),
        ),
        (
            {"items": {"$dynamicRef": "#a", "$dynamicAnchor": "a", "unevaluatedItems": False}},
            "`unevaluatedItems` is not supported together with `$dynamicRef`",
            (),
        ),
        (DEEP, "nested too deeply", ()),
        ({"$id": "http://["}, "an `$id` in it cannot be read as an address", ()),
        ({"$ref": "http://["}, "leads nowhere", ()),
        ({"allOf": [{"$ref": "#/allOf/x"}]}, "`$ref: #/allOf/x` leads nowhere", ()),
    ],
)
def test_schemas_that_cannot(schema: dict[str, Any], words: str, path: tuple[Any, ...]) -> None:
    problem = problem_of(schema)
    assert problem is not None
    assert words in problem.message
    assert problem.path == path


@pytest.mark.parametrize(
    ("schema", "value", "where"),
    [
        ({"type": "object"}, {}, None),
        ({"type": "object"}, [], "type"),
        ({"items": {"pattern": "^a"}}, ["ab", 5], None),
        ({"items": {"pattern": "^a"}}, ["b"], "items/pattern"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"minimum": 5}}}, 5, None),
        ({"$schema": SEVEN, "items": [{"type": "null"}]}, [5], "items/0/type"),
        ({"format": "email"}, "no address", None),
        ({"uniqueItems": True}, [1, True, "1", None, {"a": 1}, {"a": 2}, [1], [1, 1]], None),
        ({"uniqueItems": True}, [1, 1.0], "uniqueItems"),
        ({"uniqueItems": True}, [{"a": 1, "b": [0.0]}, {"b": [0], "a": 1}], "uniqueItems"),
        ({"uniqueItems": True}, "aa", None),
        ({"uniqueItems": False}, [1, 1], None),
        ({"patternProperties": {"^a": {"type": "null"}}}, {"ab": None, "b": 1}, None),
        ({"patternProperties": {"^a": {"type": "null"}}}, {"ab": 1}, "patternProperties/^a/type"),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, {"ab": 1}, None),
        (
            {"patternProperties": {"^a": {}}, "additionalProperties": False},
            {"b": 1},
            "additionalProperties",
        ),
        ({"additionalProperties": {"type": "null"}}, {"a secret": 1}, "additionalProperties/type"),
        (CLOSED, {"a": 1, "b": 2}, None),
        (CLOSED, {"a": 1, "a secret": 2}, "unevaluatedProperties"),
        (CLOSED, [1], None),
        ({"unevaluatedItems": {"type": "null"}, "prefixItems": [{}]}, [1, None], None),
        (
            {"unevaluatedItems": {"type": "null"}, "prefixItems": [{}]},
            [1, 2],
            "unevaluatedItems/type",
        ),
    ],
)
def test_what_fits(schema: dict[str, Any], value: Any, where: str | None) -> None:
    found = misfit(json.dumps(schema), value)
    assert found == (where and f"does not fit the schema at `{where}`")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "#"}, 1),
        ({"$ref": "https://example.com/s.json"}, 1),
        ({"multipleOf": 0.01}, 10**400),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, 1),
        ({"$dynamicRef": "#a", "$dynamicAnchor": "a"}, 1),
        ({"items": {"minimum": 0}}, [1] * STEPS),
        ({"uniqueItems": True}, [[n] for n in range(STEPS)]),
    ],
    ids=[*"abcdefg"],
)
def test_nothing_fits_what_cannot_be_followed(schema: dict[str, Any], value: Any) -> None:
    assert misfit(json.dumps(schema), value) == "the schema cannot be followed to its end"


EITHER = {"anyOf": [
    {"type": "array", "items": {"$ref": "#"}},
    {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (TWICE, NESTED, True),
        ({**TWICE, "$defs": {"a": {"$anchor": "$dynamicRef"}}}, [[[]]], True),
        (EITHER, json.loads("[" * 40 + "1" + "]" * 40), False),
        (EITHER, json.loads("[" * 40 + "]" * 40), True),
        (EITHER, [[1], [1], []], False),
    ],
    ids=[*"abcde"],
)
def test_a_reference_is_followed_once_for_each_value(schema: Any, value: Any, fits: bool) -> None:
    """Else the work doubles with each level: 40 levels would take weeks."""
    assert (misfit(json.dumps(schema), value) is None) is fits


@given(st.recursive(st.integers(0, 2), lambda inner: st.lists(inner, max_size=3)))
def test_what_is_remembered_is_what_would_be_found(value: Any) -> None:
    """Held against jsonschema as it comes."""
    for schema in (TWICE, EITHER, {"oneOf": [EITHER["anyOf"][0], {"const": 1}]}):
        plainly = Draft202012Validator(schema, registry=Registry()).is_valid(value)
        assert (misfit(json.dumps(schema), value) is None) is plainly


PARTS = [
    {"properties": {"a": {"type": "integer"}, "b": {}}},
    {"patternProperties": {"^[ab]$": {"type": "integer"}}},
    {"additionalProperties": {"type": "integer"}},
    {"additionalProperties": False},
    {"unevaluatedProperties": {"type": "integer"}},
    {"unevaluatedProperties": False},
    {"required": ["a"], "properties": {"c": {}}},
    {"dependentSchemas": {"a": {"properties": {"c": {}}}}},
    {"prefixItems": [{}, {"type": "integer"}]},
    {"items": {"type": "integer"}},
    {"contains": {"type": "integer"}},
    {"unevaluatedItems": {"type": "integer"}},
    {"unevaluatedItems": False},
    {"$ref": "#/$defs/a"},
    {"$ref": "#/$defs/b"},
    True,
    {"type": "object"},
]
SCHEMAS = st.recursive(
    st.sampled_from(PARTS),
    lambda inner: st.one_of(
        *(st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=2)})
          for word in ("allOf", "anyOf", "oneOf")),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=4,
)  # fmt: skip
LAST = st.sampled_from([*PARTS[3:6], *PARTS[11:13]])
DEFINED = {"$defs": {"a": {"properties": {"c": {}}}, "b": {"prefixItems": [{}, {}, {}]}}}
VALUES = st.one_of(
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([1, "x"]), max_size=3),
    st.lists(st.sampled_from([1, "x"]), max_size=4),
)


@given(SCHEMAS, LAST, VALUES)
@settings(max_examples=300)
def test_what_is_evaluated_is_what_jsonschema_says(schema: Any, last: Any, value: Any) -> None:
    whole = {**DEFINED, "allOf": [schema], **last}
    plainly = Draft202012Validator(whole, registry=Registry()).is_valid(value)
    assert (misfit(json.dumps(whole), value) is None) is plainly


def test_an_endless_reference_evaluates_nothing() -> None:
    schema = {"unevaluatedProperties": False, "anyOf": [{"$ref": "#"}]}
    assert misfit(json.dumps(schema), {"a": 1}) == "the schema cannot be followed to its end"


def test_names_are_matched_in_linear_time() -> None:
    """Python's own matching would not come back from these."""
    patterns = {"^(a+)+$": {"type": "null"}}
    name = "a" * 50_000 + "b"
    assert misfit(json.dumps({"patternProperties": patterns}), {name: 1}) is None
    for word in ("additionalProperties", "unevaluatedProperties"):
        schema = {"patternProperties": patterns, word: False}
        assert misfit(json.dumps(schema), {name: 1}) == f"does not fit the schema at `{word}`"


def test_many_properties_are_evaluated_in_linear_time() -> None:
    """jsonschema's own search in a list for each would take minutes."""
    schema = {"anyOf": [{"patternProperties": {"^k": {}}}], "unevaluatedProperties": False}
    assert misfit(json.dumps(schema), {f"k{i}": i for i in range(30_000)}) is None
    items = {"anyOf": [{"contains": {"type": "integer"}}], "unevaluatedItems": False}
    assert misfit(json.dumps(items), list(range(30_000))) is None


def test_nested_unevaluated_keywords_do_not_run_away() -> None:
    """With each level the work is some three times as much."""
    schema: Any = {"patternProperties": {"^k": {}}}
    for _ in range(30):
        schema = {"anyOf": [schema, {"not": {}}], "unevaluatedProperties": False}
    value = {f"k{i}": i for i in range(100)}
    assert misfit(json.dumps(schema), value) == "the schema cannot be followed to its end"


def test_it_ends_when_no_caller_waits() -> None:
    looks = iter([*[False] * 10, *[True] * 100])
    found = misfit(json.dumps({"items": {"minimum": 0}}), [1] * 1000, lambda: next(looks))
    assert found == "the schema cannot be followed to its end"
    assert next(looks) is True


def test_a_pattern_takes_linear_time() -> None:
    """Python's own matching would not come back from this one."""
    assert misfit(json.dumps({"pattern": "^(a+)+$"}), "a" * 50_000 + "b") is not None


def test_items_are_compared_in_linear_time() -> None:
    """jsonschema's own comparison of each with each would take an hour."""
    many = [{"a": i} for i in range(100_000)]
    assert misfit(json.dumps({"uniqueItems": True}), many) is None


def test_many_references_are_no_endless_ones() -> None:
    schema = {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "number"}}}
    assert misfit(json.dumps(schema), list(range(10_000))) is None
