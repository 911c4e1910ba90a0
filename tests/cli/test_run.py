"""`run`: a prompt to an answer over real HTTP; stdout is the answer, stderr who gave it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from policy_router import load
from policy_router.cli.options.request import RequestArguments, prepare_request
from policy_router.providers.simulated import Cut, Fail, Say, Simulated, Stall
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


def test_who_was_not_asked_is_named(tmp_path: Path) -> None:
    with Simulated({"small": Fail(400, "invalid_image_format")}) as provider:
        done = run("run", "Hello!", "-p", str(write(tmp_path, provider)))
        assert done.code == 3
        assert "big: not called: the request stops at invalid_request" in done.err


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
        assert told["schema_version"] == 1
        assert [c["model"] for c in told["decision"]["candidates"]] == ["small", "big"]
        assert told["usage"]["completion_tokens"] > 0


def test_the_time_of_a_rating_counts_towards_the_deadline(tmp_path: Path) -> None:
    with Simulated({"small": Stall(), "big": Stall()}) as provider:
        path = write(tmp_path, provider)
        with path.open("a") as policy:
            policy.write("complexity: { estimator: { llm: big } }\nfallback: { deadline: 8s }\n")
        done = run("run", "Hello!", "-p", str(path), "--max-candidates", "1", "--json")
        assert done.code == 3
        assert [hit.model for hit in provider.requests] == ["big", "small"]
        (attempt,) = json.loads(done.out)["attempts"]
        # The estimator may take 3 of the 8 seconds; without them it would be 8.
        assert attempt["seconds"] < 7


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_no_model_answers(tmp_path: Path, more: tuple[str, ...]) -> None:
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
        (("Hi", "--stream", "--json"), "cannot be combined with --json"),
        (("Hi", "--task", "code"), "unknown task `code`"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    with Simulated() as provider:
        done = run("run", *arguments, "-p", str(write(tmp_path, provider)))
        assert done.code == 2
        assert words in done.err
        assert not provider.requests


COUNTED = """\
version: 1
timezone: Europe/Berlin
tiers: [light, heavy]
models:
  big:
    model: openai/big
    api_base: "{url}"
    tier: heavy
    price: {{ input: $1/M, output: $2/M }}
    context: 128k
  small: {{ model: openai/small, api_base: "{url}", tier: light, price: free, context: 8k }}
