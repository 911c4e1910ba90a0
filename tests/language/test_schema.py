from __future__ import annotations

import copy
import json
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic import ValidationError

from policy_router.domain.fallback import Action
from policy_router.language.document.document import Document
from policy_router.language.document.types import member_of
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.schema import generate, validator
from policy_router.language.schema_errors import check
from policy_router.language.yaml_reader import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCHEMA = generate()


def subschemas(node: Any = SCHEMA, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside the schema, with where it stands."""
    yield path, node
    for word in ("properties", "patternProperties", "definitions"):
        for name, inner in node.get(word, {}).items():
            yield from subschemas(inner, f"{path}/{word}/{name}")
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(node.get(word), dict):
            yield from subschemas(node[word], f"{path}/{word}")
    for word in ("anyOf", "allOf"):
        for i, inner in enumerate(node.get(word, ())):
            yield from subschemas(inner, f"{path}/{word}/{i}")


def test_the_published_schema_is_the_generated_one() -> None:
    published = (ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8")
    assert published == json.dumps(SCHEMA, indent=2) + "\n"


def test_the_schema_is_draft_07() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    words = {word for _, schema in subschemas() for word in schema}
    assert not words & {"$defs", "prefixItems", "unevaluatedProperties", "$dynamicRef"}


def test_every_property_is_described_with_an_example() -> None:
    lacking = [
        f"{path}/{name}"
        for path, schema in subschemas()
        for name, inner in schema.get("properties", {}).items()
        if not (inner.get("description") and inner.get("examples"))
    ]
    assert lacking == []


def test_every_object_is_closed_or_free_on_purpose() -> None:
    free = [
        path
        for path, schema in subschemas()
        if schema.get("type") == "object" and schema.get("additionalProperties") is True
    ]
    assert free == [
        "#/definitions/AcceptShape/properties/json_schema",
        "#/definitions/DefaultsShape/properties/response_format",
        "#/definitions/ParamsShape/properties/response_format",
    ]
    assert all(
        "additionalProperties" in schema
        for _, schema in subschemas()
        if schema.get("type") == "object"
    )


def test_references_stand_alone_and_stay_inside() -> None:
    for path, schema in subschemas():
        if "$ref" in schema:
            assert set(schema) == {"$ref"}, path
            assert schema["$ref"].removeprefix("#/definitions/") in SCHEMA["definitions"]


def test_every_example_is_valid() -> None:
    registry = {"definitions": SCHEMA["definitions"]}
    strict = validator()
    for path, schema in subschemas():
        for example in schema.get("examples", ()):
            errors = [*strict.evolve(schema={**schema, **registry}).iter_errors(example)]
            assert not errors, (path, example, errors)


def read(path: Path) -> Any:
    source, _ = parse(path.name, path.read_bytes())
    assert source is not None
    return source.data


GOOD = [read(path) for path in sorted((ROOT / "tests/cases/good").glob("*.yaml"))]
EVERYTHING = next(data for data in GOOD if data.get("name") == "everything")


def pydantic_takes(data: object) -> bool:
    try:
        Document.model_validate(data)
    except ValidationError:
        return False
    return True


def takes(data: object) -> bool:
    """The verdict, on which the schema and the models must agree."""
    by_schema = validator().is_valid(data)
    assert by_schema is pydantic_takes(data)
    return by_schema


@pytest.mark.parametrize("data", GOOD, ids=[str(d.get("name")) for d in GOOD])
def test_good_documents_are_taken_by_both(data: object) -> None:
    assert takes(data)


MODEL = {"model": "openai/x", "tier": "t"}
BAD_WHEN: list[Any] = [
    "", 5, None, [], {}, {"task": None}, {"task": []}, {"task": [None]}, {"task": [[]]}, {"": "x"},
    {"task": {"a": 1}}, "x" * 4097, True,
]  # fmt: skip
BAD_BANDS: list[Any] = [
    {}, {"a": {}}, {"a": {"from": 2}}, {"a": {"from": "0"}}, {"a": {"from_": 0}}, [],
]  # fmt: skip
TRY = {"share": "1%", "first": ["a"]}
BAD: list[tuple[str, Any]] = [
    ("no mapping", []),
    ("nothing", None),
    ("empty", {}),
    ("no version", {"models": {"a": MODEL}}),
    *((f"version {v!r}", {"version": v}) for v in (0, 2, "1", 1.0, True, None, [1])),
    ("unknown section", {"version": 1, "x": 1}),
    ("empty section", {"version": 1, "models": None}),
    *(
        (f"name {n!r}", {"version": 1, "name": n})
        for n in ("", "A", "a b", "a\n", "-a", "a" * 65, 5)
    ),
    *(
        (f"model {n!r}", {"version": 1, "models": {n: MODEL}})
        for n in ("", "a b", "a\n", "ä", "a" * 65)
    ),
    *(
        (f"{key} {value!r}", {"version": 1, "models": {"a": {**MODEL, key: value}}})
        for key, value in (
            ("model", ""), ("model", "a b"), ("model", "a\n"), ("model", "a" * 201), ("model", 5),
            ("api_base", "ftp://x"), ("api_base", "http://x\n"), ("api_key_env", "sk-abc"),
            ("api_key_env", "KEY\n"), ("price", 0), ("price", "0.1"), ("price", {"input": "$1/M"}),
            ("price", {"input": "$1/M", "output": "$1"}), ("price", "Free"), ("context", "32kb"),
            ("context", 0), ("context", "0"), ("max_output", 0), ("max_output", "0k"),
            ("context", -1), ("context", 1.0), ("context", True), ("context", "32k\n"),
            ("can", ["Tool"]), ("can", "tools"), ("can", [1]), ("can", [["tools"]]), ("can", None),
            ("tags", [""]), ("tags", "eu"), ("quality", 1.1), ("quality", -0.1), ("quality", "0.5"),
            ("quality", True), ("latency", 5), ("gpu_memory", "8"), ("via", "http"), ("via", True),
            ("limits", ["50"]), ("limits", "50/min"), ("unknown", 1),
            ("like", ""), ("like", ["a"]), ("effort", "extreme"), ("effort", True),
            ("params", {"model": "x"}), ("params", {"temperature": "0"}), ("params", {"stop": []}),
            ("params", {"reasoning_effort": "low"}), ("params", {"seed": 1.5}),
            ("params", {"max_tokens": 0}), ("params", {"temperature": None}), ("params", []),
            ("defaults", {"reasoning_effort": "xhigh"}), ("defaults", {"n": 2}),
            ("api_base_env", "http://x"), ("api_key_env", []), ("api_key_env", ["sk-abc"]),
            ("deadline", "0s"), ("stall", 5), ("first_token_within", "soon"),
        )
    ),
    *(
        (f"when {when!r}", {"version": 1, "rules": [{"name": "r", "when": when}]})
        for when in BAD_WHEN
    ),
    *(
        (f"bands {bands!r}", {"version": 1, "complexity": {"bands": bands}})
        for bands in BAD_BANDS
    ),
    *(
        (f"until {day!r}", {"version": 1, "experiments": {"e": {**TRY, "until": day}}})
        for day in ("2026-13-01", "2026-1-1", "2026-01-01\n", 20260101)
    ),
    ("accept from_", {"version": 1, "rules": [{"name": "r", "accept": {"json_": True}}]}),
    ("no tier", {"version": 1, "models": {"a": {"model": "openai/x"}}}),
    ("no model", {"version": 1, "models": {"a": {"tier": "t"}}}),
    ("neither", {"version": 1, "models": {"a": {}}}),
    ("no cap", {"version": 1, "budgets": {"b": {"then": "block"}}}),
    *(
        (f"{key} zero", {"version": 1, "fallback": {key: "0s"}})
        for key in ("deadline", "first_token_within", "stall")
    ),
    ("zero attempts", {"version": 1, "fallback": {"max_attempts": 0}}),
    ("two estimators", {"version": 1, "complexity": {"estimator": {"llm": "a", "python": "a:b"}}}),
    ("request", {"version": 1, "tests": [{"name": "t", "request": [], "expect": {}}]}),
]  # fmt: skip


@pytest.mark.parametrize("data", [d for _, d in BAD], ids=[name for name, _ in BAD])
def test_bad_documents_are_refused_by_both(data: object) -> None:
    assert not takes(data)


@pytest.mark.parametrize(
    "data",
    [
        {"version": 1},
        {"version": 1, "models": {"A.b:c_d-e": MODEL}},
        {"version": 1, "models": {"a": MODEL, "b": {"like": "a"}, "c": {"like": "zzz"}}},
        {"version": 1, "models": {"a": {**MODEL, "params": {}, "api_key_env": ["A", "B"]}}},
        {"version": 1, "complexity": {"bands": {"a": {"from": 0}, "b": {"from": 1}}}},
        {"version": 1, "tests": [{"name": "t", "request": "", "expect": {}}]},
        {"version": 1, "tests": [{"name": "t", "request": {"tags": []}, "expect": {}}]},
        {"version": 1, "rules": [{"name": "r", "when": {"task": ["a", 1, 0.5, True, ""]}}]},
        {"version": 1, "rules": [{"name": "r", "accept": {"json_schema": {"a": [None]}}}]},
        {"version": 1, "rules": [], "models": {}, "tasks": {}, "prefer": []},
    ],
)
def test_odd_but_good_documents_are_taken_by_both(data: object) -> None:
    assert takes(data)


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(data, list):
        data = dict(enumerate(data))
    if isinstance(data, dict):
        for step, inner in data.items():
            yield from paths(inner, (*path, step))


PATHS = [(i, path) for i, data in enumerate(GOOD) for path in paths(data) if path]
Edit: TypeAlias = tuple[tuple[int, tuple[Any, ...]], str, Any, str]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 0.5, 1e300, 10**30, "", "x", "x\n", "free", "$1/M", "20/min",
    "32k", "1%", "a" * 300, "a" * 5000, "ä", " ", [], [None], ["x"], [1], [[]], {}, {"x": 1},
    {"": 1}, {"a": None}, {"input": "$1/M", "output": "$1/M"}, {"llm": "x"}, {"from": 0}, "a:b",
    "2026-02-30",
]  # fmt: skip
KEYS = ["x", "", "x\n", "name", "when", "json_", "for_", "from_", "a" * 300, "ä", "model", "X"]


@settings(max_examples=1500)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PATHS),
            st.sampled_from(("set", "drop", "add", "rename", "swap", "twice")),
            st.sampled_from(VALUES),
            st.sampled_from(KEYS),
        ),
        min_size=1,
        max_size=2,
    )
)
def test_both_agree_on_mutations(
    edits: list[tuple[tuple[int, tuple[Any, ...]], str, Any, str]],
) -> None:
    data = copy.deepcopy(GOOD[edits[0][0][0]])
    for (_, path), how, value, key in edits:
        mutate(data, path, how, value, key)
    takes(data)


def mutate(data: Any, path: tuple[Any, ...], how: str, value: Any, key: str) -> None:
    """Change what stands at a path, when there is such a path."""
    part = data
    for step in path[:-1]:
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            return
    last = path[-1]
    if not isinstance(part, dict | list) or isinstance(part, list) is not isinstance(last, int):
        return
    if last not in (range(len(part)) if isinstance(part, list) else part):
        return
    match how:
        case "set":
            part[last] = value
        case "drop":
            del part[last]
        case "add" if isinstance(part[last], dict):
            part[last][key] = value
        case "add" if isinstance(part[last], list):
            part[last].append(value)
        case "rename" if isinstance(part, dict):
            part[key] = part.pop(last)
        case "swap" if isinstance(part, dict):
            part[next(iter(part))] = part[last]
        case "twice" if isinstance(part, list):
            part.append(part[last])


HEAD = "version: 1\nmodels:\n  a: { model: openai/x, tier: t }\n"
WORDING = [
    ("teirs: [t]", "unknown-field", 4, 1, "did you mean `tiers`?"),
    ("rules:\n  - { name: r, onyl: [a] }", "unknown-field", 5, 16, "did you mean `only`?"),
    ("rules:\n  - { nmae: r, only: [a] }", "unknown-field", 5, 7, "did you mean `name`?"),
    ("step_down: true", "unknown-field", 4, 1, "`step_down` belongs under `fallback`"),
    ("cap: $5/day", "unknown-field", 4, 1, "`cap` belongs under `budgets`"),
    ("fallback: { rules: [] }", "unknown-field", 4, 13, "`rules` belongs under `the top level`"),
    ("xyzzy: 1", "unknown-field", 4, 1, "the known ones are"),
    ("budgets: { b: { cap: 50 } }", "bad-unit", 4, 22, "write it like `$50/month`"),
    ("budgets: { b: { cap: $50/year } }", "bad-unit", 4, 22, "write it like `$50/month`"),
    ("budgets: { b: { then: block } }", "missing-field", 4, 12, "write it like `cap: $50/month`"),
    ("budgets: { b: { cap: $5/day, then: stop } }", "unknown-word", 4, 36, "ones are `free_only`"),
    ("limits: { l: { requests: [20] } }", "bad-unit", 4, 27, "write it like `20/min` or `50/day`"),
    ("limits: { l: { requests: 20/min } }", "wrong-type", 4, 26, "like `[20/min, 50/day]`"),
    ("limits: { l: { concurrent: 0 } }", "bad-value", 4, 28, "write it like `8`"),
    ("limits: { l: { concurrent: 1.0 } }", "wrong-type", 4, 28, "write it like `8`"),
    ("limits: { L!: { concurrent: 1 } }", "bad-name", 4, 11, "a name has letters"),
    ("prefer: [cheap]", "unknown-word", 4, 10, "did you mean `cheapest`?"),
    ("fallback: { deadline: 60 }", "bad-unit", 4, 23, "write it like `60s`"),
    ("fallback: { step_down: no }", "wrong-type", 4, 24, "write false"),
    ("fallback: { on_error: { timeout: nxt } }", "unknown-word", 4, 34, "did you mean `next`?"),
    ("rules:\n  - only: [a]", "missing-field", 5, 5, "write it like `name: "),
    ("rules:\n  - { name: r, only: }", "wrong-type", 5, 16, "write it like `[local]`"),
    ("rules:\n  - { name: r, only: [] }", "bad-value", 5, 22, "write it like `[local]`"),
    ("rules:\n  - { name: r, when: 5 }", "wrong-type", 5, 22, "write it like `{ tags: private }`"),
    ("rules:\n  - { name: r, when: {} }", "bad-value", 5, 22, "write it like `{ tags: private }`"),
    ("rules: { name: r }", "wrong-type", 4, 8, "write it like `[{ name: private stays"),
    ("complexity: { bands: { a: { from: 2 } } }", "bad-value", 4, 35, "write it like `0.35`"),
    ("experiments: { e: { share: 10, first: [a] } }", "bad-unit", 4, 28, "write it like `10%`"),
    ("learning: { mode: on }", "unknown-word", 4, 19, "the known ones are `off`, `shadow`"),
    ("learning: {}", "missing-field", 4, 1, "write it like `mode: suggest`"),
    ("name: My Policy", "bad-value", 4, 7, "write it like `team-default`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule", "line", "col", "help_"), WORDING, ids=[w[0] for w in WORDING]
)
def test_wording(text: str, rule: str, line: int, col: int, help_: str) -> None:
    source, problems = parse("p.yaml", (HEAD + text).encode())
    assert source is not None
    assert not problems
    found = [fault.diagnostic for fault in check(source)]
    assert len(found) == 1, found
    assert found[0].span is not None
    assert (found[0].rule, found[0].span.line, found[0].span.col) == (rule, line, col)
    assert help_ in found[0].help
    assert found[0].message[0] in "`abcdefghijklmnopqrstuvwxyz"
    assert not found[0].message.endswith(".")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the file is empty"), ("[1]", "a policy is a mapping of sections"), ("x", "a mapping")],
)
def test_a_file_that_is_no_mapping(text: str, message: str) -> None:
    source, _ = parse("p.yaml", text.encode())
    assert source is not None
    (fault,) = check(source)
    assert message in fault.diagnostic.message
    assert fault.path == ()


def test_what_a_mistyped_field_holds_is_checked_too() -> None:
    source, _ = parse("p.yaml", b"version: 1\nmodles:\n  a: { modle: openai/x, tier: 5 }\n")
    assert source is not None
    found = check(source)
    assert [(f.diagnostic.rule, f.path) for f in found] == [
        ("unknown-field", None),
        ("unknown-field", None),
        ("wrong-type", ("models", "a", "tier")),
    ]
    assert source.data["models"]["a"]["model"] == "openai/x"


def test_a_mistyped_field_that_fits_nowhere_is_one_mistake() -> None:
    source, _ = parse("p.yaml", b"version: 1\ntierz: 5\n")
    assert source is not None
    found = check(source)
    assert [f.diagnostic.rule for f in found] == ["unknown-field", "unknown-field"]
    assert found[0].diagnostic == found[1].diagnostic
    assert found[1].path == ("tiers",)


# -- what editors show ---------------------------------------------------------------------------


def test_every_word_and_every_pattern_is_explained() -> None:
    words, texts = 0, 0
    for path, schema in subschemas():
        if "enum" in schema:
            words += 1
            assert len(schema["enumDescriptions"]) == len(schema["enum"]), path
            assert all(schema["enumDescriptions"]), path
        if isinstance(schema.get("pattern"), str):
            texts += 1
            assert schema["patternErrorMessage"], path
    assert (words, texts) > (10, 20)


def test_the_same_word_means_what_its_list_is_about() -> None:
    shapes = SCHEMA["definitions"]
    stream = shapes["FallbackShape"]["properties"]["on_stream_break"]
    assert stream["enumDescriptions"][0] == "the stream ends with an error"
    key, _ = SCHEMA["properties"]["prefer"]["items"]["anyOf"]
    assert key["enumDescriptions"][0].endswith("free models first")
    cap = shapes["BudgetShape"]["properties"]["cap"]
    assert cap["patternErrorMessage"] == "a cap, such as $50/month"
    until = shapes["ExperimentShape"]["properties"]["until"]
    assert until["patternErrorMessage"] == "write it like 2026-12-31"


def test_a_default_written_out_changes_nothing() -> None:
    shapes = SCHEMA["definitions"]

    def defaults(part: dict[str, Any]) -> dict[str, Any]:
        found = part["properties"].items()
        return {name: each["default"] for name, each in found if "default" in each}

    head: dict[str, Any] = {
        "version": 1,
        "models": {"m": {"model": "hosted_vllm/m", "tier": "t", "price": "free", "context": "8k"}},
        "tasks": {"math": {}, "chat": {}},
        "budgets": {"b": {"cap": "$5/month"}},
        "rules": [{"name": "r", "accept": {"json": True}}],
    }
    said = copy.deepcopy(head) | defaults(SCHEMA)
    said["fallback"] = defaults(shapes["FallbackShape"])
    said["fallback"]["on_error"] = defaults(shapes["OnErrorShape"])
    said["complexity"] = defaults(shapes["ComplexityShape"])
    said["complexity"]["weights"] = defaults(shapes["WeightsShape"])
    said["models"]["m"] |= defaults(shapes["ModelShape"])
    said["tasks"]["math"] |= defaults(shapes["TaskShape"])
    said["budgets"]["b"] |= defaults(shapes["BudgetShape"])
    said["rules"][0]["accept"] |= defaults(shapes["AcceptShape"])
    one, other = (
        compile_files([PolicyFile("p.yaml", json.dumps(each).encode())]) for each in (head, said)
    )
    assert other.policy is not None, other.diagnostics
    assert one.policy is not None
    # They are distinguished by what was written, and by nothing else.
    assert replace(one.policy, revision="") == replace(other.policy, revision="")


def test_an_enumeration_is_read_by_a_function_of_one_value() -> None:
    """From Python 3.12 on, an enumeration itself takes any number, which pydantic refuses."""
    reader, *_ = member_of(Action)
    assert list(signature(reader.func).parameters) == ["value"]
    assert reader.func("retry") is Action.RETRY
