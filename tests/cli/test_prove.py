"""`prove`: proofs of promises, counterexamples that can be run, and tests written of them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """version: 1
tags: [private, vip]
attributes: { plan: [free, pro], region: string, trial: bool }
tiers: [light, heavy]
models:
  local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: openai/gpt-4o, tier: heavy }
budgets: { all: { cap: $10/month, then: free_only } }
rules:
  - { name: mostly, when: "'private' in tags and 'vip' not in tags", only: [local] }
"""
BROKEN = "invariants: [{ name: private stays, when: { tags: private }, never: [big] }]\n"
KEPT = "invariants: [{ name: free, when: { tags: [private] }, at_least: 1 candidate }]\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + BROKEN)
    return path


def test_a_broken_promise_is_shown_with_a_request_that_can_be_run(broken: Path) -> None:
    found = run("prove", broken)
    assert found.code == 1
    command = f"policy-router route --policy {broken} --tag private,vip"
    assert found.out.splitlines() == [
        "broken   private stays (never)",
        "         a request that `big` may answer",
        f"         {command}",
        "1 promise: 1 broken",
    ]
    shown = run(*command.split()[1:], "--json")
    assert shown.code == 0
    assert "big" in [each["model"] for each in shown.json["candidates"]]


def test_as_json(broken: Path) -> None:
    found = run("prove", broken, "--json")
    assert found.code == 1
    (policy,) = found.json["policies"]
    (proof,) = policy["promises"]
    assert policy["path"] == str(broken)
    assert proof["verdict"] == "broken"
    assert proof["counterexample"]["reaches"] == ["big"]
    assert proof["counterexample"]["request"] == {"tokens": 0, "tags": ["private", "vip"]}


def test_what_is_proved_says_by_what(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        HEAD.replace("'vip'", "'none'")
        .replace("vip]", "vip, none]")
        .replace(" and 'none' not in tags", "")
        + BROKEN
    )
    found = run("prove", "--policy", path)
    assert found.code == 0
    assert found.out.splitlines() == [
        "proved   private stays (never)",
        "         by rule `mostly`",
        "1 promise: 1 proved",
    ]


def test_without_promises(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD)
    found = run("prove", path, path)
    assert found.code == 0
    assert found.out.splitlines() == ["the policy has no promises: its `invariants` are empty"]


@pytest.mark.parametrize("text", ["version: 1\nmodels: {}\nrules: [{ name: x, onyl: [y] }]\n"])
def test_a_policy_with_other_errors_proves_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    assert run("prove", path).code == 1
    assert run("prove", tmp_path / "none.yaml").code == 2


def test_paths_and_the_option_exclude_each_other(broken: Path) -> None:
    assert run("prove", broken, "--policy", broken).code == 2


def test_a_counterexample_becomes_a_test(broken: Path) -> None:
    target = broken.with_suffix(".test.yaml")
    assert run("prove", broken, "--write-test").code == 1
    test = (
        '  - name: "private stays"\n'
        '    request: {"tokens": 0, "tags": ["private", "vip"]}\n'
        '    expect: {"never": ["big"]}\n'
    )
    assert target.read_text() == f"version: 1\ntests:\n{test}"
    failing = run("test", broken)
    assert failing.code == 1
    assert "1 test failed" in failing.out
    again = run("prove", broken, "--write-test")
    assert "has a test of each of these requests already" in again.err
    assert target.read_text() == f"version: 1\ntests:\n{test}"
    target.write_text("tests: []\nversion: 1\n")
    assert run("prove", broken, "--write-test").code == 2


def test_a_request_that_costs_too_much_becomes_a_test(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + "invariants: [{ name: cheap, max_cost: $0.01 }]\n")
    assert run("prove", path, "--write-test").code == 1
    assert 'expect: {"max_cost": "$0.01"}' in path.with_suffix(".test.yaml").read_text()
    assert "1 test failed" in run("test", path).out


def test_a_request_that_no_test_can_state_is_shown_in_full(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "version: 1\ntiers: [one]\nmodels:\n  big: { model: openai/b, tier: one, context: 8k, "
        "max_output: 1k, price: { input: $0/M, output: $1/M } }\n"
        "budgets: { all: { cap: unlimited } }\ninvariants: [{ name: cheap, max_cost: $0.1 }]\n"
    )
    found = run("prove", path, "--write-test")
    assert found.code == 1
    assert "answers=" in found.out
    assert "nothing is written" in found.err


def test_nothing_to_write(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + KEPT)
    found = run("prove", path, "--write-test")
    assert found.code == 0
    assert "nothing is written" in found.err
    assert list(tmp_path.iterdir()) == [path]


def test_a_test_is_written_only_of_a_model_that_answers(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    seen = "complexity: { estimator: { llm: big } }\n"
    never = "invariants: [{ name: seen, when: { tags: private }, never: [big] }]\n"
    path.write_text(HEAD.replace("only: [local] }", "max_price: $0/M }") + seen + never)
    assert "broken   seen" in run("prove", path).out
    path.write_text(path.read_text().replace("and 'vip' not in tags", ""))
    found = run("prove", path, "--write-test")
    assert "a request whose complexity `big` estimates" in found.out
    assert "nothing is written" in found.err


EVERY_FACT = [
    "task == 'code' and plan == 'pro' and trial and region == 'a b'",
    "stream and subagent and housekeeping and tool_errors > 2 and turn > 3",
    "hour >= 22 and weekday == 'sat'",
    "hour < 6",
    "max_tokens > 100 and tokens > 7000 and has_tools and wants_json and has_images",
    "user == 'ada' and team == 'x' and tenant == 'y' and session == 'z' and key == 'k'",
    "client == 'claude-code' and language == 'de' and model == 'big'",
    "model == 'fast' and score > 0.5",
    "complexity == 'hard'",
    "not (user == 'ada') and user.startswith('ad')",
]


@pytest.mark.parametrize("when", EVERY_FACT)
def test_the_command_of_every_fact_reproduces_the_decision(tmp_path: Path, when: str) -> None:
    path = tmp_path / "p.yaml"
    head = HEAD.replace("tier: heavy }", "tier: heavy, can: [tools, json, vision] }")
    path.write_text(
        f"{head}aliases: {{ fast: [big] }}\ntasks: {{ code: {{ keywords: [x] }}, chat: {{}} }}\n"
        "complexity: { bands: { easy: { from: 0 }, hard: { from: 0.6, min_tier: heavy } } }\n"
        "invariants:\n"
        f'  - {{ name: i, when: "{when}", never: [big] }}\n'
    )
    found = run("prove", path, "--json").json
    (proof,) = found["policies"][0]["promises"]
    assert proof["verdict"] == "broken"
    arguments = shlex.split(proof["counterexample"]["command"])[1:]
    shown = run(*arguments, "--json")
    assert "big" in [each["model"] for each in shown.json["candidates"]], shown


ODD = """version: 1
timezone: Asia/Kolkata
attributes: {{ region: string, age: number, plan: [free, "-x", "a=b"] }}
tiers: [light]
models:
  m: {{ model: hosted_vllm/m, tier: light, price: free, context: 32k }}
  n: {{ model: hosted_vllm/n, tier: light, price: free, context: 32k }}
