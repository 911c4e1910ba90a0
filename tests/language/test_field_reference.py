"""The reference of all fields in docs/fields.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from policy_router.language.field_reference import field_reference
from policy_router.language.schema import generate
from policy_router.units import UNITS

PAGE = field_reference(generate())
DOCS = Path(__file__).parents[2] / "docs"


def row(heading: str, field: str) -> str:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (line,) = re.findall(rf"^\| `{field}` \|.*$", section, re.MULTILINE)
    return str(line)


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "fields.md").read_text(encoding="utf-8") == PAGE


@pytest.mark.parametrize(
    ("heading", "field", "type_", "default", "example"),
    [
        ("Top level", "version", "`1`", "required", "`1`"),
        ("Top level", "prefer", "list of `free`, `local`", "`[free, smallest, cheapest]`", ""),
        ("Top level", "models", "mapping of names to mappings, see `models.NAME`", "", ""),
        ("Top level", "rules", "list of mappings, see `rules[]`", "", ""),
        ("`models.NAME`", "price", "`free` or mapping, see `models.NAME.price`", "", "`free` or"),
        ("`models.NAME`", "context", "number of tokens above zero", "", "`128k`"),
        ("`models.NAME`", "quality", "number, 0 to 1", "", "`0.55`"),
        ("`limits.NAME`", "requests", "list of request rates", "", "`[20/min, 50/day]`"),
        ("`limits.NAME`", "concurrent", "whole number, at least 1", "", "`8`"),
        (
            "`limits.NAME`",
            "when",
            "string or mapping of names to values or lists of values",
            "",
            "",
        ),
        ("`tasks.NAME`", "pattern", "string", "", r"`` ```\|\bdef \w+\( ``"),
        ("`tasks.NAME.accept`, `rules[].accept`", "json", "`true` or `false`", "", "`true`"),
        ("`complexity.weights`", "message", "percentage", "`30%`", "`30%`"),
        ("`complexity.estimator` with `python`", "python", "string", "required", ""),
        ("`fallback`", "stall", "duration above zero", "`15s`", "`20s`"),
        ("`fallback`", "step_down", "`true` or `false`", "`true`", "`true`"),
    ],
)
def test_rows(heading: str, field: str, type_: str, default: str, example: str) -> None:
    cells = re.split(r" (?<!\\)\| ", row(heading, field).removeprefix("| ").removesuffix(" |"))
    assert len(cells) == 5
    assert cells[1].startswith(type_)
    assert cells[2] == default
    assert cells[3].startswith(example)


def test_every_field_has_a_row() -> None:
    schema: dict[str, Any] = generate()
    fields = [*schema["properties"]]
    for shape in schema["definitions"].values():
        fields += shape["properties"]
    assert len(re.findall(r"^\| `", PAGE, re.MULTILINE)) == len(fields)


def test_the_units_are_those_of_the_schema() -> None:
    used = set(re.findall(r'"x-kind": "([^"]*)"', json.dumps(generate())))
    assert {unit.name for unit in UNITS} == used
    assert all(f"\n| {name} | `" in PAGE for name in used)
