"""The commands that docs/discover.md shows, for a shell, for cron and for a workflow, work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli.run import run

if TYPE_CHECKING:
    from tests.discovery.sim import SimulatedSources

TEXT = (Path(__file__).parents[2] / "docs" / "discover.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
(WORKFLOW,) = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]
STEPS = WORKFLOW["jobs"]["discover"]["steps"]
SCRIPTS = [text for kind, text in BLOCKS if kind == "sh"]
SCRIPTS += [step["run"] for step in STEPS if "run" in step]
COMMANDS = [
    command
    for text in SCRIPTS
    for command in re.findall(r"policy-router (discover[^|&>\n]*)", text)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page(
    command: str, sources: SimulatedSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OLLAMA_HOST", sources.root.replace("http://", ""))
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    sources.answers["/api/tags"] = sources.answers["/ollama/api/tags"]
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(
        "version: 1\nmodels:\n"
        f'  a: {{ model: hosted_vllm/gone, api_base: "{sources.root}/vllm/v1", tier: t, '
        "price: free, context: 4k }\n"
    )
    done = run(*shlex.split(command.replace("http://gpu-1:8000", f"{sources.root}/vllm")))
    assert done.code == 1, done.err
    assert "gone" in done.out


def test_the_page_has_a_shell_cron_and_a_workflow() -> None:
    assert len(COMMANDS) == 5
    assert any(text.startswith("0 6 * * *") for text in SCRIPTS)
    assert set(WORKFLOW["permissions"]) == {"contents", "issues"}