rules: [{{ name: r, when: "not ({when})", avoid: [m] }}]
invariants: [{{ name: i, when: "{when}", never: [m] }}]
"""
VALUES = [
    "'--json' in tags", "user == '-x'", "user == ' x '", "region == ''", "region == 'a=b'",
    "language == '--json'", "client == ''", "tenant == '--'", "plan == '-x'", "plan == 'a=b'",
    "age == -1.5", "region == 'true'", "key == 'a b'", "score == 0.123456", "model == 'm'",
    "hour == 2 and weekday == 'sun'", "housekeeping and subagent and stream and turn == 3",
    "max_tokens == 7 and tool_errors == 2", "region.startswith('-')", "user == 'ä€'",
]  # fmt: skip


def commands_of(path: Path) -> list[list[str] | None]:
    (policy,) = run("prove", path, "--json").json["policies"]
    assert {proof["verdict"] for proof in policy["promises"]} == {"broken"}
    found = [proof["counterexample"]["command"] for proof in policy["promises"]]
    return [command and shlex.split(command)[1:] for command in found]


@pytest.mark.parametrize("when", VALUES)
def test_the_command_states_any_value(when: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(ODD.format(when=when))
    (command,) = commands_of(path)
    assert command is not None
    assert "m" in [each["model"] for each in run(*command, "--json").json["candidates"]]


@pytest.mark.parametrize("tag", ["a,b", " a"])
def test_a_tag_that_no_option_states_has_no_command(tag: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(ODD.format(when=f"'{tag}' in tags"))
    assert commands_of(path) == [None]


TIMED = """version: 1
timezone: Asia/Kolkata
tiers: [light]
models:
  m: { model: hosted_vllm/m, tier: light, context: 32k, price: { input: $1/M, output: $1/M,
       at: [{ hours: "08:30-08:45", zone: America/New_York, input: $0.1/M }] } }
budgets: { all: { cap: unlimited } }
rules: [{ name: r, max_cost: $0.0005 }]
invariants:
  - { name: usual, when: tokens == 0, never: [m] }
  - { name: cheap, when: tokens == 1000, never: [m] }
"""


def test_where_prices_change_by_the_hour_the_command_states_the_minute(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(TIMED)
    usual, cheap = commands_of(path)
    assert usual is not None
    assert cheap is not None
    assert usual[usual.index("--clock") + 1] == "2027-01-01 03:30"
    assert cheap[cheap.index("--clock") + 1] == "2027-01-01 19:00"
    for command in (usual, cheap):
        assert run(*command, "--json").json["candidates"]
