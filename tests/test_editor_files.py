"""Files for editors, hooks and CI name commands that exist, with their options."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from policy_router.cli.app import COMMANDS
from tests.cli.run import run

ROOT: Final = Path(__file__).parents[1]
VSCODE: Final = ROOT / "examples" / "vscode"


def _data(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _assert_runs(command: str) -> None:
    """The options of a command exist: its help lists them."""
    program, name, *rest = command.split()
    assert (program, name in COMMANDS) == ("policy-router", True), command
    listed = run(name, "--help").out
    assert all(word in listed for word in rest if word.startswith("--")), command


def test_hooks_run_commands_that_exist() -> None:
    hooks = _data(ROOT / ".pre-commit-hooks.yaml")
    names = ("fmt", "check", "test")
    assert [hook["id"] for hook in hooks] == [f"policy-router-{name}" for name in names]
    for hook in hooks:
        _assert_runs(hook["entry"])
        assert re.search(hook["files"], "policies/models.yaml")
        assert not re.search(hook["files"], "deploy/compose.yaml")


def test_the_action_runs_commands_that_exist() -> None:
    action = _data(ROOT / "examples" / "github-action" / "action.yml")
    script = "\n".join(step.get("run", "") for step in action["runs"]["steps"])
    commands = re.findall(r"^policy-router .*", script, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        _assert_runs(command.partition(" ||")[0])
    # A step that fails does not keep the others from running.
    assert [step.get("if") for step in action["runs"]["steps"][-2:]] == ["${{ !cancelled() }}"] * 2
    # Inputs reach the shell as variables, never as part of a script.
    assert "${{" not in script


def test_the_extension_starts_the_language_server() -> None:
    package = json.loads((VSCODE / "package.json").read_text())
    source = (VSCODE / package["main"]).read_text()
    settings = package["contributes"]["configuration"]["properties"]
    for key in re.findall(r'settings\.get\("(\w+)"\)', source):
        assert f"policyRouter.{key}" in settings
    assert settings["policyRouter.command"]["default"] == "policy-router"
    assert '["lsp"]' in source
    assert "lsp" in COMMANDS


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_extension_is_javascript() -> None:
    done = subprocess.run(
        ["node", "--check", str(VSCODE / "extension.js")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
