"""Branches that ordinary policies do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from policy_router.catalog.table import folder_of, read_catalog
from policy_router.check.report import inspect
from policy_router.domain.facts import Vocabulary
from policy_router.language import load
from policy_router.language.files import PolicyFile
from policy_router.language.merge import merge
from policy_router.language.yaml_reader import parse

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.diagnostics import Diagnostic
    from policy_router.language.source import SourceFile

HEAD = """\
version: 1
attributes: { plan: [free, pro] }
models:
  small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
"""


def found(text: str) -> list[tuple[str, int]]:
    report = inspect([PolicyFile("p.yaml", (HEAD + text).encode())])
    return [(d.rule, d.span.line if d.span else 0) for d in report.findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tasks: { code: { accept: { pattern: '(' } }, chat: {} }", [("bad-pattern", 5)]),
        (
            "tasks: { code: { accept: { llm: { model: judge, rubric: good } } }, chat: {} }",
            [("unknown-name", 5)],
        ),
        ("tests: [{ name: t, request: { prompt: Hi }, expect: { first: small } }]", []),
        ("description: " + "x" * 5000, [("bad-value", 5)]),
        ("limits: { l: { requests: { a: 1 } } }", [("wrong-type", 5)]),
        ("name: true", [("wrong-type", 5)]),
        ("budgets: { b: { cap: [1] } }", [("bad-unit", 5)]),
        ("rules: [{ name: r, when: 'tokens > plan', deny: no }]", [("condition-syntax", 5)]),
        ("rules: [{ name: r, when: 'tokens > much', deny: no }]", [("unknown-fact", 5)]),
        ("rules: [{ name: r, when: 'plan == gold', deny: no }]", [("unknown-fact", 5)]),
        ("rules: [{ name: r, when: \"any_of('a', 'b')\", deny: no }]", [("condition-syntax", 5)]),
        ("rules: [{ name: r, when: 'plan in [gold]', deny: no }]", [("unknown-fact", 5)]),
        ("rules: [{ name: r, when: 'plan in [tokens]', deny: no }]", [("condition-syntax", 5)]),
        ("rules: [{ name: r, when: \"tokens > -'x'\", deny: no }]", [("condition-syntax", 5)]),
        ("rules: [{ name: r, when: 'tokens > -(1 + 1)', deny: no }]", [("condition-syntax", 5)]),
        ("prefer: [free, fre, chepest]", [("unknown-word", 5), ("unknown-word", 5)]),
        (
            """rules:
  - { name: a, deny: 5, when: { plan: [] } }
  - { name: b, when: { pln: x } }""",
            [("wrong-type", 6), ("bad-value", 6), ("unknown-fact", 7)],
        ),
    ],
)
def test_a_corner_is_worded(text: str, expected: list[tuple[str, int]]) -> None:
    assert sorted(found(text)) == sorted(expected)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("[1]", "is a list, not `free` or a mapping"),
        ("true", "is `true`, not `free` or a mapping"),
        ("7", "is `7`, not `free` or a mapping"),
    ],
)
def test_a_choice_names_its_alternatives(price: str, words: str) -> None:
    text = f"version: 1\nmodels:\n  m: {{ model: openai/gpt-4o, tier: heavy, price: {price} }}\n"
    report = inspect([PolicyFile("p.yaml", text.encode())])
    assert any(words in d.message for d in report.diagnostics)


@pytest.mark.parametrize(
    ("text", "words", "help_"),
    [
        ("fallback: { max_attempts: '4' }", "is the string `'4'`, not a whole", "4 without quotes"),
        ('fallback: { max_attempts: "x" }', 'is the string `"x"`, not a whole', "like `4`"),
        ("fallback: { max_attempts: x }", "is `x`, not a whole number", "like `4`"),
        ('fallback: { step_down: "true" }', 'the string `"true"`', "write true without quotes"),
        ('rules: "r"', 'the string `"r"`, not a list', "write it like"),
        ("complexity: { estimator: gpt }", "`gpt` is", "`learned`; or write it like `{ llm: haiku"),
        ("complexity: { estimator: gpt }", "`gpt` is", "`{ python: my_package.module:function }`"),
        ("complexity: { estimator: 'llm: small' }", "`llm: small`", "around it: `{ llm: haiku }`"),
        ("complexity: { estimator: learnt }", "`learnt` is not", "did you mean `learned`?"),
        ("complexity: { bands: few }", "`few` is not allowed", "ones are `three_tiers`, `one_to_"),
        (
            "tests: [{ name: t, request: {}, expect: { reasons: { a: max_cost } } }]",
            "`max_cost` is not allowed", "did you mean `cost`?",
        ),
        (
            "tests: [{ name: t, request: {}, expect: { reasons: { a: stocks } } }]",
            "`stocks` is not allowed", "the known ones are",
        ),
        ("fallback: { stall: 0s }", "`0s` is not a duration above zero", "write it like `20s`"),
    ],
)  # fmt: skip
def test_a_slip_is_reported_with_what_to_write(text: str, words: str, help_: str) -> None:
    (problem,) = inspect([PolicyFile("p.yaml", (HEAD + text).encode())]).findings
    assert words in problem.message
    assert help_ in problem.help


def test_a_version_in_quotes_shows_them() -> None:
    report = inspect([PolicyFile("p.yaml", HEAD.replace("1", '"1"', 1).encode())])
    assert [d.message for d in report.findings] == [
        '`version` is the string `"1"`, not a whole number'
    ]


def test_an_attribute_is_a_list_or_a_type() -> None:
    report = inspect([PolicyFile("p.yaml", b"version: 1\nattributes: { plan: 5 }\n")])
    words = "`attributes.plan` is `5`, not `string` or `number` or `bool` or a list or a mapping"
    assert words in [d.message for d in report.diagnostics]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            ["version: 1\nattributes: true\nrules: 5\n", HEAD + "rules: [{ name: r, deny: no }]\n"],
            ["0.yaml:2:13 wrong-type", "0.yaml:3:8 wrong-type"],
        ),
        (
            [HEAD + "rules: [{ name: r, when: { plan: pro }, deny: no }]\n",
             "version: 1\nattributes: true\nrules: 5\n"],
            ["1.yaml:2:13 wrong-type", "1.yaml:3:8 wrong-type"],
        ),
        (["{}", HEAD], ["0.yaml:1:1 missing-field"]),
        (["{}"], ["0.yaml:1:1 missing-field", "0.yaml:1:1 no-models"]),
        (["", HEAD], ["0.yaml:1:1 wrong-type"]),
        (["[]", HEAD], ["0.yaml:1:1 wrong-type"]),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_together(texts: list[str], expected: list[str]) -> None:
    files = [PolicyFile(f"{i}.yaml", text.encode()) for i, text in enumerate(texts)]
    report = inspect(files)
    assert report.policy is None
    assert [f"{d.span} {d.rule}" for d in report.findings] == expected


def source(text: str) -> SourceFile:
    made, problems = parse("p.yaml", text.encode())
    assert made is not None
    assert not problems
    return made


def read(text: str) -> tuple[object, list[Diagnostic]]:
    """The document of a text that no schema has seen, and what was found in it."""
    merged, places, problems = merge([source(text)])
    document = load._document(merged, places, problems)
    return document.model_dump(exclude_none=True), problems


def test_what_only_the_models_refuse_is_worded_and_left_out() -> None:
    document, problems = read(
        HEAD
        + "prefer: [free, chepest]\nrules:\n  - { name: a, deny: 5 }\n  - { name: b, deny: no }\n"
    )
    assert [(d.rule, str(d.span)) for d in problems] == [
        ("bad-value", "p.yaml:5:9"),
        ("bad-value", "p.yaml:7:22"),
    ]
    assert "prefer" not in str(document)
    assert "'b'" in str(document)


def test_a_rule_without_its_name_is_left_out_and_the_next_keeps_its_place() -> None:
    _, problems = read(HEAD + "rules:\n  - { deny: no }\n  - { name: b, deny: 5 }\n")
    assert [str(d.span) for d in problems] == ["p.yaml:6:5", "p.yaml:7:22"]


def test_nothing_is_left_of_a_document_without_a_version() -> None:
    with pytest.raises(ValidationError):
        read("name: nothing\n")


def test_a_scalar_that_cannot_be_aligned_is_pointed_at_whole() -> None:
    made = source("key: value\n")
    made.place_value(("key",), 5, 10, "something else")
    assert made.inside(("key",), 2, 3) == made.value_span(("key",))


def test_a_table_that_is_not_there_knows_nothing(tmp_path: Path) -> None:
    nothing = read_catalog(tmp_path, "nowhere")
    assert nothing.find("openai/gpt-4o") is None
    assert not nothing.providers
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "utils.py").write_text("something = 'else'\n")
    assert not read_catalog(tmp_path, "odd").providers
    assert folder_of("no_such_package_anywhere").parts == ()


def test_vocabularies_are_values() -> None:
    assert hash(Vocabulary(["a"], [])) == hash(Vocabulary(["a"], []))
    assert Vocabulary(["a"], []) != Vocabulary(["b"], [])
    assert Vocabulary(["a"], []) != "a"
