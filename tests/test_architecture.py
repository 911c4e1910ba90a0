"""Which room may import which, which names are taken, and what importing the package costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.rooms import (
    DRAWING,
    PACKAGE,
    PAGE,
    RANK,
    imported_names,
    modules,
    own_imports,
    page,
    room,
    svg,
)

if TYPE_CHECKING:
    from pathlib import Path

STRANGERS = (("ledger", "providers"),)
"""Rooms of one layer that do not know each other."""

CORE = ("domain", "decision", "assurance", "language")
"""Rooms without IO, clock, chance, threads or globals that change."""

FORBIDDEN_IN_CORE = {
    "asyncio", "random", "socket", "subprocess", "threading", "time", "urllib", "os", "logging",
}  # fmt: skip
FORBIDDEN_CALLS = {"open", "read_text", "read_bytes", "write_text", "getenv"}
DISK = {"language.files"}
"""The one module of the core that reads the disk."""

LONGEST = 400
"""Lines of a module that is not data or one algorithm."""
LONG = {
    "assurance.cover": "one algorithm: the search for a cover",
    "events": "data: a class for each event",
}
"""Longer modules, and what they are."""

VAGUE = {"found", "at", "words", "said", "told", "asked", "gone"}
"""Names that fit any value, so a reader cannot keep them in mind."""
VAGUE_LINES = 5
"""Lines for which such a name may live."""

ONLY_IN = {
    "litellm": {"providers.litellm.library"},
    "watchdog": {"live.watch"},
    "jsonschema": {"language.schema", "language.schema_errors", "answer_schema"},
    "simpleeval": {"language.interpreter"},
    "re2": {"patterns"},
    "yaml": {"language.yaml_reader", "language.write.layout"},
    "tiktoken": {"classification.tokens.exact"},
    "sqlite3": {"ledger.sqlite"},
    "fcntl": {"ledger.sqlite.lock", "live.writers", "observe.alert_claims", "observe.rotation"},
    "starlette": {"providers.simulated.server", "server"},
    "uvicorn": {"providers.simulated.server", "server"},
    "redis": {"ledger.redis.connection"},
    "sqlalchemy": {"journal"},
    "httpx": {"discovery.local", "providers"},
    "prometheus_client": {"observe.prometheus", "observe.policy_metrics"},
    "opentelemetry": {"observe.tracing", "observe.tracing_setup"},
    "typer": {"cli"},
    "rich": {"cli", "views"},
}
"""Where a package may be imported: one module, or one folder."""


MODULES = modules()
EACH_MODULE = pytest.mark.parametrize("name", MODULES)


@EACH_MODULE
def test_every_room_is_drawn(name: str) -> None:
    assert room(name) in RANK


def test_the_drawing_shows_the_code() -> None:
    # `python -m tests.rooms` draws both anew.
    assert DRAWING.read_text() == svg()
    assert PAGE.read_text() == page()


@EACH_MODULE
def test_imports_run_one_way(name: str) -> None:
    for target in own_imports(name):
        if target == "__init__":  # the public names, which programs use
            assert room(name) in ("cli", "__main__"), f"{name} imports the whole package"
            continue
        here, there = room(name), room(target)
        assert RANK[there] <= RANK[here], f"{name} imports {target}"
        assert {here, there} not in map(set, STRANGERS), f"{name} imports {target}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {name: own_imports(name) - {name} for name in MODULES}
    while True:  # take away what imports nothing of the rest, or what nothing imports
        imported = set().union(*left.values()) if left else set()
        ends = {n for n, targets in left.items() if not targets & left.keys() or n not in imported}
        if not ends:
            break
        left = {n: targets for n, targets in left.items() if n not in ends}
    assert not left.keys()


@EACH_MODULE
def test_the_core_is_pure(name: str) -> None:
    if room(name) not in CORE or name in DISK:
        return
    tops = {imported.split(".")[0] for imported in imported_names(MODULES[name])}
    assert not tops & FORBIDDEN_IN_CORE
    called = {
        ast.unparse(node.func).rpartition(".")[2]
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call)
    }
    assert not called & FORBIDDEN_CALLS


@pytest.mark.parametrize(("package", "homes"), ONLY_IN.items())
def test_each_package_has_one_home(package: str, homes: set[str]) -> None:
    users = {
        name
        for name, tree in MODULES.items()
        if any(imported.split(".")[0] == package for imported in imported_names(tree))
    }
    assert users, f"{package} is used nowhere"
    for user in users:
        assert any(user == home or user.startswith(f"{home}.") for home in homes), user


def public_classes() -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    return places


@pytest.mark.parametrize(("name", "places"), public_classes().items())
def test_no_two_public_classes_have_one_name(name: str, places: list[str]) -> None:
    assert len(places) == 1, f"{name} is defined in {' and in '.join(places)}"


def lengths() -> dict[str, int]:
    return {
        name: len(PACKAGE.joinpath(*name.split(".")).with_suffix(".py").read_text().splitlines())
        for name in MODULES
        if PACKAGE.joinpath(*name.split(".")).with_suffix(".py").is_file()
    }


def test_modules_are_short() -> None:
    longer = {name for name, lines in lengths().items() if lines > LONGEST}
    assert longer == LONG.keys()
    assert median(lengths().values()) < 130


Function = ast.FunctionDef | ast.AsyncFunctionDef


def lives(function: Function) -> dict[str, int]:
    """The lines each vague name of a function lives, from its first binding to its last use."""
    bound: dict[str, int] = {}
    used: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            name, binds = node.arg, True
        elif isinstance(node, ast.Name):
            name, binds = node.id, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            name, binds = node.name, True
        else:
            continue
        if name in VAGUE:
            lines = bound if binds else used
            lines[name] = (min if binds else max)(lines.get(name, node.lineno), node.lineno)
    return {name: used.get(name, line) - line for name, line in bound.items()}


@EACH_MODULE
def test_no_vague_name_lives_long(name: str) -> None:
    functions = [node for node in ast.walk(MODULES[name]) if isinstance(node, Function)]
    long = {
        f"{function.name}: {vague}, {lines} lines"
        for function in functions
        for vague, lines in lives(function).items()
        if lines > VAGUE_LINES
    }
    assert not long


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n    found = 1\n\n\n\n\n\n    return found", {"found": 6}),
        ("async def f(at, *, words):\n    return at", {"at": 1, "words": 0}),
        ("def f():\n    for said in []:\n        print(said)\n    result = 1", {"said": 1}),
        ("def f():\n    try: pass\n    except E as told:\n        raise told", {"told": 1}),
        ("def f(x):\n    match x:\n        case asked:\n            return asked", {"asked": 1}),
        ("def f(x):\n    return x.found + gone", {}),
    ],
)
def test_the_life_of_a_vague_name_is_measured(code: str, expected: dict[str, int]) -> None:
    function = ast.parse(code).body[0]
    assert isinstance(function, Function)
    assert lives(function) == expected


HEAVY = (
    "litellm", "jsonschema", "watchdog", "typer", "rich", "pydantic", "yaml", "starlette", "redis",
    "sqlite3", "sqlalchemy",
)  # fmt: skip


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_is_light() -> None:
    assert not loaded_after("import policy_router") & set(HEAVY)


def test_deciding_needs_no_litellm(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nmodels:\n  m: { model: openai/gpt-4o, tier: heavy, price: free }\n"
    )
    code = (
        "from policy_router import Request, decide, load\n"
        f"assert decide(load({str(path)!r}), Request()).candidates"
    )
    assert "litellm" not in loaded_after(code)


ALL_MODULES = [f"policy_router.{name}" for name in MODULES if name not in ("__init__", "__main__")]
EFFECTS = f"""
import importlib, os, sys
hooks, register = [], os.register_at_fork
def record(**given):
    hooks.append(sys._getframe(1).f_globals["__name__"])
    register(**given)
os.register_at_fork = record
before = dict(os.environ)
for name in {ALL_MODULES!r}:
    importlib.import_module(name)
print([name for name in hooks if name.startswith("policy_router")], os.environ == before)
"""


def test_imports_register_nothing_and_write_no_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EFFECTS], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] True"


def test_no_command_imports_another() -> None:
    from policy_router.cli.app import COMMANDS

    modules_of_commands = {name for name in MODULES if name.startswith("cli.commands.")}
    assert modules_of_commands == {f"cli.commands.{name}" for name in COMMANDS}
    for name in modules_of_commands:
        assert not own_imports(name) & modules_of_commands, name
