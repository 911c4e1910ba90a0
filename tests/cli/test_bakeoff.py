"""`bakeoff`: models answer prompts, or outcomes are read; the cheapest good plan is told."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import load
from policy_router.cli.bakeoff_calls import contains
from policy_router.providers.simulated import Fail, Say, Simulated, Stall
from tests.cli.run import Result, run
from tests.two_models import write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def prompts(folder: Path, lines: Sequence[object]) -> Path:
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def recorded(folder: Path, count: int = 400, *, verdicts: bool = True) -> Path:
    """Outcomes of a light and a heavy model: the light one is right about two times in three."""
    rng = random.Random(1)  # noqa: S311  a simulation
    lines = []
    for number in range(count):
        outcomes: dict[str, Any] = {}
        for name, skill, cost in (("light", 0.66, 0.0001), ("heavy", 0.95, 0.01)):
            good = rng.random() < skill
            outcomes[name] = {"score": float(good), "cost": cost}
            if verdicts:
                passed = good if rng.random() < 0.95 else not good
                outcomes[name] |= {"passed": passed, "check_cost": 0.00001}
        lines.append({"id": f"q{number}", "kinds": ["plain"], "outcomes": outcomes})
    return prompts(folder, lines)


def test_recorded_outcomes_give_a_plan_without_a_call(tmp_path: Path) -> None:
    done = run("bakeoff", "--recorded", recorded(tmp_path), "--json")
    told = done.json
    assert (done.code, told["best"], told["prompts"]) == (0, "heavy", 400)
    assert told["plan"] == {"models": ["light", "heavy"], "kinds": {}}
    assert told["judged"]["kept"] > 0.97
    assert told["judged"]["cost_share"] < 0.5
    assert told["patch"] == "rules:\n- name: order of the bake-off\n  first: [light, heavy]\n"
    text = run("bakeoff", "--recorded", recorded(tmp_path)).out
    assert "plan: light, then heavy where the check rejects the answer" in text
    assert "first: [light, heavy]" in text


def test_a_check_can_be_supposed(tmp_path: Path) -> None:
    file = recorded(tmp_path, verdicts=False)
    without = run("bakeoff", "--recorded", file)
    assert "plan: heavy\nno cheaper plan certainly keeps 97% of the quality of heavy" in without.out
    supposed = run("bakeoff", "--recorded", file, "--check", "0.95/0.05", "--json").json
    assert supposed["plan"]["models"] == ["light", "heavy"]


def test_budgets_get_plans_no_worse_than_single_models(tmp_path: Path) -> None:
    file = recorded(tmp_path, 1000)
    arguments = ("bakeoff", "--recorded", file, "--budgets", "0.00001,0.0005,$0.004,0.02")
    first, *rows = run(*arguments, "--json").json["budgets"]
    assert first["plan"] is None
    for row in rows:
        assert row["quality"] >= max(row["best_model_quality"], row["best_mixture_quality"]) - 0.01
    table = run(*arguments).out
    assert "no model costs that little" in table
    assert "% of plain: " in table


def test_models_answer_and_are_marked(tmp_path: Path) -> None:
    with Simulated({"small": Say("It is Paris."), "big": Say("It is Paris.")}) as provider:
        lines = [{"prompt": f"Capital of France? {n}", "expected": "paris"} for n in range(60)]
        saved = tmp_path / "saved.jsonl"
        done = ask(tmp_path, provider, lines, "--save", saved, "--json")
        assert (done.code, len(provider.requests)) == (0, 120)
        assert "60 prompts, 120 calls: about $" in done.err
        told = done.json
        assert [each["quality"] for each in told["models"]] == [1.0, 1.0]
        assert told["plan"]["models"] == ["small"]
        assert "Paris" not in saved.read_text()
        assert "France" not in saved.read_text()
        again = run("bakeoff", "--recorded", saved, "--json").json
        assert {**again, "patch": told["patch"]} == told


def test_the_patch_is_a_policy_that_compiles(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    with Simulated({"small": Say("Rome"), "big": Say("Paris")}) as provider:
        lines = [{"prompt": f"Capital of France? {n}", "expected": "paris"} for n in range(4)]
        patch = ask(tmp_path, provider, lines, "--json").json["patch"]
        assert patch == "rules:\n- name: order of the bake-off\n  first: [big]\n"
        path = tmp_path / "policy.yaml"
        yaml = YAML()
        policy = yaml.load(path)
        policy["rules"] += YAML().load(patch)["rules"]
        yaml.dump(policy, path)
        assert load(path).rules[-1].first == ("big",)


def test_a_judge_marks_and_is_paid_by_the_budget(tmp_path: Path) -> None:
    with Simulated({"small": Say("PASS"), "big": Say("PASS")}) as provider:
        lines = [{"prompt": f"Why {n}?"} for n in range(3)]
        done = ask(tmp_path, provider, lines, "--judge", "big", "--json")
        # Two models answer three prompts, and the judge reads each answer.
        assert (done.code, len(provider.requests)) == (0, 12)
        assert "6 calls, and as many of the judge" in done.err
        assert "`big` judges its own answers too" in done.err
        assert [each["quality"] for each in done.json["models"]] == [1.0, 1.0]


def test_a_model_that_may_not_answer_is_not_asked(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Say("yes")}) as provider:
        lines = [
            {"prompt": f"Is it {n}?", "expected": "yes", "tags": ["private"]} for n in range(3)
        ]
        done = ask(tmp_path, provider, lines, "--json")
        assert {hit.model for hit in provider.requests} == {"small"}
        assert [each["model"] for each in done.json["models"]] == ["small"]
        secret = [{"prompt": "Is it?", "expected": "yes", "tags": ["secret"]}]
        denied = ask(tmp_path, provider, secret)
        assert denied.code == 2
        assert "1 prompt left out: no model may answer" in denied.err


def test_a_model_that_fails_is_not_compared(tmp_path: Path) -> None:
    with Simulated({"small": Fail(401), "big": Say("yes")}) as provider:
        lines = [{"prompt": f"Is it {n}?", "expected": "yes"} for n in range(3)]
        done = ask(tmp_path, provider, lines, "--json")
        assert done.code == 0
        assert "small: 3 answers missing or not marked" in done.err
        assert [each["model"] for each in done.json["models"]] == ["big"]


def test_a_spent_budget_stops_it_and_what_is_done_is_kept(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Say("yes")}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text().replace("unlimited", "$0.0001/day, then: block"))
        lines = [{"prompt": f"Is it {n}?", "expected": "yes", "max_tokens": 10} for n in range(40)]
        done = run(
            "bakeoff", prompts(tmp_path, lines), "-p", path, "--yes", "--state",
            f"sqlite:///{tmp_path}/state.db",
        )  # fmt: skip
        assert "of 40 prompts are done" in done.err
        assert len(provider.requests) < 80


def test_a_model_without_room_in_a_budget_is_named(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Say("yes")}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text().replace("unlimited", "$0.0001/day, then: block"))
        lines = [{"prompt": f"Is it {n}?", "expected": "yes"} for n in range(3)]
        done = run(
            "bakeoff", prompts(tmp_path, lines), "-p", path, "--yes", "--state",
            f"sqlite:///{tmp_path}/state.db",
        )  # fmt: skip
        assert "`big` is left out of 3 prompts: " in done.err
        assert "budget" in done.err


def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    answers: list[Say | Stall] = [*[Say("yes")] * 8, Stall()]
    with Simulated({"small": answers, "big": Say("yes")}) as provider:
        lines = [{"prompt": f"Is it {n}?", "expected": "yes"} for n in range(40)]
        ended = threading.Event()

        def interrupt() -> None:
            while not ended.wait(0.02):
                models = [hit.model for hit in provider.requests]
                if models.count("small") >= 12 and models.count("big") >= 8:
                    os.kill(os.getpid(), signal.SIGINT)
                    return

        thread = threading.Thread(target=interrupt)
        thread.start()
        saved = tmp_path / "saved.jsonl"
        done = ask(tmp_path, provider, lines, "--save", saved, "--json")
        ended.set()
        thread.join()
        # Eight prompts have both answers, or are about to have the second one.
        told = re.search(r"stopped: (\d+) of 40 prompts are done", done.err)
        assert told is not None, done.err
        assert 1 <= int(told[1]) <= 8
        assert (done.code, done.json["prompts"]) == (0, int(told[1]))
        assert len(saved.read_text().splitlines()) == int(told[1])


def test_calls_are_confirmed(tmp_path: Path) -> None:
    with Simulated() as provider:
        path = write(tmp_path, provider)
        file = prompts(tmp_path, [{"prompt": "Is it?", "expected": "yes"}])
        state = f"sqlite:///{tmp_path}/state.db"
        done = run("bakeoff", file, "-p", path, "--state", state)
        assert done.code == 2
        assert "confirm the calls with --yes" in done.err
        assert not provider.requests
        saved = tmp_path / "saved.jsonl"
        for _ in range(2):
            done = run("bakeoff", file, "-p", path, "--state", state, "--save", saved)
            assert "confirm the calls with --yes" in done.err
            assert not saved.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, "line 1 has neither `prompt` nor `messages`"),
        ({"prompt": "Hi", "messages": []}, "line 1 has both `prompt` and `messages`"),
        ({"prompt": "Hi", "expected": 3}, "`expected` is not a text"),
        ({"prompt": "Hi"}, "line 1: nothing tells a good answer from a bad one"),
        ({"prompt": "Hi", "task": "code", "expected": "x"}, "line 1: unknown task `code`"),
    ],
)
def test_wrong_prompts(tmp_path: Path, line: object, words: str) -> None:
    with Simulated() as provider:
        done = ask(tmp_path, provider, [line])
        assert done.code == 2
        assert not provider.requests
        assert words in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, "line 1 has no `outcomes`"),
        ({"outcomes": {"a": 1}}, "line 1, `a`: an outcome is an object"),
        ({"outcomes": {"a": {"score": 2, "cost": 0}}}, "`score` is not a number from 0 to 1"),
        ({"outcomes": {"a": {"score": 1, "cost": -1}}}, "`cost` is not an amount of dollars"),
        (
            {"outcomes": {"a": {"score": 1, "cost": 0, "passed": 1}}},
            "`passed` is neither true nor false",
        ),
        ({"kinds": "x", "outcomes": {"a": {"score": 1, "cost": 0}}}, "`kinds` is not a list"),
        ({"outcomes": {"a": {"score": 1, "cost": 0}}}, "fewer than two prompts"),
    ],
)
def test_wrong_outcomes(tmp_path: Path, line: object, words: str) -> None:
    done = run("bakeoff", "--recorded", prompts(tmp_path, [line]))
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("x.jsonl", "--recorded", "y.jsonl"), ("--recorded", "x", "--check", "2/3")],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run("bakeoff", *arguments).code == 2


def test_repeated_prompts_count_once(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Say("yes")}) as provider:
        lines = [{"prompt": f"Is it {n % 2}?", "expected": "yes"} for n in range(5)]
        done = ask(tmp_path, provider, lines)
        assert len(provider.requests) == 4
        assert "3 prompts left out: a repeated id or text adds no evidence" in done.err
        lines = [line | {"id": f"q{n}"} for n, line in enumerate(lines)]
        done = ask(tmp_path, provider, lines)
        assert "3 prompts left out: a repeated id or text adds no evidence" in done.err


def test_a_judge_that_fails_gives_no_verdict(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Fail(500)}) as provider:
        saved = tmp_path / "saved.jsonl"
        lines = [{"prompt": f"Is it {n}?", "expected": "yes"} for n in range(3)]
        done = ask(tmp_path, provider, lines, "--judge", "big", "--save", saved)
        assert "the judge gave no verdict on 3 answers" in done.err
        for line in saved.read_text().splitlines():
            (answer,) = json.loads(line)["outcomes"].values()
            assert (answer["score"], answer.get("passed")) == (1.0, None)


@pytest.mark.parametrize(
    ("text", "expected", "holds"),
    [
        ("The answer is 42.", "42", True),
        ("The answer is 142.", "42", False),
        ("NEW\n york", "new York", True),
        ("", "x", False),
    ],
)
def test_the_expected_words_are_looked_for(text: str, expected: str, holds: bool) -> None:
    assert contains(text, expected) is holds


def ask(folder: Path, provider: Simulated, lines: Sequence[object], *argv: object) -> Result:
    """Run a bake-off over the two simulated models."""
    path, file = write(folder, provider), prompts(folder, lines)
    state = f"sqlite:///{folder}/state.db"
    return run("bakeoff", file, "-p", path, "--yes", "--state", state, *argv)
