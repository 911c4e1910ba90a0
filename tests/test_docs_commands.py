"""Every command in a `sh` block of README and docs does what a reader expects of it: it runs, in a
folder with the files that the pages name. Those that need a network, a terminal or a running server
have their reason in `NOT_RUN`; of these the arguments are read, so that no option is misspelled."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.replay import POLICY as LOGGED
from benchmarks.replay import write as write_log
from policy_router import load
from policy_router.cli.app import COMMANDS, command
from policy_router.domain.outcome import Role
from policy_router.journal.address import JournalAddress
from tests.cli.run import run
from tests.journal import make as storage
from tests.journal.make import answered
from tests.test_docs import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_RUN = {
    "demo": "serves models over HTTP; tests/cli/test_demo.py runs it",
    "init": "looks for servers on the machine; tests/cli/test_init.py runs it",
    "discover": "asks the network; tests/cli/test_discover.py runs it",
    "serve": "serves until it is stopped; tests/cli/test_serve.py runs it",
    "run": "calls a model; tests/cli/test_run.py runs it",
    "lsp": "speaks with an editor; tests/lsp runs it",
    "models probe": "calls models; tests/cli/test_models_probe.py runs it",
    "models load": "calls a server; tests/cli/test_models_memory.py runs it",
    "models unload": "calls a server; tests/cli/test_models_memory.py runs it",
    "bakeoff prompts.jsonl": "calls models; tests/cli/test_bakeoff.py runs it",
    "check --watch": "runs until it is stopped; tests/cli/test_check.py runs it",
    "usage --watch": "runs until it is stopped; tests/cli/test_usage.py runs it",
    "diff --live": "needs a running server; tests/cli/test_diff.py runs it",
    "diff https:": "needs a running server; tests/cli/test_diff.py runs it",
    "doctor --live": "calls models; tests/cli/test_doctor.py runs it",
}
"""Beginnings of commands that are not run, each with the reason."""
NEEDS_REDIS = "redis://"
JOURNAL_OF_THE_POLICY = {"evaluate", "feedback", "report"}
"""Commands that read the journal of a policy that has been served."""
POLICY = """version: 1
tiers: [light, heavy]
tags: [private, batch]
attributes: { plan: { values: [free, pro], default: free } }
models:
  qwen-7b: { model: ollama_chat/qwen2.5:7b, tier: light, price: free, context: 32k, tags: [local] }
  haiku: { model: anthropic/claude-haiku-4-5, tier: light }
  sonnet: { model: anthropic/claude-sonnet-4-5, tier: heavy }
complexity: { bands: { easy: { from: 0 }, hard: { from: 0.6 } } }
tasks: { code: { keywords: [refactor] }, extract: { keywords: [extract] }, chat: {} }
budgets: { team: { cap: $50/month, then: free_only } }
rules:
  - { name: private stays here, when: { tags: private }, only: [local] }
experiments: { haiku-for-chat: { when: { task: chat }, share: 10%, first: [haiku] } }
invariants: [{ name: private never leaves, when: { tags: private }, never: [anthropic/*] }]
tests: [{ name: private, request: { tags: [private] }, expect: { first: qwen-7b } }]
"""
SCENARIO = """duration: 1m
rate: 1/s
traffic: [{ request: { task: chat, plan: pro } }]
events: [{ name: house down, at: 20s, for: 20s, models: [local], fault: outage }]
"""
CALL = "0661823b50a9e44498d91460633184f3"


def lines() -> Iterator[str]:
    """Each command of the pages once, without its comment."""
    for block in blocks("sh"):
        text = block.text.replace("\\\n", " ")
        for line in text.splitlines():
            found = re.search(r"\bpolicy-router [^|&>]*", re.split(r"\s{2,}#|\s#\s", line)[0])
            if found is not None:
                yield found[0].strip()


LINES = sorted(set(lines()))


def why_not(line: str) -> str | None:
    """Why a command is not run here; None for one that is."""
    arguments = line.removeprefix("policy-router ")
    if NEEDS_REDIS in line:
        return "needs Redis"
    return next((why for start, why in NOT_RUN.items() if arguments.startswith(start)), None)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the files that the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("policies", "routing", "new/policies"):
        (folder / name).mkdir(parents=True)
        (folder / name / "policy.yaml").write_text(POLICY)
    shutil.copy(folder / "policies/policy.yaml", folder / "new/policy.yaml")
    shutil.rmtree(folder / "routing")
    for name in ("policy.yaml", "old.yaml", "other.yaml"):
        (folder / name).write_text(POLICY)
    (folder / "new.yaml").write_text(POLICY.replace("$50", "$20"))
    write_log(folder / "decisions.jsonl", load(text=LOGGED), 5)
    outcomes = {"haiku": {"score": 0.5, "cost": 0.001}, "sonnet": {"score": 1, "cost": 0.01}}
    bands = ({"band": "easy"}, {"band": "hard"})
    for name, more in (
        ("prompts.jsonl", ({},)),
        ("labels.jsonl", bands),
        ("outcomes.jsonl", ({"outcomes": outcomes},)),
    ):
        rows = [
            {"prompt": f"Hello number {n}, how are you?", **more[n % len(more)]} for n in range(120)
        ]
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert run("keys", "add", "ada-laptop", "--keys", folder / "keys.json").code == 0
    (folder / "outage.yaml").write_text(SCENARIO)
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "one"],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "two",
         "--allow-empty"],
    ):  # fmt: skip
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    address = JournalAddress.parse(f"sqlite:///{folder / 'router.journal.db'}")
    storage.write(address, [answered(CALL, at=time.time() - 60, role=Role.FIRST, task="chat")])
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(prepared, tmp_path / "docs")
    monkeypatch.chdir(tmp_path / "docs")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("POLICY_ROUTER_STATE", raising=False)
    return tmp_path / "docs"


RUN = [line for line in LINES if why_not(line) is None]


@pytest.mark.parametrize("line", RUN)
def test_a_command_of_the_pages_runs(line: str, folder: Path) -> None:
    arguments = [part.replace("/var/lib/", f"{folder}/") for part in shlex.split(line)[1:]]
    arguments = [CALL if part == "ID" else part for part in arguments]
    if arguments[:2] == ["keys", "add"]:
        (folder / "keys.json").unlink()
    if arguments[0] in JOURNAL_OF_THE_POLICY and "--journal" not in arguments:
        arguments += ["--journal", f"sqlite:///{folder / 'router.journal.db'}"]
    done = run(*arguments, stdin=POLICY.encode())
    assert done.code in {0, 1}, done
    assert "Traceback" not in done.err


@pytest.mark.parametrize("line", [line for line in LINES if why_not(line) is not None])
def test_the_arguments_of_a_command_are_known(line: str) -> None:
    """Reads the arguments as the program does, without running anything."""
    name, *arguments = shlex.split(line)[1:]
    assert name in COMMANDS
    program = command([name])
    leaf = program.commands[name]
    with leaf.make_context(name, arguments):
        pass


def test_every_reason_is_needed() -> None:
    for start in NOT_RUN:
        assert any(line.startswith(f"policy-router {start}") for line in LINES), start
