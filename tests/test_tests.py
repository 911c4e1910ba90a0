"""The tests themselves: each asserts something, no skip is silent, helpers say their purpose."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from tests.conftest import TRACED, TRACED_LAWS

TESTS: Final = Path(__file__).parent

RUNS_ASSERTIONS_OF_EXAMPLES: Final = "test_code_runs"
"""It runs the code of the documentation, which asserts."""

Def: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Function(NamedTuple):
    """A function of the tests. calls: the last names of what it calls."""

    place: str
    node: Def
    calls: frozenset[str]


def calls_of(function: Def) -> set[str]:
    """The last names of what a function calls."""
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    }


TREES: Final = {path: ast.parse(path.read_text("utf-8")) for path in sorted(TESTS.rglob("*.py"))}
FUNCTIONS: Final = [
    Function(f"{path.relative_to(TESTS)}:{node.lineno}", node, frozenset(calls_of(node)))
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, Def)
]


def test_every_test_asserts() -> None:
    asserting = {each.node.name for each in FUNCTIONS if asserts(each)}
    while more := {each.node.name for each in FUNCTIONS if each.calls & asserting} - asserting:
        asserting |= more
    silent = [
        f"{each.place} {each.node.name}"
        for each in FUNCTIONS
        if each.node.name.startswith("test_")
        and each.node.name != RUNS_ASSERTIONS_OF_EXAMPLES
        and not asserts(each)
        and not each.calls & asserting
    ]
    assert not silent


def test_what_is_traced_is_there() -> None:
    assert [name for name in (*TRACED, *TRACED_LAWS) if not (TESTS / name).exists()] == []


def test_every_skip_says_why() -> None:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("skip", "skipif", "xfail"):
                continue
            name = ast.unparse(node.func)
            if name in ("pytest.skip", "pytest.mark.skip", "pytest.mark.xfail"):
                assert node.args or node.keywords, f"{path}:{node.lineno}"
            if name == "pytest.mark.skipif":
                given = {each.arg for each in node.keywords}
                assert "reason" in given, f"{path}:{node.lineno}"


def test_helpers_say_what_they_are_for() -> None:
    for path, tree in TREES.items():
        if not path.name.startswith("test_") and path.name != "__init__.py":
            assert ast.get_docstring(tree), path


def asserts(function: Function) -> bool:
    """Whether a function asserts or raises by itself."""
    return bool(function.calls & {"raises", "warns", "fail"}) or any(
        isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(function.node)
    )
