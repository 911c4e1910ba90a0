"""`run`: a prompt to an answer over real HTTP; stdout is the answer, stderr who gave it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from policy_router.simulated import Cut, Fail, Say, Simulated
from tests.cli.run import run
from tests.two_models import write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_answer_is_alone_on_stdout(tmp_path: Path) -> None:
    with Simulated({"small": Say("from small")}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)), "--system", "Be brief")
        assert (done.code, done.out) == (0, "from small\n")
        assert "answered by small (openai/small)" in done.err
        sent = provider.requests[0].body["messages"]
        assert [(m["role"], m["content"]) for m in sent] == [
            ("system", "Be brief"),
            ("user", "Hello!"),
        ]


def test_options_reach_the_policy_and_the_provider(tmp_path: Path) -> None:
    with Simulated() as provider:
        path = str(write(tmp_path, provider))
        done = run(
            "run", "Hi", "-p", path, "--model", "big", "--fact", "max_tokens=7", "--user", "ada"
        )
        assert done.code == 0
        hit = provider.requests[0]
        assert (hit.model, hit.body["max_tokens"]) == ("big", 7)


def test_streams(tmp_path: Path) -> None:
    with Simulated({"small": Say("one two three")}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)), "--stream")
        assert (done.code, done.out) == (0, "one two three\n")
        assert provider.requests[0].stream


def test_a_stream_that_breaks_is_no_answer(tmp_path: Path) -> None:
    with Simulated({"small": Cut(after=2, text="one two three four")}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)), "--stream")
        assert done.code == 3
        assert "No model answered" in done.err


def test_falls_back_and_says_so(tmp_path: Path) -> None:
    with Simulated({"small": Fail(429), "big": Say("from big")}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)), "--json")
        told = json.loads(done.out)
        assert (done.code, told["answer"], told["model"]) == (0, "from big", "big")
        assert [(a["model"], a["failure"], a["status"]) for a in told["attempts"]] == [
            ("small", "rate_limited", 429),
            ("big", None, None),
        ]
        assert [c["model"] for c in told["decision"]["candidates"]] == ["small", "big"]
        assert told["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nobody_answers(tmp_path: Path, more: tuple[str, ...]) -> None:
    with Simulated({"small": Fail(401), "big": Fail(401)}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)), *more)
        assert done.code == 3
        assert done.err.count("credential") == 2
        assert (json.loads(done.out)["answer"] is None) if more else done.out == ""


@pytest.mark.parametrize("more", [(), ("--json",), ("--stream",)])
def test_the_policy_says_no(tmp_path: Path, more: tuple[str, ...]) -> None:
    with Simulated() as provider:
        path = str(write(tmp_path, provider))
        done = run("run", "Hello!", "-p", path, "--tag", "secret", *more)
        assert done.code == 4
        assert "not with us" in done.err
        assert not provider.requests


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is no prompt"),
        (("Hi", "--stream", "--json"), "exclude each other"),
        (("Hi", "--task", "code"), "unknown task `code`"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    with Simulated() as provider:
        done = run("run", *arguments, "-p", str(write(tmp_path, provider)))
        assert done.code == 2
        assert words in done.err
        assert not provider.requests


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nmodels:\n"
        "  haiku: { model: anthropic/claude-haiku-4-5, tier: heavy, api_key_env: MY_OWN_KEY }\n"
        "budgets: { all: { cap: unlimited } }\n"
    )
    done = run("run", "Hello!", "-p", str(path))
    assert done.code == 3
    assert "MY_OWN_KEY" in done.err
