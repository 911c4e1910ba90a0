"""The coding agents: how each is started, in a home of its own, against an address."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.agents.model import TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FOLDER: Final = Path(os.environ.get("AGENTS", Path(__file__).parents[2] / ".agents"))
"""Where `make agents` installs the programs."""
LIMIT: Final = 240.0
"""Seconds that an agent may take for its task, on a machine with other work to do."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A coding agent.

    Attributes:
        name: Its name here and in npm's folder of programs.
        package: Its package in npm.
        dialect: The dialect that it speaks: `messages`, `responses` or `chat`.
        prepare: Writes its settings into a home, for the address of an API without `/v1` and the
            name of a model; returns the arguments and the variables that it is started with.
    """

    name: str
    package: str
    dialect: str
    prepare: Callable[[Path, str, str], tuple[Sequence[str], Mapping[str, str]]]

    @property
    def program(self) -> Path | None:
        """The program; None where it is not installed."""
        found = shutil.which(self.name, path=str(FOLDER / "node_modules" / ".bin"))
        return None if found is None else Path(found)


@dataclass(frozen=True, slots=True)
class Run:
    """How an agent ended.

    Attributes:
        code: Its exit code; None when its time was over.
        output: What it printed.
        notes: What its task left in `notes.txt`.
    """

    code: int | None
    output: str
    notes: str


def run(agent: Agent, folder: Path, url: str, model: str, key: str = "none") -> Run:
    """Give an agent its task and wait until it ends.

    Args:
        agent: The agent; it is installed.
        folder: An empty folder, in which it gets a home and a project.
        url: The address of the API, without `/v1`.
        model: The model to ask for.
        key: The API key to send.
    """
    program = agent.program
    if program is None:
        raise FileNotFoundError(f"{agent.name} is not installed in {FOLDER}")
    home, project = folder / "home", folder / "project"
    home.mkdir()
    project.mkdir()
    arguments, variables = agent.prepare(home, url, model)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "TMPDIR": str(home),
        **variables,
    }
    environment = {name: value.replace("KEY", key) for name, value in environment.items()}
    process = subprocess.Popen(
        [program, *arguments, TASK],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    code: int | None
    try:
        output, _ = process.communicate(timeout=LIMIT)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        code = None
    notes = project / "notes.txt"
    return Run(code, output, notes.read_text() if notes.exists() else "")


def _claude(home: Path, url: str, model: str) -> tuple[Sequence[str], Mapping[str, str]]:
    variables = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": "KEY",
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",  # the tests may run as root
    }
    return ("-p", "--dangerously-skip-permissions"), variables


def _codex(home: Path, url: str, model: str) -> tuple[Sequence[str], Mapping[str, str]]:
    settings = home / ".codex"
    settings.mkdir()
    lines = (
        f'model = "{model}"',
        'model_provider = "router"',
        "[model_providers.router]",
        'name = "router"',
        f'base_url = "{url}/v1"',
        'env_key = "ROUTER_KEY"',
        'wire_api = "responses"',
    )
    (settings / "config.toml").write_text("\n".join(lines) + "\n")
    arguments = ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    return arguments, {"CODEX_HOME": str(settings), "ROUTER_KEY": "KEY"}


def _opencode(home: Path, url: str, model: str) -> tuple[Sequence[str], Mapping[str, str]]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "KEY"},
        "models": {model: {}},
    }
    settings = {"provider": {"router": provider}, "autoupdate": False, "permission": "allow"}
    variables = {
        "OPENCODE_CONFIG_CONTENT": json.dumps(settings),
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    }
    return ("run", "--model", f"router/{model}"), variables


AGENTS: Final = (
    Agent("claude", "@anthropic-ai/claude-code", "messages", _claude),
    Agent("codex", "@openai/codex", "responses", _codex),
    Agent("opencode", "opencode-ai", "chat", _opencode),
)
