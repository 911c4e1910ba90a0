"""What was counted steers `route` and `explain`, and is shown with the time it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.views.times import iso, spell_time
from tests.cli.run import run
from tests.cli.spent import COUNTED, DAY, MINUTE, NOON, Try, spend, stop_the_clock

if TYPE_CHECKING:
    from pathlib import Path

BERLIN = "Europe/Berlin"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store in which ada has used up her hour and the team most of its month."""
    stop_the_clock(monkeypatch)
    found = f"sqlite:///{tmp_path}/ledger.db"
    dear = [Try("big", 3 * DAY, f"u{i}", (10_000, 493_000)) for i in range(5)]
    spend(found, *dear, *(Try("small", (50 - 2 * i) * MINUTE) for i in range(5)))
    return found


def test_route_says_when_it_opens(url: str) -> None:
    done = run("route", "-p", COUNTED, "--state", url, "--user", "ada")
    words = "limit `each-user`: 5 of 5 requests an hour used, opens 13:11:00 CET"
    assert (done.code, done.err) == (4, "")
    assert done.out == (
        "No model may answer this request\n"
        "Not used\n"
        f"  small  {words}  {COUNTED}:19:38\n"
        f"  big    {words}  {COUNTED}:19:38\n"
    )


def test_route_leaves_out_what_has_no_room(url: str) -> None:
    done = run("route", "-p", COUNTED, "--state", url, "--tokens", "9k", "--json")
    assert [c["model"] for c in done.json["candidates"]] == ["small", "big"]
    argv = ("--tokens", "1k", "--fact", "max_tokens=60000")
    done = run("route", "-p", COUNTED, "--state", url, *argv, "--json")
    assert [c["model"] for c in done.json["candidates"]] == []
    assert done.json["skipped"][1] == {
        "model": "big",
        "reason": "budget",
        "detail": "budget `team`: $4.98 of $5.00 a month used, this request may use $0.121",
        "until": "2026-12-01T00:00:00+01:00",
        "at": f"{COUNTED}:21:3",
    }
    assert done.json["skipped"][0]["until"] is None


def test_the_environment_names_the_store(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("route", "-p", COUNTED, "--user", "ada").code == 0
    monkeypatch.setenv("POLICY_ROUTER_STATE", url)
    assert run("route", "-p", COUNTED, "--user", "ada").code == 4


def test_a_prompt_is_counted_at_the_most_it_may_come_to(url: str) -> None:
    """Two cents are left: 18,000 tokens that go in, and 1,000 that come out."""
    argv = ("--fact", "max_tokens=1000", "--model", "big", "--state", url)
    assert run("route", "-p", COUNTED, "x" * 15_000, *argv).code == 0
    assert run("route", "-p", COUNTED, "--tokens", "15k", *argv).code == 0
    # A text of so many bytes may be as many tokens, though it seldom is.
    assert run("route", "-p", COUNTED, "x" * 20_000, *argv).code == 4
    assert run("route", "-p", COUNTED, "x", "--tokens", "20k", *argv).code == 4


def test_explain_shows_every_counter(url: str) -> None:
    done = run("explain", "-p", COUNTED, "--state", url, "--user", "ada")
    at = f"{COUNTED}:"
    assert done.code == 4
    assert done.out.split("\n\n")[-1] == (
        "Counters\n"
        f"  model small                 0 of 3 requests a minute                      {at}11:14\n"
        f"  model small                 0 of 2 at once                                {at}11:21\n"
        f"  limit each-user   user ada  5 of 5 requests an hour   opens 13:11:00 CET  {at}19:38\n"
        f"  limit each-user   user ada  5 of 90 requests a day                        {at}19:46\n"
        f"  budget team                 $4.98 of $5.00 a month                        {at}21:3\n"
        f"  budget each-user  user ada  $0.00 of $1.00 a day                          {at}22:3\n"
    )


def test_why_not_shows_the_counters_of_one_model(url: str) -> None:
    argv = ("--tokens", "1k", "--fact", "max_tokens=60000", "--why-not", "big")
    done = run("explain", "-p", COUNTED, "--state", url, *argv)
    at = f"{COUNTED}:"
    assert done.out == (
        "big is out: budget `team`: $4.98 of $5.00 a month used, this request may use $0.121, "
        "opens 2026-12-01 00:00:00 CET\n"
        f"  --> {at}21:3\n"
        "Counters\n"
        f"  limit each-user   no user  0 of 5 requests an hour  {'':29}  {at}19:38\n"
        f"  limit each-user   no user  0 of 90 requests a day   {'':29}  {at}19:46\n"
        f"  budget team                $4.98 of $5.00 a month   "
        f"opens 2026-12-01 00:00:00 CET  {at}21:3\n"
        f"  budget each-user  no user  $0.00 of $1.00 a day     {'':29}  {at}22:3\n"
        "\n"
        "Temporary reasons, apart from the policy\n"
        "  budget `team`: $4.98 of $5.00 a month used, this request may use $0.121, "
        "opens 2026-12-01 00:00:00 CET\n"
    )


def test_explain_in_json(url: str) -> None:
    found = run("explain", "-p", COUNTED, "--state", url, "--user", "ada", "--json").json
    assert [(c["section"], c["name"], c["window"]) for c in found["counters"]] == [
        ("models", "small", "min"),
        ("models", "small", None),
        ("limits", "each-user", "hour"),
        ("limits", "each-user", "day"),
        ("budgets", "team", "month"),
        ("budgets", "each-user", "day"),
    ]
    assert found["counters"][2] == {
        "section": "limits",
        "name": "each-user",
        "metric": "requests",
        "window": "hour",
        "per": "user",
        "subject": "ada",
        "limit": 5,
        "shadow": False,
        "used": 5,
        "full": True,
        "opens": "2026-11-18T13:11:00+01:00",
        "at": f"{COUNTED}:19:38",
    }
    team = found["counters"][4]
    assert (team["used"], team["limit"], team["full"], team["opens"]) == ("4.98", "5", False, None)


def test_seats_open_when_an_attempt_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)
    url = f"sqlite:///{tmp_path}/ledger.db"
    spend(url, *(Try("small", 1, f"u{i}", running=True) for i in range(2)))
    done = run("explain", "-p", COUNTED, "--state", url, "--why-not", "small")
    assert done.out.startswith("small is out: limit `small`: 2 of 2 at once used\n")
    assert "2 of 2 at once            opens when an attempt ends  " in done.out


