"""A month of traffic: what is reported is what was worked out by hand, wherever it is asked for."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from policy_router.base_errors import UsageError
from policy_router.journal.journal import Journal
from policy_router.ledger.open import open_store
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from policy_router.reports.report import GpuHours, TrafficReport
from policy_router.router.router import Router
from policy_router.server.app import create_app
from policy_router.views.report_json import as_json
from tests import traffic
from tests.cli.run import run
from tests.cli.spent import stop_the_clock
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Month:
    """Where the month is kept."""

    policy: str
    file: Path
    journal: str
    state: str


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    folder = tmp_path_factory.mktemp("month")
    journal, state = f"sqlite:///{folder}/journal.db", f"sqlite:///{folder}/ledger.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "none")
        policy = traffic.run_month(journal, state)
    file = folder / "policy.yaml"
    file.write_text(policy)
    return Month(policy, file, journal, state)


@pytest.fixture
def router(month: Month) -> Iterator[Router]:
    """A router at the end of the month."""
    clock = traffic.Clock(traffic.END - 1)
    with Router(
        load(text=month.policy), DefaultCaller(), store=open_store(month.state, clock),
        clock=clock, journal=Journal(month.journal, clock=clock),
    ) as opened:  # fmt: skip
        yield opened


def test_spend_free_share_and_savings_are_those_worked_out_by_hand(router: Router) -> None:
    report = router.report(since=traffic.BEGIN)
    total = report.total
    assert (total.requests, total.answered, total.answers, total.calls) == (300, 300, 300, 318)
    assert (total.cost, total.free_share, total.success) == (traffic.SPENT, traffic.FREE_SHARE, 1.0)
    heavy, fair = total.savings
    assert (heavy.baseline, heavy.fair, fair.fair) == ("always-heavy", False, True)
    assert (heavy.cost, heavy.saved) == (traffic.ALWAYS_HEAVY, traffic.ALWAYS_HEAVY - traffic.SPENT)
    assert (fair.cost, fair.saved) == (
        traffic.CHEAPEST_THAT_FITS, traffic.CHEAPEST_THAT_FITS - traffic.SPENT,
    )  # fmt: skip
    assert {(each.spent, each.compared, each.unknown) for each in total.savings} == {
        (traffic.SPENT, 300, 0)
    }
    assert [(each.tier, each.answers, each.share) for each in report.tiers] == [
        ("light", 162, 0.54), ("standard", 108, 0.36), ("heavy", 30, 0.1),
    ]  # fmt: skip
    (flow,) = report.failures
    assert (flow.source, flow.target, flow.failure, flow.times) == (
        "small", "mid", "server_error", 18,
    )  # fmt: skip
    assert report.begins == traffic.BEGIN + 8 * 3600
    assert isinstance(report.gpu, GpuHours)
    assert [use.model for use in report.gpu.models] == ["small"]
    assert report.gpu.savings == ()  # no baseline runs on own cards


def test_groups_add_up_to_the_total(router: Router) -> None:
    by_day = router.report(since=traffic.BEGIN, by="day")
    assert len(by_day.groups) == 30
    for name in ("requests", "answers", "free_answers", "cost", "tokens_in", "tokens_out"):
        parts = [getattr(each, name) for each in by_day.groups]
        assert sum(parts) == getattr(by_day.total, name)
    users = router.report(since=traffic.BEGIN, by="user").groups
    assert sorted((each.key, each.requests) for each in users) == [("ada", 150), ("bob", 150)]
    tasks = {each.key: each for each in router.report(since=traffic.BEGIN, by="task").groups}
    chats = {each.baseline: each.cost for each in tasks["chat"].savings}
    assert chats == {"always-heavy": 2_880_000_000, "fair": 324_000_000}
    assert (tasks["proof"].cost, tasks["code"].cost) == (2_100_000_000, 360_000_000)
    hours = router.report(since=traffic.END - traffic.DAY, by="hour").groups
    assert (hours[0].key, len(hours)) == ("2026-11-30T08:00+00:00", 16)
    assert sum(each.requests for each in hours) == 10


def test_forecasts_of_the_budget_and_the_quota(router: Router) -> None:
    budget, quota = sorted(router.report().forecasts, key=lambda each: each.section)
    assert (budget.name, budget.used, budget.cap) == ("month", traffic.SPENT, 5_000_000_000)
    assert budget.empty_at is None
    assert budget.left_over == 5_000_000_000 - traffic.SPENT - traffic.SPENT // (30 * 86_400 - 1)
    assert (quota.name, quota.metric, quota.used, quota.cap) == ("free-calls", "requests", 6, 50)


def test_what_is_left_of_a_budget(router: Router) -> None:
    left = router.remaining("month")
    assert (left.used, left.left) == (traffic.SPENT, 5_000_000_000 - traffic.SPENT)
    assert left.resets == traffic.END
    with pytest.raises(UsageError, match="month"):
        router.remaining("mont")


@pytest.mark.parametrize(
    "arguments",
    [
        {"since": "a year"},
        {"by": "colour"},
        {"since": 2.0, "until": 1.0},
        {"top": 0},
        {"top": 10_001},
    ],
)
def test_wrong_arguments(router: Router, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        router.report(**arguments)


def test_a_router_without_a_journal_says_how_to_keep_one(month: Month) -> None:
    with (
        Router(load(text=month.policy), DefaultCaller()) as router,
        pytest.raises(UsageError, match="reports need a journal"),
    ):
        router.report()


# -- everywhere the same -------------------------------------------------------------------------


def command(month: Month, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    stop_the_clock(monkeypatch, traffic.END - 1)
    return run(
        "report", "-p", month.file, "--journal", month.journal, "--state", month.state, *more
    )


def plain(report: TrafficReport) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_json(report)))
    return found


@pytest.mark.parametrize(("by", "top"), [(None, 100), ("model", 100), ("user", 1), ("day", 1)])
def test_the_command_and_the_server_give_the_values_of_the_router(
    month: Month, router: Router, monkeypatch: pytest.MonkeyPatch, by: Any, top: int
) -> None:
    expected = plain(router.report(by=by, top=top))
    assert (expected["others"] is not None) == (by == "user")
    grouped = ("--top", str(top)) if by is None else ("--by", str(by), "--top", str(top))
    done = command(month, monkeypatch, "--json", *grouped)
    assert (done.code, done.err) == (0, "")
    assert done.json == expected
    with served(create_app(router)) as url:
        query = {"since": "30d", "top": str(top)} | ({} if by is None else {"by": by})
        assert httpx.get(f"{url}/v1/report", params=query).json() == expected


def test_wrong_parameters_of_the_server(router: Router) -> None:
    with served(create_app(router)) as url:
        for query in (
            {"form": "csv"},
            {"by": "colour"},
            {"since": "month"},
            {"top": "0"},
            {"top": "all"},
            {"top": "9" * 12},
        ):
            answer = httpx.get(f"{url}/v1/report", params=query)
            assert answer.status_code == 400, query


def test_the_command_prints_tables(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command(month, monkeypatch, "--by", "task")
    assert done.code == 0
    assert re.search(r"^  spent +\$2.4924  2,492,400,000 nano-USD$", done.out, re.MULTILINE)
    assert re.search(r"always-heavy +heavy +flattering +\$8.13 +\$2.4924 +\$5.6376 +69%", done.out)
    assert re.search(r"fair +the cheapest that fits +fair +\$2.784 +\$2.4924", done.out)
    assert "budget month" in done.out
    assert "left over" in done.out


def test_csv_has_a_row_for_each_group(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command(month, monkeypatch, "--csv", "--by", "model")
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(done.out))}
    assert {name: row["cost_usd"] for name, row in rows.items()} == {
        "small": "0", "mid": "0.3924", "heavy": "2.1",
    }  # fmt: skip
    assert rows["small"]["free_answers"] == "162"
    whole = csv.DictReader(io.StringIO(command(month, monkeypatch, "--csv").out))
    assert [row["saved_usd against fair"] for row in whole] == ["0.2916"]


def test_markdown_has_the_same_tables(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command(month, monkeypatch, "--markdown", "--by", "tier")
    assert done.out.startswith("# policy team &#64;")
    assert "| saved against | model |  | it costs | spent | saved | share | not compared |" in (
        done.out
    )
    assert "| heavy | 30 | 100% |" in done.out


def test_html_is_one_file_without_scripts(
    month: Month, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = command(month, monkeypatch, "--html", str(page), "--by", "day")
    assert (done.code, done.out) == (0, "")
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=.(?:https?:)?//", text)
    assert "2026-11-30" in text
    assert "$5.64" in text  # saved against always-heavy
    done = command(month, monkeypatch, "--html", str(tmp_path))
    assert done.code == 2
    assert "cannot write" in done.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--by", "colour"), "grouping"),
        (("--since", "month"), "not an age"),
        (("--json", "--csv"), "only one of"),
        (("--journal", "off"), "there is no journal"),
        (("--journal", "sqlite:///nowhere/journal.db"), "no journal at"),
    ],
)
def test_wrong_options(
    month: Month, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], why: str
) -> None:
    done = command(month, monkeypatch, *arguments)
    assert done.code == 2
    assert why in done.err


def test_an_empty_journal_says_that_nothing_was_sent(
    month: Month, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch, traffic.END)
    empty = f"sqlite:///{tmp_path}/journal.db"
    Journal(empty).close()
    for form in ((), ("--markdown",), ("--csv",), ("--json",)):
        done = run(
            "report", "-p", month.file, "--journal", empty, "--state",
            f"sqlite:///{tmp_path}/none.db", "--by", "user", *form,
        )  # fmt: skip
        assert done.code == 0, done.err
        assert ("no call was sent" in done.out) == (form in ((), ("--markdown",)))
