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
    rows = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")][2:]
    assert rows == [f"| {code.value} | {code.meaning} |" for code in ExitCode]


def test_commands_end_with_a_code_of_the_table() -> None:
    for path in sorted((ROOT / "policy_router" / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Exit":
                assert not isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"
