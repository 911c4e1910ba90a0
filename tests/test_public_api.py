"""The public names: all documented, all typed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
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


def definitions(name: str, module: str) -> Iterator[ast.stmt]:
    """The definition of a name, and those of the classes of the package that it derives from."""
    tree = ast.parse(Path(importlib.import_module(module).__file__ or "").read_text())
    places = {
        alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in tree.body:
        if getattr(node, "name", None) == name:
            yield node
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                if isinstance(base, ast.Name):
                    home = places.get(base.id, module)
                    if home.startswith("policy_router"):
                        yield from definitions(base.id, home)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            yield node
    if name in places and places[name].startswith("policy_router"):
        yield from definitions(name, places[name])


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
    for definition in found:
        for place, annotation in signatures(definition):
            assert not re.search(r"\bAny\b", annotation), f"{name}: {place}: {annotation}"


@EACH_NAME
def test_each_public_name_and_method_has_a_docstring(name: str) -> None:
    for definition in definitions(name, HOMES[name]):
        if not isinstance(definition, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not any(ast.unparse(d).startswith("overload") for d in definition.decorator_list):
            assert ast.get_docstring(definition), name
        for method in definition.body if isinstance(definition, ast.ClassDef) else ():
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden = method.name.startswith("_")
                overload = any(ast.unparse(d) == "overload" for d in method.decorator_list)
                assert hidden or overload or ast.get_docstring(method), f"{name}.{method.name}"


@EACH_NAME
def test_each_public_name_can_be_imported_twice(name: str) -> None:
    value = getattr(policy_router, name)
    assert not inspect.ismodule(value)
    assert getattr(policy_router, name) is value
