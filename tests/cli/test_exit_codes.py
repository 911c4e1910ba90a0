"""One table of exit codes, which help and documentation show."""

from __future__ import annotations

import ast

from policy_router.cli.exit_codes import ExitCode, table
from tests.cli.run import ROOT, run


def test_help_shows_every_code() -> None:
    shown = [line.strip() for line in run("--help").out.splitlines()]
    for line in table().splitlines():
        assert line.strip() in shown


def test_documentation_shows_every_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    table = text.partition("| exit code | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| {code.value} | {code.meaning} |" for code in ExitCode]


def test_commands_end_with_a_code_of_the_table() -> None:
    for path in sorted((ROOT / "policy_router" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Exit":
                assert not isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"
