"""The state machine notices every deliberate mistake. `python -m tests.ledger.mutants` says how."""

from __future__ import annotations

import ast
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.ledger.mutants import MUTANTS, AnyMutant, Mutant, hunt
from tests.ledger.mutation import ROOT, Place, replaced, reworded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_noticed(mutant: AnyMutant) -> None:
    if mutant.store == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    assert hunt(mutant) is not None, f"nothing noticed that {mutant.name}"


def function(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


SOURCE = """
def f(a, b):
    if a.x <= b and a is not None:
        b += [c.y for c in (1, 2)][0]
    return 'SET x'
"""


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("A <= B", "B <= A", "b <= a.x and a is not None"),
        ("A and B", "A", "    if a.x <= b:\n"),
        ("A += B", "pass", "        pass\n"),
        ("A += B", "A.sort(B)", "        b.sort([c.y for c in (1, 2)][0])\n"),
        ("[A for B in C]", "[B for B in C]", "[c for c in (1, 2)]"),
        ("A is not None", "A", "and a:"),
    ],
)
def test_a_shape_is_found_whatever_its_parts_are_called(old: str, new: str, text: str) -> None:
    assert text in ast.unparse(replaced(function(SOURCE), old, new))


@pytest.mark.parametrize("old", ["A >= B", "a", "A + A", "B.z"])
def test_what_is_not_there_once_is_not_replaced(old: str) -> None:
    with pytest.raises(ValueError, match=r"is there \d times"):
        replaced(function(SOURCE), old, "0")


def test_a_part_of_a_string_is_replaced() -> None:
    assert "return 'SET y'" in ast.unparse(reworded(function(SOURCE), " x", " y"))
    with pytest.raises(ValueError, match="is there 0 times"):
        reworded(function(SOURCE), "a.x", "")


def test_the_tree_that_is_given_stays_as_it_is() -> None:
    tree = function(SOURCE)
    before = ast.dump(tree)
    replaced(tree, "A <= B", "B")
    reworded(tree, "SET", "")
    assert ast.dump(tree) == before


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if isinstance(m, Mutant)], ids=lambda mutant: mutant.name
)
def test_a_mutant_changes_only_its_function(mutant: Mutant, tmp_path: Path) -> None:
    place = Place.of(mutant.function)
    copy = tmp_path / place.path
    copy.parent.mkdir(parents=True)
    before = (ROOT / place.path).read_text()
    copy.write_text(before)
    mutant.apply(tmp_path)
    after = copy.read_text()
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))
    lines = before.splitlines(keepends=True)
    assert after.startswith("".join(lines[: place.first - 1]))
    assert after.endswith("".join(lines[place.last :]))
