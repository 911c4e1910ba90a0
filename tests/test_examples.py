"""The examples run, and show what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from policy_router import Request, decide, load
from policy_router.check.report import inspect_path
from policy_router.language import files
from tests.cli.run import run

ROOT = Path(__file__).parents[1]

EXAMPLES = {
    "embed.py": ["code, 900 tokens, tags ['private']\n  local-coder > local-small\n"],
    "customers.py": [
        "ada, free\n  rule: customers without a plan, or on the free plan",
        "  asked frontier: overloaded\n  asked own-small: answered\n",
        "  rule: confidential data stays in-house\n  asked own-small: answered\n",
    ],
    "own_caller.py": ["Large, at your service.\n['frontier: overloaded', 'own-small: overloaded'"],
}


def test_every_example_is_run() -> None:
    assert {p.name for p in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize(("name", "shown"), EXAMPLES.items())
def test_an_example_shows_what_it_says(name: str, shown: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    for part in shown:
        assert part in done.stdout


FROM_OTHERS = ROOT / "examples" / "from_others"
FILES = [*sorted((ROOT / "examples").glob("*.yaml")), *sorted(FROM_OTHERS.glob("*.yaml"))]
POLICIES = [ROOT / "policies", *FILES]


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.name)
def test_policies_are_sound(path: Path) -> None:
    report = inspect_path(path, tests=files.tests_beside(path))
    assert report.policy is not None
    assert not report.findings


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.name)
def test_the_tests_of_policies_hold_and_touch_everything(path: Path) -> None:
    done = run("test", path, "--threshold", "100%")
    assert done.code == 0, done.out


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.name)
def test_the_promises_of_policies_are_proved(path: Path) -> None:
    done = run("prove", path, "--json")
    assert done.code == 0, done.out
    proofs = json.loads(done.out)["policies"][0]["promises"]
    assert proofs
    assert {proof["verdict"] for proof in proofs} == {"proved"}


def test_every_policy_from_another_tool_is_described_with_its_ideas() -> None:
    described = (FROM_OTHERS / "README.md").read_text("utf-8")
    headings = [line[4:-1] for line in described.splitlines() if line.startswith("## `")]
    assert sorted(headings) == [path.name for path in sorted(FROM_OTHERS.glob("*.yaml"))]
    assert described.count("- Not expressible: ") == len(headings)


def test_the_default_policy_is_local_first_then_free_then_paid() -> None:
    policy = load(ROOT / "policies")
    order = [c.model for c in decide(policy, Request()).candidates]
    kinds = ["local" if "local" in m.tags else "free" if m.free else "paid" for m in order]
    assert kinds == ["local", "local", "free", "paid", "paid", "paid"]
    trivial, hard = (
        decide(policy, Request(complexity=band)).candidates for band in ("trivial", "complex")
    )
    assert trivial[0].name == "local-small"
    assert (hard[0].name, hard[-1].name) == ("local-coder", "local-small")
    assert "gpt" in {candidate.name for candidate in hard}
    private = decide(policy, Request(complexity="complex", tags={"private"}))
    assert {c.name for c in private.candidates} == {"local-small", "local-coder"}


def test_the_policies_declare_their_schema() -> None:
    for path in [*(ROOT / "policies").glob("*.yaml"), *FILES]:
        first = path.read_text("utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first.split("=", 1)[1]).exists()