@pytest.mark.parametrize("command", ["route", "explain"])
def test_a_store_out_of_reach_is_reported(tmp_path: Path, command: str) -> None:
    (tmp_path / "ledger.db").write_text("This is no ledger. " * 100)
    done = run(command, "-p", COUNTED, "--state", f"sqlite:///{tmp_path}/ledger.db")
    assert done.code == 0
    assert done.err.startswith("warning: the counters cannot be read: the ledger ")
    assert done.err.count("\n") == 1
    assert f"  big  budget `team` cannot be read now  {COUNTED}:21:3\n" in done.out
    if command == "explain":
        assert done.out.count("cannot be read now") == 7
        found = run(command, "-p", COUNTED, "--state", f"sqlite:///{tmp_path}/ledger.db", "--json")
        assert [c["used"] for c in found.json["counters"]] == [None] * 6


def test_times_are_never_too_early() -> None:
    from zoneinfo import ZoneInfo

    berlin, kolkata = ZoneInfo(BERLIN), ZoneInfo("Asia/Kolkata")
    assert spell_time(NOON + 0.2, NOON, berlin) == "13:00:01 CET"
    assert spell_time(NOON, NOON + 1, kolkata) == "17:30:00 IST"
    assert spell_time(NOON + DAY, NOON, berlin) == "2026-11-19 13:00:00 CET"
    assert iso(NOON + 0.2, kolkata) == "2026-11-18T17:30:01+05:30"
    assert iso(None, berlin) is None


STEERED = """\
version: 1
name: steered
timezone: Europe/Berlin
tiers: [light, heavy]
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 1M }
  big: { model: openai/b, tier: heavy, price: { input: $1/M, output: $1/M }, context: 1M }
prefer: [quality]
limits:
  plan: { per: user, requests: [3/5h], overrides: { ada: { requests: [90/300min] } } }
  trial: { models: [big], requests: [2/30d], shadow: true }
budgets:
  team: { cap: $0.05/day, narrow_at: { 15%: [light] }, then: free_only }
"""


def test_what_narrows_what_is_in_shadow_and_whose_cap_it_is_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    url, path = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "steered.yaml"
    path.write_text(STEERED)
    argv = ("-p", str(path), "--state", url, "--user", "ada")
    spend(url, *(Try("big", i * MINUTE) for i in range(3, 6)), policy=str(path))
    done = run("explain", *argv)
    assert "limit plan" in done.out
    assert "3 of 90 requests in 5h" in done.out
    assert "limit trial (shadow)" in done.out
    effect = (
        "would have excluded `big` and put `small` first: limit `trial`: 3 of 2 requests in 30d"
    )
    assert effect in done.out
    spend(url, *(Try("big", i, "bob", (1000, 1000)) for i in range(2)), policy=str(path))
    done = run("explain", *argv)
    assert "budget `team`: $0.0085 of $0.05 a day used (17%)" in done.out
    assert "`narrow_at` 15% leaves only light" in done.out
    assert [c["shadow"] for c in run("explain", *argv, "--json").json["counters"]] == [
        False, True, False,
    ]  # fmt: skip
    done = run("usage", "-p", str(path), "--state", url)
    assert "limit trial (shadow)" in done.out
    assert "3 of 90 requests in 5h" in done.out
    assert "2 of 3 requests in 5h" in done.out
