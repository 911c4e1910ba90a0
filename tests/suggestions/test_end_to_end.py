"""The whole way: requests over HTTP, the suggestion, its patch, and the policy after it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import TYPE_CHECKING

from policy_router import Router
from policy_router.providers.simulated import Say, Simulated
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

POLICY = """\
version: 1
tiers: [light, heavy]
models:  # both are on the same machine
  hasty: {{ model: hosted_vllm/a, api_base: "{url}", via: direct, tier: light, price: free }}
  careful: {{ model: hosted_vllm/b, api_base: "{url}", via: direct, tier: heavy, price: free }}
tasks:
  chat: {{}}
  extract:
    # what is read from invoices
    accept: {{ json: true }}  # no prose
learning: {{ mode: suggest }}
"""
HELLO = [{"role": "user", "content": "Read the total."}]


async def play(path: Path, state: str, requests: int) -> None:
    async with Router.open(path, state=state, watch="off") as router:
        for _ in range(requests):
            await router.acompletion(HELLO, task="extract")
        await router.experience.refresh()


def test_an_unreliable_model_is_demoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = f"sqlite:///{tmp_path}/state.db"
    path = tmp_path / "policy.yaml"
    answers = [Say("The total is 7." if number % 10 < 3 else "{}") for number in range(300)]
    with Simulated({"a": answers, "b": Say("{}")}) as provider:
        path.write_text(POLICY.format(url=provider.url))
        assert run("suggest", "policy.yaml", "--state", state).code == 0
        asyncio.run(play(path, state, 300))
    before = path.read_text()
    done = run("suggest", "policy.yaml", "--state", state, "--patch", "changes.diff")
    assert (done.code, done.err) == (1, "")
    assert path.read_text() == before
    head, because, *patch = done.out.splitlines()
    assert head == "demote-unreliable: for task `extract`, put `careful` before `hasty`"
    assert because.startswith(
        "  because `careful` gave an answer that passed in 100.0% of 90 calls, "
        "`hasty` in 70.0% of 300 calls (+30.0 points, 95 % interval +23.6 to +"
    )
    assert "    +    first: [careful]" in patch
    assert patch[-1] == "1 suggestion"
    (told,) = run("suggest", "policy.yaml", "--state", state, "--json").json["suggestions"]
    assert told["patch"] == (tmp_path / "changes.diff").read_text()
    assert (told["kind"], told["evidence"]["samples"]) == ("demote-unreliable", 90)

    command = shutil.which("git")
    assert command is not None
    subprocess.run([command, "apply", "-p0", "changes.diff"], cwd=tmp_path, check=True, timeout=60)
    wanted = "    # what is read from invoices\n    first: [careful]\n    accept:"
    assert path.read_text() == before.replace(
        "    # what is read from invoices\n    accept:", wanted
    )
    assert run("suggest", "policy.yaml", "-p", "policy.yaml", "--state", state).code == 2
    done = run("suggest", "-p", "policy.yaml", "--state", state)
    assert (done.code, done.out) == (0, "no suggestions\n")


def test_a_journal_that_is_named_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(url="http://127.0.0.1:1"))
    state = f"sqlite:///{tmp_path}/state.db"
    missing = f"sqlite:///{tmp_path}/none.db"
    done = run("suggest", path, "--state", state, "--journal", missing)
    assert done.code == 2
    assert "there is no journal at" in done.err
    done = run("suggest", path, "--state", state, "--patch", tmp_path / "no" / "changes.diff")
    assert done.code == 2
    assert "cannot write" in done.err


def test_the_order_follows_and_says_why(tmp_path: Path) -> None:
    """By the same outcomes, `adjust` puts the careful model first, and the decision says why."""
    state = f"sqlite:///{tmp_path}/state.db"
    path = tmp_path / "policy.yaml"
    answers = [Say("The total is 7." if number % 10 < 3 else "{}") for number in range(300)]
    with Simulated({"a": answers, "b": Say("{}")}) as provider:
        text = POLICY.format(url=provider.url)
        path.write_text(text)
        asyncio.run(play(path, state, 300))
        assert first_of(path, state) == ("hasty", "")
        path.write_text(text.replace("mode: suggest", "mode: adjust"))
        model, why = first_of(path, state)
    assert model == "careful"
    assert "better than `hasty` with a probability of" in why


def first_of(path: Path, state: str) -> tuple[str, str]:
    """The model that would be asked first for the same request, and why, as the policy learned."""

    async def main() -> tuple[str, str]:
        async with Router.open(path, state=state, watch="off") as router:
            await router.experience.refresh()
            decision = await router.aroute(HELLO, task="extract")
            learned = decision.learned
            return decision.candidates[0].name, "" if learned is None else str(learned)

    return asyncio.run(main())
