"""The public names: all documented, all typed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import policy_router

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(policy_router.__file__).parent


def homes() -> dict[str, str]:
    """Each public name with the module that defines it, as the package's `__init__` imports it."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module or "" for node in imports for alias in node.names}


HOMES = homes()
EACH_NAME = pytest.mark.parametrize("name", policy_router.__all__)


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(Path(importlib.import_module(module).__file__ or "").read_text())


@cache
def imported(module: str) -> dict[str, str]:
    """The names that a module imports from this package, with the modules they come from."""
    return {
        alias.name: node.module
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("policy_router")
        for alias in node.names
        if node.module is not None
    }


def definitions(name: str, module: str) -> Iterator[tuple[ast.stmt, str]]:
    """The definition of a name with its module, and those of the classes that it derives from."""
    places = imported(module)
    for node in parsed(module).body:
        if getattr(node, "name", None) == name:
            yield node, module
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                if isinstance(base, ast.Name):
                    yield from definitions(base.id, places.get(base.id, module))
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            yield node, module
    if name in places:
        yield from definitions(name, places[name])


def aliases(annotation: str, module: str) -> Iterator[ast.stmt]:
    """The type aliases of the package that an annotation uses."""
    places = imported(module)
    for name in set(re.findall(r"\w+", annotation)):
        for node, _ in definitions(name, places.get(name, module)):
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
                yield node


def is_public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def signatures(definition: ast.stmt) -> Iterator[tuple[str, str]]:
    """What a user of a definition sees of its types: a place in it, and the annotation there."""
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = definition.args
        for argument in (
            *arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg,
            arguments.kwarg,
        ):  # fmt: skip
            if argument is not None and argument.annotation is not None:
                yield argument.arg, ast.unparse(argument.annotation)
        if definition.returns is not None:
            yield "returns", ast.unparse(definition.returns)
    elif isinstance(definition, ast.AnnAssign):
        target = ast.unparse(definition.target)
        if is_public(target):
            value = "" if definition.value is None else ast.unparse(definition.value)
            alias = value if ast.unparse(definition.annotation) == "TypeAlias" else ""
            yield target, f"{ast.unparse(definition.annotation)} {alias}"
    elif isinstance(definition, ast.ClassDef):
        for node in definition.body:
            name = getattr(node, "name", "")
            if is_public(name):
                yield from ((f"{name} {place}", text) for place, text in signatures(node))


@EACH_NAME
def test_no_public_signature_has_any(name: str) -> None:
    found = list(definitions(name, HOMES[name]))
    assert found, f"{name} is defined nowhere"
    for definition, module in found:
        for place, annotation in signatures(definition):
            texts = [annotation, *map(ast.unparse, aliases(annotation, module))]
            for text in texts:
                assert not re.search(r"\bAny\b", text), f"{name}: {place}: {text}"


@EACH_NAME
def test_each_public_name_and_method_has_a_docstring(name: str) -> None:
    for definition, _ in definitions(name, HOMES[name]):
        if not isinstance(definition, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in (definition, *definition.body):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                hidden = node.name.startswith("_")
                overload = any(ast.unparse(d) == "overload" for d in node.decorator_list)
                assert hidden or overload or ast.get_docstring(node), f"{name}: {node.name}"


@EACH_NAME
def test_each_public_name_can_be_imported_twice(name: str) -> None:
    value = getattr(policy_router, name)
    assert not inspect.ismodule(value)
    assert getattr(policy_router, name) is value


def test_a_synchronous_stream_knows_what_a_stream_knows() -> None:
    def properties(kind: type) -> set[str]:
        return {name for name, value in vars(kind).items() if isinstance(value, property)}

    assert properties(policy_router.SyncStream) == properties(policy_router.AnswerStream)
