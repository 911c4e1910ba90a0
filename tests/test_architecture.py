"""Which part may import which, and what importing the package costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "policy_router"

LAYERS = (
    ("secrets", "diagnostics", "errors", "cancellation", "forks", "quoting"),
    ("condition", "model", "meter"),
    ("state",),
    ("decide",),
    ("prove",),
    ("language",),
    ("check",),
    ("classify",),
    ("simulated",),
    ("live",),
    ("execute",),
    ("observe",),
    ("router",),
    ("discover", "cli"),
    ("__main__", "__init__"),
)
"""From lower to upper. A part imports from its own layer and those before it."""

RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

CORE = ("condition", "model", "decide", "prove", "language")
"""Parts without IO, clock, chance, threads or globals that change."""

FORBIDDEN_IN_CORE = {
    "asyncio", "random", "socket", "subprocess", "threading", "time", "urllib", "os", "logging",
}  # fmt: skip
DISK = {"language.files": {"os"}}
"""The one module of the core that reads the disk."""

ONLY_IN = {
    "litellm": {"execute.litellm_library"},
    "watchdog": {"live.watch"},
    "jsonschema": {"language.schema", "language.schema_faults", "language.answer_schema"},
    "simpleeval": {"language.reference"},
    "re2": {"condition", "language.expression"},
    "yaml": {"language.source"},
    "tiktoken": {"classify.exact"},
    "sqlite3": {
        "state.sqlite",
        "state.sqlite_clock",
        "state.sqlite_file",
        "state.sqlite_continuity",
        "state.sqlite_tables",
        "state.sqlite_books",
        "state.sqlite_threads",
        "state.sqlite_writer",
        "state.sqlite_findings",
        "state.sqlite_view",
    },
    "fcntl": {"state.sqlite_file", "live.writers"},
    "starlette": {"simulated.server"},
    "uvicorn": {"simulated.server"},
    "redis": {"state.redis.link"},
    "typer": {"cli"},
    "rich": {"cli"},
}
"""Where a package may be imported: one place for each use, a folder for the command line."""


def modules() -> list[tuple[str, ast.Module]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found.append((name.removesuffix(".__init__"), ast.parse(path.read_text())))
    return found


MODULES = modules()


def imports(tree: ast.Module, *, typing: bool) -> set[str]:
    """Names of the modules that are imported; `typing` adds those for type checkers only."""
    skipped: set[int] = set()
    if not typing:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                skipped.update(id(inner) for inner in ast.walk(node))
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(str(node.module))
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize(("name", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_run_one_way(name: str, tree: ast.Module) -> None:
    here = RANK[name.split(".", maxsplit=1)[0]]
    for imported in imports(tree, typing=False):
        if imported.startswith("policy_router.") and name not in ("__init__", "errors"):
            part = imported.split(".")[1]
            assert RANK.get(part, 0) <= here, f"{name} imports {imported}"


@pytest.mark.parametrize(("name", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_the_core_is_pure(name: str, tree: ast.Module) -> None:
    if name.split(".", maxsplit=1)[0] in CORE:
        tops = {imported.split(".")[0] for imported in imports(tree, typing=False)}
        assert not tops & (FORBIDDEN_IN_CORE - DISK.get(name, set()))


@pytest.mark.parametrize(("package", "homes"), ONLY_IN.items())
def test_each_package_has_one_home(package: str, homes: set[str]) -> None:
    users = {
        name
        for name, tree in MODULES
        if any(i.split(".")[0] == package for i in imports(tree, typing=True))
    }
    assert users, f"{package} is used nowhere"
    assert {name if name in homes else name.split(".")[0] for name in users} <= homes


HEAVY = (
    "litellm", "jsonschema", "watchdog", "typer", "rich", "pydantic", "yaml", "starlette", "redis",
    "sqlite3",
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
