"""Changes to the source of a function that name what to change by its shape, not by its text.

A pattern is an expression or a statement of Python in which every name that is a single capital
letter, a *hole*, stands for any expression: `A <= B` is every comparison of that kind, whatever its
sides are called. A hole that occurs twice stands for the same expression both times.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]

_IGNORED: Final = frozenset({"ctx", "kind", "type_comment"})


@dataclass(frozen=True, slots=True)
class Place:
    """The source of a function in a file. first, last: its lines, counted from 1."""

    path: Path
    first: int
    last: int
    tree: ast.stmt

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Place:
        """Where a function is defined. path: from the root of the repository."""
        function = inspect.unwrap(function)
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        path = Path(inspect.getfile(function)).relative_to(ROOT)
        return cls(path, first, first + len(lines) - 1, tree)

    def write(self, root: Path, changed: ast.stmt) -> None:
        """Put a changed function into a copy of the repository."""
        path = root / self.path
        lines = path.read_text().splitlines(keepends=True)
        first = lines[self.first - 1]
        indent = first[: len(first) - len(first.lstrip())]
        text = textwrap.indent(ast.unparse(ast.fix_missing_locations(changed)), indent)
        lines[self.first - 1 : self.last] = [f"{text}\n"]
        path.write_text("".join(lines))


def replaced(tree: ast.stmt, old: str, new: str) -> ast.stmt:
    """A copy of a function in which the one place of a shape has another one.

    Raises:
        ValueError: the shape is not there, or not just once.
    """
    pattern, replacement = _parsed(old), _parsed(new)
    tree = deepcopy(tree)
    matches = [
        (node, holes) for node in ast.walk(tree) if (holes := _match(pattern, node)) is not None
    ]
    if len(matches) != 1:
        raise ValueError(f"`{old}` is there {len(matches)} times")
    ((node, holes),) = matches
    filled = _Fill(holes).visit(deepcopy(replacement))
    if isinstance(pattern, ast.stmt) and isinstance(filled, ast.expr):
        filled = ast.Expr(filled)
    changed: ast.stmt = _Put(node, filled).visit(tree)
    return changed


def reworded(tree: ast.stmt, old: str, new: str) -> ast.stmt:
    """A copy of a function in which a part of one of its strings, such as SQL, is another one.

    Raises:
        ValueError: the part is not there, or not just once.
    """
    tree = deepcopy(tree)
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    times = sum(str(node.value).count(old) for node in texts)
    if times != 1:
        raise ValueError(f"`{old}` is there {times} times")
    for node in texts:
        node.value = str(node.value).replace(old, new)
    return tree


def _parsed(text: str) -> ast.AST:
    (statement,) = ast.parse(text).body
    return statement.value if isinstance(statement, ast.Expr) else statement


def _is_hole(node: object) -> bool:
    return isinstance(node, ast.Name) and len(node.id) == 1 and node.id.isupper()


def _match(pattern: ast.AST, node: ast.AST) -> dict[str, ast.AST] | None:
    """What the holes of a pattern stand for; None where it does not fit."""
    holes: dict[str, ast.AST] = {}
    return holes if _fits(pattern, node, holes) else None


def _fits(pattern: Any, node: Any, holes: dict[str, ast.AST]) -> bool:
    if _is_hole(pattern):
        bound = holes.setdefault(pattern.id, node)
        return isinstance(node, ast.expr) and ast.unparse(bound) == ast.unparse(node)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(
            _fits(one, other, holes) for one, other in zip(pattern, node, strict=True)
        )
    if isinstance(pattern, ast.AST):
        return all(
            _fits(getattr(pattern, name, None), getattr(node, name, None), holes)
            for name in pattern._fields
            if name not in _IGNORED
        )
    return bool(pattern == node)


class _Fill(ast.NodeTransformer):
    """Puts into holes what they stand for."""

    def __init__(self, holes: dict[str, ast.AST]) -> None:
        self._holes = holes

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return deepcopy(self._holes.get(node.id, node)) if _is_hole(node) else node


class _Put(ast.NodeTransformer):
    """Puts a node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)
