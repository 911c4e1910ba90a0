"""`route`: options to a request, a decision to words, an answer to an exit code."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policy_router import classify, load
from policy_router.cases.clock import moment
from policy_router.classification.body import read_messages
from policy_router.classification.classifier import Classifier
from policy_router.classification.tokens.bound import most_tokens
from policy_router.cli.options.request import RequestArguments, prepare_request
from policy_router.cli.options.values import clock
from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.request import Request
from tests.cli.run import BROKEN, TEAM, Result, run

POLICY = load(TEAM)


def route(*argv: object, stdin: bytes = b"") -> Result:
    return run(
        "route", "-p", TEAM, "--fact", "hour=12", "--fact", "weekday=mon", *argv, stdin=stdin
    )


def names(*argv: object) -> list[str]:
    return [each["model"] for each in route(*argv, "--json").json["candidates"]]


def asked(**given: Any) -> Request:
    return prepare_request(POLICY, RequestArguments(**given), now=0.0).request


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], ["small", "big", "cloud"]),
        (["hello"], ["small", "big", "cloud"]),
        (["--task", "code"], ["big", "cloud", "small"]),
        (["--complexity", "hard"], ["big", "cloud", "small"]),
        (["--complexity", "0.59"], ["small", "big", "cloud"]),
        (["--complexity", "0.6"], ["big", "cloud", "small"]),
        (["--complexity", "1"], ["big", "cloud", "small"]),
        (["--tag", "private"], ["small", "big"]),
        (["--tag", "x, private"], ["small", "big"]),
        (["--tag", "x", "--tag", "private"], ["small", "big"]),
        (["--tokens", "40k"], ["big", "cloud"]),
        (["--tokens", "40_000"], ["big", "cloud"]),
        (["--need", "tools"], ["big", "cloud"]),
        (["--need", "tools,json"], ["big", "cloud"]),
        (["--max-latency", "2s"], ["big"]),
        (["--max-latency", "2"], ["big"]),
        (["--max-latency", "1900ms"], []),
        (["--tokens", "1000", "--max-cost", "0.001"], ["small", "big"]),
        (["--max-price", "0"], ["small"]),
        (["--max-price", "$0/M"], ["small"]),
        (["--max-price", "$100/M"], ["small", "big", "cloud"]),
        (["--tokens", "1000", "--max-cost", "$0.0001"], ["small"]),
        (["--min-quality", "0.5"], ["big", "cloud"]),
        (["--prefer", "fastest"], ["big", "cloud", "small"]),
        (["--prefer", "local,quality"], ["big", "small", "cloud"]),
        (["--model", "cloud"], ["cloud"]),
        (["--max-candidates", "1"], ["small"]),
        (["--user", "bot-7", "--prefer", "quality"], ["small", "big", "cloud"]),
        (["--fact", "region=eu-west", "--prefer", "quality"], ["small", "big", "cloud"]),
        (["--fact", "max_tokens=100000", "--tokens", "100"], ["big", "cloud"]),
        (["--tag", "legal", "--fact", "plan=pro"], ["small", "big", "cloud"]),
    ],
)
def test_options_reach_the_decision(argv: list[str], expected: list[str]) -> None:
    assert names(*argv) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (["hour=23", "weekday=mon"], ["small", "big"]),
        (["hour=21", "weekday=mon"], ["small", "big", "cloud"]),
        (["hour=21", "weekday=sun"], ["small", "big"]),
        (["weekday=sat"], ["small", "big"]),
        (["hour=22"], ["small", "big"]),
    ],
)
def test_the_clock_can_be_set(facts: list[str], expected: list[str]) -> None:
    argv = [part for fact in facts for part in ("--fact", fact)]
    found = run("route", "-p", TEAM, "--json", *argv).json
    assert [each["model"] for each in found["candidates"]] == expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("now", [0.0, 1_774_700_000.0, 1_792_900_000.0])
def test_every_hour_of_the_week_has_a_moment(zone: str, now: float) -> None:
    place = ZoneInfo(zone)
    for hour in range(24):
        for day in WEEKDAYS:
            at = moment(place, now, hour, day)
            local = datetime.fromtimestamp(at, place)
            assert (local.hour, WEEKDAYS[local.weekday()]) == (hour, day)
            assert 0 <= at - now <= 15 * 86_400
    assert moment(place, now, None, None) == now


def test_a_command_line_makes_the_request_that_a_program_makes() -> None:
    given = asked(prompt="Refactor it", tag=["a,b"], max_cost="$0.01", fact=["max_tokens=9"])
    messages = [{"role": "user", "content": "Refactor it"}]
    made = classify(
        POLICY, messages, tags=["a", "b"], max_cost=Decimal("0.01"), max_tokens=9, attributes={}
    )
    assert given == made
    assert asked() == classify(POLICY)


def test_every_option_has_its_place_in_the_request() -> None:
    request = asked(
        prompt="x" * 401,
        task="code",
        complexity="0.5",
        tag=["a,b", "c"],
        tenant="t",
        user="u",
        team="m",
        need=["json", "tools"],
        max_cost="0.01",
        max_price="$0.003/K",
        max_latency="1.5m",
        min_quality=".25",
        prefer=["free", "cheapest,fastest"],
        model="big",
        max_candidates=2,
        fact=[
            "plan=pro", "region=a=b", "seats=2.5", "internal=true", "language=de", "stream=true",
            "key=k1", "max_tokens=50", "client=codex", "subagent=true", "housekeeping=false",
            "turn=3", "tool_errors=2",
        ],
        session="s1",
    )  # fmt: skip
    assert request == Request(
        task="code",
        complexity=0.5,
        tokens=read_messages([{"role": "user", "content": "x" * 401}]).tokens,
        max_input_tokens=most_tokens([{"role": "user", "content": "x" * 401}]),
        max_tokens=50,
        needs=frozenset({"json", "tools"}),
        session="s1",
        client="codex",
        subagent=True,
        turn=3,
        tool_errors=2,
        tags=frozenset("abc"),
        tenant="t",
        user="u",
        team="m",
        key="k1",
        language="de",
        stream=True,
        attributes={"plan": "pro", "region": "a=b", "seats": 2.5, "internal": True},
        max_cost=Decimal("0.01"),
        max_price=3,
        max_latency=90.0,
        min_quality=0.25,
        prefer=("free", "cheapest", "fastest"),
        model="big",
        max_candidates=2,
    )
    assert asked() == Request()


@pytest.mark.parametrize("prompt", ["", "x", "Refactor this function, please", "x" * 4000])
def test_a_prompt_is_counted_as_the_router_counts_it(prompt: str) -> None:
    counted = read_messages([{"role": "user", "content": prompt}]).tokens
    assert asked(prompt=prompt).tokens == counted >= len(prompt) / 4


def test_a_prompt_says_its_task_and_complexity() -> None:
    request = asked(prompt="Refactor this function, please")
    assert request.task == "code"
    assert request.complexity == Classifier(POLICY).classify("Refactor this function, please").score
    assert asked(prompt="Is it late?").task is None
    given = asked(prompt="Refactor this function, please", task="chat", complexity="easy")
    assert (given.task, given.complexity) == ("chat", "easy")
    assert asked(prompt="x", need=["json"]).needs == {"json"}


def test_the_prompt_may_come_by_standard_input() -> None:
    long = route("-", stdin=b"word " * 40_000)
    assert long.code == 0
    assert "small  context of 32,000 tokens is too small" in long.out
    assert route("-", stdin=b"\xff\xfe").code == 0
    assert route("-").code == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--task", "cod"], "unknown task `cod`; did you mean `code`?"),
        (["--task", "zzz"], "unknown task `zzz`: the known ones are `code`, `chat`\n"),
        (["--complexity", "hrad"], "unknown complexity band `hrad`; did you mean `hard`?"),
        (["--complexity", "1.5"], "`complexity` must be a score from 0 to 1, not `1.5`"),
        (["--complexity", "-1"], "`complexity` must be a score from 0 to 1, not `-1`"),
        (["--model", "bigg"], "unknown model `bigg`; did you mean `big`?"),
        (["--need", "tolls"], "unknown ability `tolls`"),
        (["--prefer", "cheap"], "unknown sort key `cheap`"),
        (["--task", "\x1b[31m"], "unknown task `\N{REPLACEMENT CHARACTER}[31m`"),
        (["--tokens", "many"], "`many` is not a number of tokens"),
        (["--tokens", "-5"], "`-5` is not a number of tokens"),
        (["--max-cost", "cheap"], "is not an amount of dollars"),
        (["--max-cost", "-1"], "is not an amount of dollars"),
        (["--max-cost", "1e-3"], "is not an amount of dollars"),
        (["--max-price", "cheap"], "is not an amount of dollars"),
        (["--max-price", "cheap/M"], "is not a token price"),
        (["--max-latency", "soon"], "is not a duration"),
        (["--max-latency", ""], "is not a duration"),
        (["--min-quality", "nan"], "`nan` is not a number from 0 to 1"),
        (["--min-quality", "1.1"], "`1.1` is not a number from 0 to 1"),
        (["--max-candidates", "none"], "--max-candidates"),
        (["--fact", "plan"], "`plan` has no value; write it like plan=..."),
        (["--fact", "plna=pro"], "did you mean `plan`?"),
        (["--fact", "plan=pr"], "did you mean `pro`?"),
        (["--fact", "plan="], "the known ones are `free`, `pro`"),
        (["--fact", "internal=yes"], "`internal` must be true or false, not `yes`"),
        (["--fact", "seats=two"], "`seats` must be a number, not `two`"),
        (["--fact", "seats=inf"], "`seats` must be a number, not `inf`"),
        (["--fact", "seats=1e999"], "`seats` must be a number, not `1e999`"),
        (["--fact", "plan=pro", "--fact", "plan=free"], "`plan` is given twice"),
        (["--fact", "hour=1"], "`hour` is given twice"),
        (["--fact", "max_tokens=0"], "`max_tokens` must be at least 1, not 0"),
        (["--fact", "max_tokens=1.5"], "`max_tokens` must be an integer, not `1.5`"),
        (["--fact", "stream=1"], "`stream` must be true or false, not `1`"),
        (["--fact", "tags=x"], "an option of its own: --tag"),
        (["--fact", "session=s"], "an option of its own: --session"),
        (["--fact", "model=big"], "an option of its own: --model"),
        (["--fact", "detected=email"], "`detected` is what `detect` finds in the prompt"),
        (["--fact", "turn=0"], "`turn` must be at least 1, not 0"),
        (["--fact", "subagent=yes"], "`subagent` must be true or false, not `yes`"),
        (["--fact", "has_tools=true"], "an option of its own: --need tools"),
        (["--fact", "=x"], "is not a fact about a request"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(argv: list[str], said: str) -> None:
    for command in ("route", "explain"):
        clock = ["--fact", "hour=12"]
        result = run(command, "-p", TEAM, *clock, *argv)
        assert result.code == 2
        assert result.out == ""
        assert " ".join(said.split()) in " ".join(result.err.split())


@pytest.mark.parametrize("word", ["24", "-1", "1.5", "noon"])
def test_an_hour_that_is_none(word: str) -> None:
    result = run("route", "-p", TEAM, "--fact", f"hour={word}")
    assert result.code == 2
    assert "`hour` must be" in result.err


def test_text_is_an_aligned_table() -> None:
    result = route("--tokens", "1000", "--tag", "private")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "   model  tier   est. cost  why\n"
        "1  small  light  free       free first\n"
        "2  big    heavy  $0.00022   paid, after the free ones\n"
        "Not used\n"
        "  cloud  excluded by `only` of rule `private data stays here`  "
        f"{TEAM}:44:5\n"
    )


def test_a_refusal_is_4() -> None:
    denied = route("--tag", "legal")
    assert denied.code == 4
    assert denied.out.startswith("Denied: legal questions need a paid plan\nNot used\n")
    none = route("--max-latency", "1s")
    assert none.code == 4
    assert none.out.startswith("No model may answer this request\nNot used\n")
    assert route("--tag", "legal", "--json").json["denied"] == "legal questions need a paid plan"


CANDIDATE = {
    "model": str, "calls": str, "tier": str, "free": bool, "cost_usd": str,
    "price_until": type(None), "placed_by": str, "why": str,
}  # fmt: skip
SKIPPED = {"model": str, "reason": str, "detail": str, "until": type(None), "at": str}


def test_json_has_one_shape() -> None:
    result = route("--tokens", "1000", "--task", "code", "--complexity", "0.7", "--json")
    found = result.json
    assert list(found) == [
        "schema_version", "revision", "task", "complexity", "score", "confidence", "denied",
        "invalid", "candidates", "skipped", "rules", "shadow", "session", "arms", "learned",
    ]  # fmt: skip
    assert found["schema_version"] == 1
    assert found["revision"] == POLICY.revision
    assert (found["task"], found["complexity"], found["score"]) == ("code", "hard", 0.7)
    assert found["denied"] is None
    for each in found["candidates"]:
        assert {key: type(value) for key, value in each.items()} == CANDIDATE
    assert [c["cost_usd"] for c in found["candidates"]] == ["0.00022", "0.0044", "0"]
    assert found["rules"] == []


def test_json_of_models_that_are_out() -> None:
    found = route("--tag", "private", "--json").json
    assert found["skipped"] == [
        {
            "model": "cloud",
            "reason": "only",
            "detail": "excluded by `only` of rule `private data stays here`",
            "until": None,
            "at": f"{TEAM}:44:5",
        }
    ]
    assert {key: type(value) for key, value in found["skipped"][0].items()} == SKIPPED
    assert found["rules"] == ["private data stays here"]
    assert (found["complexity"], found["score"]) == (None, None)


def test_an_unknown_price(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nmodels: { odd: { model: openrouter/acme/x, tier: light, context: 8k } }\n"
        "budgets: { all: { cap: unlimited } }\n"
    )
    result = run("route", "-p", tmp_path, "--json")
    assert result.code == 0
    assert result.json["candidates"][0]["cost_usd"] is None
    assert "  unknown  " in run("route", "-p", tmp_path).out


@pytest.mark.parametrize("command", ["route", "explain"])
def test_a_policy_that_cannot_be_used(tmp_path: Path, command: str) -> None:
    broken = run(command, "-p", BROKEN, "hello")
    assert (broken.code, broken.out) == (1, "")
    assert "error[unknown-field]" in broken.err
    assert "did you mean `tier`?" in broken.err
    missing = run(command, "-p", tmp_path / "no.yaml", "hello")
    assert (missing.code, missing.out) == (2, "")
    assert "does not exist" in missing.err
    empty = run(command, "-p", tmp_path, "hello")
    assert (empty.code, empty.out) == (2, "")
    assert "no policy files" in empty.err


def test_the_default_policy_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "team.yaml").write_text(Path(TEAM).read_text())
    result = run("route", "--json")
    assert (result.code, result.err) == (0, "policy: policies\n")
    monkeypatch.setenv("POLICY_ROUTER_POLICY", TEAM)
    assert run("route").err == f"policy: {TEAM} (from $POLICY_ROUTER_POLICY)\n"


@pytest.mark.parametrize(
    ("time", "order"),
    [
        ("23:00", ["small", "big"]),
        ("mon 21:59", ["small", "big", "cloud"]),
        ("sun 21:59", ["small", "big"]),
        ("2026-11-30 21:59", ["small", "big", "cloud"]),
        ("2026-11-29 21:59", ["small", "big"]),
    ],
)
def test_a_clock(time: str, order: list[str]) -> None:
    """The zone of the policy counts; 30 November 2026 is a Monday."""
    result = run("route", "-p", TEAM, "--clock", time, "--json")
    assert [each["model"] for each in result.json["candidates"]] == order


@pytest.mark.parametrize("time", ["25:00", "noon", "2026-02-30 10:00", "mon"])
def test_a_clock_that_is_none(time: str) -> None:
    result = run("route", "-p", TEAM, "--clock", time)
    assert result.code == 2
    assert "--clock" in result.err


def test_the_hour_is_said_once() -> None:
    result = run("route", "-p", TEAM, "--clock", "10:00", "--fact", "hour=10")
    assert result.code == 2
    assert "leave these out" in result.err


@pytest.mark.parametrize("now", [1_800_000_000.0, 1_774_742_400.0])
def test_a_clock_without_a_date_is_the_next_one(now: float) -> None:
    zone = ZoneInfo("Europe/Berlin")
    for text, most in (("11:30", 86_400), ("wed 11:30", 7 * 86_400 + 3600)):
        at = clock(zone, now, text)
        assert f"{datetime.fromtimestamp(at, zone):%a %H:%M}".lower().endswith(text)
        assert now <= at <= now + most