prefer: [quality]
{counted}
"""
ANSWERS = Say("from big", usage={"prompt_tokens": 100, "completion_tokens": 2000})


def counted(folder: Path, provider: Simulated, *lines: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(COUNTED.format(url=provider.url, counted="\n".join(lines)))
    return str(path)


def test_what_an_attempt_cost_is_reported_and_kept(tmp_path: Path) -> None:
    provider = Simulated({"big": [Fail(429), ANSWERS], "small": Say("from small")})
    with provider:
        path = counted(tmp_path, provider, "budgets: { all: { cap: $1/day } }")
        done = run("run", "Hello!", "-p", path)
        assert (done.code, done.out) == (0, "from small\n")
        first, second = done.err.splitlines()
        assert re.fullmatch(r"big \(openai/big\) [0-9.]+ s, \$0 rate_limited: .*", first)
        assert re.fullmatch(r"answered by small \(openai/small\) [0-9.]+ s, free", second)
        # The next command knows of the rest that the rate limit imposed, until it is lifted.
        assert run("health", "-p", path, "--lift", "big").code == 0
        done = run("run", "Hello!", "-p", path, "--json")
        (attempt,) = done.json["attempts"]
        assert (attempt["model"], attempt["cost_usd"]) == ("big", "0.0041")
        (file,) = (tmp_path / "state" / "policy-router").glob("policy-*.db")
        assert file.stat().st_mode & 0o077 == 0
    usage = run("usage", "-p", path).out
    assert "budget all  $0.0041 of $1.00 a day" in usage
    assert ["big", "2", "100", "2,000", "$0.0041"] in [line.split() for line in usage.split("\n")]
    assert "free models: 1 of 2 answers, 50%" in usage
    assert run("audit", "-p", path).code == 0


@pytest.mark.parametrize("more", [(), ("--stream",), ("--json",)])
def test_nothing_has_room(tmp_path: Path, more: tuple[str, ...]) -> None:
    with Simulated({"big": ANSWERS}) as provider:
        path = counted(tmp_path, provider, "budgets: { all: { cap: $0.009/day, then: block } }")
        assert run("run", "Hello!", "-p", path, "--model", "big").code == 0
        done = run("run", "Hello!", "-p", path, "--model", "big", *more)
        assert done.code == 4
        head, *rest = done.err.splitlines()
        left = "This request needs more than is left of the budget"
        assert re.fullmatch(left + r"; opens [-0-9]+ 00:00:00 CES?T", head)
        assert rest[0] == "Not used"
        assert "budget `all`: $0.0041 of $0.009 a day used, this request may use $0.00" in done.err
        assert len(provider.requests) == 1
        if more == ("--json",):
            assert done.json["answer"] is None
            assert done.json["refused"]["by"] == "budget"
            assert done.json["refused"]["opens"][10:-6] == "T00:00:00"
        else:
            assert done.out == ""


def test_a_full_limit(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS}) as provider:
        lines = ("limits: { all: { requests: [1/hour] } }", "budgets: { a: { cap: unlimited } }")
        path = counted(tmp_path, provider, *lines)
        assert run("run", "Hello!", "-p", path).code == 0
        done = run("run", "Hello!", "-p", path, "--json")
        assert done.code == 4
        assert done.err.startswith("The limit is reached; opens ")
        assert done.json["refused"]["by"] == "limit"
        assert len(provider.requests) == 1


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_its_counters_nothing_that_costs_is_asked(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    with Simulated({"big": ANSWERS, "small": Say("from small")}) as provider:
        path = counted(tmp_path, provider, "budgets: { all: { cap: $1/day } }")
        (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
        where = ("--state", f"sqlite:///{tmp_path}/ledger.db")
        done = run("run", "Hello!", "-p", path, *where, "--model", "big", *more)
        assert done.code == 4
        assert "The counters cannot be used\n" in done.err
        assert done.err.startswith("warning: the counters cannot be read: the ledger ")
        if more:
            assert (done.json["refused"]["by"], done.json["refused"]["opens"]) == ("state", None)
        assert not provider.requests
        done = run("run", "Hello!", "-p", path, *where, *more)
        assert done.code == 0
        assert [hit.model for hit in provider.requests] == ["small"]


def test_without_its_counters_limits_are_kept_by_the_process_alone(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS}) as provider:
        lines = ("limits: { all: { requests: [5/hour] } }", "budgets: { a: { cap: unlimited } }")
        path = counted(tmp_path, provider, *lines)
        (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
        done = run("run", "Hi", "-p", path, "--state", f"sqlite:///{tmp_path}/ledger.db")
        assert (done.code, done.out) == (0, "from big\n")
        assert done.err.startswith("warning: the counters cannot be read: ")


def test_a_threshold_is_reported_in_one_line(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS}) as provider:
        lines = (
            "limits: { all: { requests: [90/day] } }",
            "budgets: { each: { per: user, cap: $0.01/month, warn_at: [10%, 40%] } }",
        )
        path = counted(tmp_path, provider, *lines)
        argv = ("Hello!", "-p", path, "--user", "ada", "--fact", "max_tokens=2000")
        done = run("run", *argv)
        told = [line for line in done.err.splitlines() if line.startswith("warning: ")]
        assert told == [
            "warning: budget `each` of ada has passed 10%: $0.0041 of $0.01 a month",
            "warning: budget `each` of ada has passed 40%: $0.0041 of $0.01 a month",
        ]
        assert "warning: " not in run("run", *argv).err


def test_a_system_message_counts_as_tokens_and_not_as_difficulty(tmp_path: Path) -> None:
    with Simulated() as provider:
        policy = load(write(tmp_path, provider))
    alone, among = (
        prepare_request(policy, RequestArguments(prompt="Hello!"), system=system).request
        for system in (None, "be brief " * 5_000)
    )
    assert alone.tokens < 20
    assert among.tokens > 10_000
    assert alone.complexity == among.complexity


def test_a_system_message_is_reserved_for_too(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS}) as provider:
        path = counted(tmp_path, provider, "budgets: { all: { cap: $0.01/day, then: block } }")
        argv = ("Hello!", "-p", path, "--fact", "max_tokens=10", "--model", "big")
        done = run("run", *argv, "--system", "x" * 20_000)
        assert done.code == 4
        assert "$0.00 of $0.01 a day used, this request may use $0.020" in done.err
        assert run("run", *argv, "--system", "x").code == 0
        assert len(provider.requests) == 1


def test_an_unknown_price_is_no_cost(tmp_path: Path) -> None:
    with Simulated() as provider:
        path = tmp_path / "policy.yaml"
        path.write_text(
            "version: 1\nmodels:\n"
            f'  odd: {{ model: openai/odd, api_base: "{provider.url}", tier: light }}\n'
            "budgets: { all: { cap: unlimited } }\n"
        )
        done = run("run", "Hi", "-p", str(path))
        assert done.code == 0
        assert done.err.rstrip().endswith(" s, cost unknown")
        assert run("run", "Hi", "-p", str(path), "--json").json["attempts"][0]["cost_usd"] is None


def test_a_policy_that_counts_nothing_keeps_nothing(tmp_path: Path) -> None:
    with Simulated({"small": Say("from small")}) as provider:
        path = tmp_path / "policy.yaml"
        path.write_text(
            "version: 1\nmodels:\n  small: { model: openai/small, tier: light, price: free, "
            f'api_base: "{provider.url}" }}\n'
        )
        assert run("run", "Hi", "-p", str(path)).code == 0
    assert not (tmp_path / "state").exists()


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


CHECKS = (
    "tasks:\n  form: { first: [small], accept: { json: true } }\n"
    "  judged: { accept: { llm: { model: big, rubric: It is polite. } } }\n  chat: {}\n"
)


@pytest.mark.parametrize("more", [(), ("--stream",)])
def test_a_rejected_answer_is_told_as_a_failure(tmp_path: Path, more: tuple[str, ...]) -> None:
    with Simulated({"small": Say("hello"), "big": Say("{}")}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text() + CHECKS)
        done = run("run", "Hello!", "-p", str(path), "--task", "form", *more)
        assert (done.code, done.out) == (0, "{}\n")
        assert "rejected: json (task `form`): no JSON" in done.err
        assert "answered by big" in done.err
        assert "Warning" not in done.err


@pytest.mark.parametrize("more", [(), ("--stream",)])
def test_the_best_of_rejected_answers_comes_with_a_warning(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    with Simulated({"small": Say("hello"), "big": Say("good day")}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text() + CHECKS)
        done = run("run", "Hello!", "-p", str(path), "--task", "form", *more)
        assert (done.code, done.out) == (0, "good day\n")
        assert "Warning: no answer passed its checks; this one, by big, was the best" in done.err
        assert done.err.count("json (task `form`): no JSON") == 3
        assert "answered by" not in done.err


def test_what_was_found_is_in_the_json(tmp_path: Path) -> None:
    with Simulated({"small": Say("hello"), "big": Say("good day")}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text() + CHECKS)
        told = run("run", "Hello!", "-p", str(path), "--task", "form", "--json").json
        assert (told["model"], told["answer"], told["unchecked"]) == ("big", "good day", [])
        assert told["rejected"] == [
            {
                "check": "json",
                "by": "task `form`",
                "detail": "no JSON: expecting value at character 0",
            }
        ]
        assert [a["failure"] for a in told["attempts"]] == ["rejected", "rejected"]


def test_a_check_that_could_not_be_made_is_reported(tmp_path: Path) -> None:
    with Simulated({"small": Say("hello"), "big": Fail(401)}) as provider:
        path = write(tmp_path, provider)
        path.write_text(path.read_text() + CHECKS)
        done = run("run", "Hello!", "-p", str(path), "--task", "judged")
        assert (done.code, done.out) == (0, "hello\n")
        assert "Not checked: llm (task `judged`): `big` gave no verdict: credential" in done.err


def checked(folder: Path, provider: Simulated) -> Path:
    path = write(folder, provider)
    check = "tests.execution.checks_of_ours:polite"
    path.write_text(path.read_text() + f"tasks: {{ form: {{ accept: {{ python: {check} }} }} }}\n")
    return path


def test_a_function_is_called_only_when_it_is_allowed(tmp_path: Path) -> None:
    with Simulated({"small": Say("yes"), "big": Say("yes, please")}) as provider:
        path = checked(tmp_path, provider)
        refused = run("run", "Hi", "-p", path, "--task", "form")
        assert (refused.code, refused.out) == (1, "")
        assert "error[function-not-allowed] `tests.execution.checks_of_ours:polite`" in refused.err
        assert "--allow-function tests.execution.checks_of_ours:polite" in " ".join(
            refused.err.split()
        )
        assert not provider.requests
        ours = "tests.execution.checks_of_ours:polite"
        for how in ((), ("--stream",)):
            done = run(
                "run", "Hi", "-p", path, "--task", "form", *how, "--allow-function", ours,
                "--allow-function", "my_checks:other",
            )  # fmt: skip
            assert (done.code, done.out) == (0, "yes, please\n")


@pytest.mark.parametrize("name", ["os:system", "polite"])
def test_a_function_that_can_never_be_allowed(tmp_path: Path, name: str) -> None:
    with Simulated() as provider:
        done = run("run", "Hi", "-p", checked(tmp_path, provider), "--allow-function", name)
        assert done.code == 2
        assert f"`{name}` cannot be allowed" in done.err
        assert not provider.requests


def test_other_commands_call_nothing_and_need_no_allowance(tmp_path: Path) -> None:
    with Simulated() as provider:
        path = checked(tmp_path, provider)
        assert run("route", "Hi", "-p", path, "--task", "form").code == 0
        assert run("explain", "Hi", "-p", path, "--task", "form").code == 0
        found = run("check", path)
        assert "note[calls-own-function] the policy calls" in found.out + found.err


def test_the_hour_and_the_weekday_of_conditions_can_be_set(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS, "small": Say("from small")}) as provider:
        lines = (
            "budgets: { all: { cap: $1/day } }",
            "rules: [{ name: nights, when: hour >= 22, only: [small] }]",
        )
        path = counted(tmp_path, provider, *lines)
        assert run("run", "Hi", "-p", path, "--fact", "hour=23").out == "from small\n"
        assert run("run", "Hi", "-p", path, "--fact", "hour=21").out == "from big\n"
        # What is charged is charged today.
        assert "budget all  $0.0041 of $1.00 a day" in run("usage", "-p", path).out


def test_whether_an_answer_is_streamed_is_a_fact_of_its_own(tmp_path: Path) -> None:
    with Simulated({"big": ANSWERS, "small": Say("from small")}) as provider:
        rule = "rules: [{ name: streams, when: stream, only: [small] }]"
        path = counted(tmp_path, provider, "budgets: { all: { cap: unlimited } }", rule)
        assert run("run", "Hi", "-p", path, "--stream").out == "from small\n"
        assert run("run", "Hi", "-p", path).out == "from big\n"
        done = run("run", "Hi", "-p", path, "--fact", "stream=true")
        assert done.code == 2
        assert "`stream` has an option of its own: --stream" in done.err
