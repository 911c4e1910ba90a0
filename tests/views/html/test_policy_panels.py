"""What the panels of rules, models, sessions, experiments, reloads and decisions show, as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.experiments import Arm, Experiment, Measure
from policy_router.events import (
    BreakerChanged,
    DegradationChanged,
    ExperimentEnded,
    OfferChanged,
    PolicyReloaded,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    SourceChanged,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.execution.health.health_report import HealthState, ModelHealth
from policy_router.experience.comparison import ArmVerdict, Comparison
from policy_router.experience.intervals import IntervalEstimate
from policy_router.experience.performance import Performance
from policy_router.experience.verdicts import ArmReport, EndReason, ExperimentReport
from policy_router.live.fixed import FixedPolicy
from policy_router.live.status import ReloadState
from policy_router.loading import load
from policy_router.observe.moved_requests import moved
from policy_router.observe.pulse import PulseStep
from policy_router.observe.recent import EndedRequest, RequestFilter
from policy_router.reports.sessions import SessionStory, SessionTurn
from policy_router.router.explanation import explain
from policy_router.views import explanation as explanation_view
from policy_router.views.html.decisions import (
    LiveView,
    decision_detail,
    live_filter,
    live_rows,
    live_table,
    query_of,
)
from policy_router.views.html.experiments import experiments
from policy_router.views.html.markup import prose
from policy_router.views.html.models import models_table
from policy_router.views.html.pulse import pulse
from policy_router.views.html.reloads import (
    ReloadView,
    SeenChange,
    WorkerReload,
    differences,
    reloads,
)
from policy_router.views.html.rules import RuleDays, rules_by_days, source_text
from policy_router.views.html.sessions import sessions
from policy_router.views.html.shell import Shell, later, now_and_again
from policy_router.views.terminal import render
from tests.observe.made import MOMENT, ended, policy_of
from tests.observe.made import POLICY as TEXT
from tests.views.html.seen import seen, tree

if TYPE_CHECKING:
    from policy_router.live.active import Active
    from policy_router.live.status import ReloadStatus
    from policy_router.observe.recent import Change

VIEW = LiveView("/ui", ZoneInfo("UTC"))
POLICY = policy_of("one")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("put first by `a <b>`", "put first by <code>a &lt;b&gt;</code>"), ("a ` b", "a ` b")],
)
def test_names_in_sentences_are_code(value: str, expected: str) -> None:
    assert prose(value) == expected


# -- rules ---------------------------------------------------------------------------------------

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
COUNTED = RuleDays(MONDAY, 3, {("private stays", 0): 4, ("private stays", 2): 1})


def test_rules_by_days() -> None:
    assert seen(rules_by_days(POLICY, COUNTED, "/ui")) == [
        "2 of 3 rules never applied in the last 3 days.",
        "requests that each rule applied to, in the last 3 days",
        "rule, from 1 June | 1 | 2 | 3 | total",
        "private stays <text>:13 | 4 | | 1 | 5",
        "nobody <text>:14 | | never",
        "later in shadow<text>:15 | | never",
        "few | more | most | never applied",
    ]


def test_only_those_that_never_applied() -> None:
    shown = seen(rules_by_days(POLICY, COUNTED, "/ui", only_never=True))
    assert shown[0].endswith("2 of them are shown here.")
    assert not any(line.startswith("private stays") for line in shown)


def test_where_there_is_little_room_the_unused_and_the_most_used_rules_are_shown() -> None:
    rules = "".join(
        f"  - {{ name: r{number}, when: {{ tags: t{number} }}, avoid: [big] }}\n"
        for number in range(40)
    )
    policy = load(text=TEXT.partition("rules:")[0] + "rules:\n" + rules)
    counts = {(f"r{number}", 0): number for number in range(40)}
    shown = seen(rules_by_days(policy, RuleDays(MONDAY, 1, counts), "/ui", brief=True))
    names = [line.split()[0] for line in shown if line.startswith("r") and line[1].isdigit()]
    assert names == ["r0", *(f"r{number}" for number in range(17, 40))]


def test_a_place_leads_to_its_line() -> None:
    link = next(a for tag, a in tree(rules_by_days(POLICY, COUNTED, "/ui")).elements if tag == "a")
    assert link["href"] == "/ui/policy?file=%3Ctext%3E&line=13#L13"
    source = tree(source_text("p.yaml", "a: 1\nb: <2>", 2))
    assert source.lines == ["1 a: 1 2 b: <2>"]
    assert [a["id"] for _, a in source.elements if a.get("class") == "hit"] == ["L2"]


# -- decisions -----------------------------------------------------------------------------------

ROWS = [
    EndedRequest(3, ended("decision-c", calls=[], answered=False, tags=frozenset({"secret"}))),
    EndedRequest(2, ended("decision-b", team="core", user="ada",
                          calls=[("small", "timeout"), ("big", None)])),
    EndedRequest(1, ended("decision-a", task="code", calls=[("big", "rejected")], answered=False)),
]  # fmt: skip


TWO_CALLS = (
    "00:16:40 | cision-b | core · ada | chat | small ✗ timeout → big | $0.000000006 | 2.00 | "
    "paid, after the free ones"
)


REJECTED = (
    "00:16:40 | cision-a | | code | big ✗ rejected → failed | $0.000000003 | 1.00 | "
    "the only model of tier heavy or better"
)


def test_live_decisions() -> None:
    assert seen(live_table(live_rows(ROWS, VIEW))) == [
        "requests that have ended, the newest first",
        "time | decision | who | task | calls | cost | seconds | why | why not",
        "00:16:40 | cision-c | | chat | denied | | | not with us | small: denied; big: denied",
        TWO_CALLS,
        REJECTED,
        "No request that is shown here has ended.",  # hidden by the style where there is a row
    ]


def test_a_decision_says_what_explain_prints() -> None:
    row = ROWS[1]
    snapshot = row.decision.snapshot
    assert snapshot is not None
    explanation = explain(policy_of("made"), row.decision, snapshot)
    shown = " ".join(seen(decision_detail(row, explanation, VIEW)))
    for line in render(explanation_view.as_lines(explanation, "as it was then")).splitlines():
        for part in filter(None, line.strip().split("  ")):
            assert " ".join(part.split()) in shown
    assert "small | openai/small | timeout" in shown


def test_a_decision_of_a_forgotten_policy_still_has_its_calls() -> None:
    shown = seen(decision_detail(ROWS[0], None, VIEW))
    assert "ended | denied" in shown[0]
    assert "no model was called" in shown
    assert any("is no longer kept" in line for line in shown)


def test_the_filter_keeps_what_is_chosen() -> None:
    form = live_filter(
        RequestFilter(task="code", who="ada"), {"task": ["chat", "code"]}, "/ui/live"
    )
    chosen = [a["value"] for tag, a in tree(form).elements if tag == "option" and "selected" in a]
    assert chosen == ["code"]
    assert 'value="ada"' in form
    assert query_of(RequestFilter(task="a b", ending="denied")) == "?task=a+b&ending=denied"
    assert query_of(RequestFilter()) == ""


# -- models --------------------------------------------------------------------------------------


HEADS = (
    "model | tier | state | why | price of 1M | context | calls | p50 | p95 | succeed | quality "
    "| cost of a call"
)
OPEN = (
    "big | heavy | cooling down | timeout, 2 times in a row (provider openai) until 00:17:40 UTC "
    "| $1.00 in, $2.00 out"
)


def test_measured_values_are_next_to_declared_ones() -> None:
    half = IntervalEstimate(0.5, 0.4, 0.6, 100)
    measured = {"small": Performance("small", calls=9, latency_p50=1.5, latency_p95=3.0,
                                     success=half, cost_nano_usd=2_000.0)}  # fmt: skip
    health = (
        ModelHealth("small"),
        ModelHealth("big", HealthState.OPEN, MOMENT + 60, "provider openai", "timeout", 2),
    )
    assert seen(models_table(POLICY, health, measured, MOMENT)) == [
        "models: health and what was measured",
        HEADS,
        "small | light | ok | | free | | 9 | 1.50 s | 3.00 s | 50.0%",
        "50.0%, between 40.0% and 60.0% by 100 samples",
        "| | $0.000002",
        OPEN,
    ]
    some = seen(models_table(POLICY, health, {}, MOMENT, seen_by={"big": 1}, workers=2))
    assert "timeout, 2 times in a row (provider openai) in 1 of 2 workers until" in "".join(some)
    brief = seen(models_table(POLICY, health, measured, MOMENT, brief=True))
    assert brief[1] == "model | tier | state | why | calls | p50 | p95 | succeed"


# -- sessions ------------------------------------------------------------------------------------

STORY = SessionStory(
    "agent-1",
    "claude-code",
    (
        SessionTurn("small", "light", 1000, 0),
        SessionTurn("small", "light", 2000, 900),
        SessionTurn("big", "heavy", 2500, 500),
        SessionTurn("small", "light", 3000, None),
    ),
    4_000_000_000,
)


def test_what_switches_cost() -> None:
    assert (STORY.switches, STORY.cache_lost) == (2, 1500 + 2500)
    assert STORY.cached_share == pytest.approx(1400 / 5500)


def test_sessions() -> None:
    shown = [line for line in seen(sessions([STORY], ["light", "heavy"])) if "turns," not in line]
    assert shown == [
        "sessions | 1 | 4 turns",
        "model switches | 2",
        "input read again | 4,000 | tokens that a switch lost from the cache",
        "sessions",
        "session | client | turns | tier of each turn | switches | cached | lost | cost",
        "agent-1 | claude-code | 4",
        *["small, light", "small, light", "big, heavy", "small, light"],
        "| 2 | 25% | 4,000 | $4.00",
        "light | heavy",
        "A mark below a turn says that another model answered it than the turn before.",
    ]
    assert seen(sessions([], [])) == ["No session has answered in this time."]


# -- experiments ---------------------------------------------------------------------------------


def arm(measure: Measure, low: float, high: float, verdict: ArmVerdict) -> ArmReport:
    middle = (low + high) / 2
    compared = Comparison(measure, 0.9, 0.8, 50, 60, middle, low, high, verdict)
    return ArmReport(Arm("large", 0.1), 50, compared, (), None)


def test_experiments() -> None:
    experiment = Experiment("trial", None, (Arm("large", 0.1),))
    better = arm(Measure.SUCCESS, 0.05, 0.15, ArmVerdict.KEEP)
    unknown = arm(Measure.SUCCESS, float("-inf"), float("inf"), ArmVerdict.GO_ON)
    over = replace(better, ended=EndReason.SAMPLES)
    running = ExperimentReport(experiment, Measure.SUCCESS, 0.95, 110, 60, (better, unknown))
    shown = seen(experiments([running, replace(running, arms=(over,))]))
    assert shown[0] == "trial running"
    assert "large | 50 | 90.0% | 80.0% | +10.0 points" in shown
    assert "between +5.0 points and +15.0 points" in shown
    assert "large | 50 | 90.0% | 80.0% | | too few requests | go on" in shown
    assert "trial over" in shown
    assert "| keep ended: samples" in shown
    assert seen(experiments([])) == ["The policy has no experiments."]


def test_less_is_better_of_cost_and_latency() -> None:
    experiment = Experiment("trial", None, (Arm("large", 0.1),))
    dearer = arm(Measure.COST, 0.1, 0.3, ArmVerdict.DROP)
    report = ExperimentReport(experiment, Measure.COST, 0.95, 110, 60, (dearer,))
    classes = [a.get("class") for tag, a in tree(experiments([report])).elements if tag == "rect"]
    assert classes == ["zero", "range bad", "mean bad"]


# -- reloads -------------------------------------------------------------------------------------

HEAD = ("1", None, MOMENT, "bbbbbbbbbb")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (PolicyReloaded(*HEAD, "aaaaaaaaaa"), "reloaded | @aaaaaaa → @bbbbbbb"),
        (ReloadRefused(*HEAD, "p.yaml:3:1 no", 3),
         "reload refused | stays @bbbbbbb | p.yaml:3:1 no and 2 more"),
        (ReloadRefused(*HEAD, "no", 1), "reload refused | stays @bbbbbbb | no"),
        (BreakerChanged(*HEAD, "model", "big", "half_open", MOMENT, "timeout"),
         "breaker half open | model big | timeout"),
        (QualityChanged(*HEAD, "big", "code", worse=True, usual=0.02),
         "quality worse | big, code | usually 2.0% of its answers are rejected"),
        (DegradationChanged(*HEAD, "big", worse=True, detail="slower"), "degraded | big | slower"),
        (QuotaLow(*HEAD, "models", "big", "requests", 0.95, 950, 1000, "day"),
         "quota at 95% | big | 950 of 1,000 requests"),
        (Warned(*HEAD, "month", "-", "usd", 0.8, 8_000_000_000, 10_000_000_000, "month"),
         "budget at 80% | month | $8.00 of $10.00"),
        (ExperimentEnded(*HEAD, "trial", "large", "guard", "drop", "cost", 1.0, 0.5, 2.0, 99),
         "experiment ended | trial: large | drop, by guard"),
        (OfferChanged(*HEAD, "gone", "big", "ollama", "it is not offered", "remove it"),
         "gone | ollama big | it is not offered: remove it"),
        (SourceChanged(*HEAD, "ollama", "http://gpu-1", up=False, detail="no answer"),
         "source gives no list | ollama | http://gpu-1: no answer"),
        (SourceChanged(*HEAD, "ollama", "http://gpu-1", up=True, detail=""),
         "source answers again | ollama | http://gpu-1"),
        (StoreChanged(*HEAD, up=False, detail="refused"), "store is unreachable | | refused"),
        (StoreLostData(*HEAD, lost=False, detail="back"), "data loss is over | | back"),
    ],
)  # fmt: skip
def test_each_change(change: Change, expected: str) -> None:
    source = FixedPolicy(POLICY)
    view = view_of(source.current, source.status(), SeenChange(change))
    assert seen(reloads(view))[-1] == f"00:16:40 UTC | {expected}"


def view_of(active: Active, status: ReloadStatus, *changes: SeenChange) -> ReloadView:
    """What a server with one worker shows."""
    workers = (WorkerReload.of(status),)
    return ReloadView(active, status.backend, workers, changes, {}, {}, MOMENT)


def test_what_only_some_of_the_workers_have_is_said() -> None:
    source = FixedPolicy(POLICY)
    other = WorkerReload("c" * 64, MOMENT, refused=True, errors=("error: no",))
    change = SeenChange(ReloadRefused(*HEAD, "no", 1))
    view = view_of(source.current, source.status(), change)
    shown = seen(reloads(replace(view, workers=(*view.workers, other))))
    revision = next(line for line in shown if line.startswith("active revision"))
    assert revision.endswith("; 1 of 2 workers still has @ccccccc")
    assert "files | refused | by 1 of 2 workers; changes are not followed" in shown
    assert "error: no" in "".join(shown)
    assert shown[-1].endswith("reload refused | stays @bbbbbbb | no (by 1 of 2 workers)")
    everywhere = replace(view, workers=view.workers * 2, changes=(replace(change, workers=2),))
    assert "workers" not in "".join(seen(reloads(everywhere)))


def test_a_reload_says_what_it_moved() -> None:
    old = policy_of("made")
    new = load(text=TEXT.replace("private }, only: [local]", "private }, avoid: [local]"))
    events = [
        ended("a", calls=[("small", None)]),
        ended("b", calls=[("small", None)], tags=frozenset({"private"})),
        ended("c", calls=[], answered=False, task="unknown"),
    ]
    result = moved([event.decision for event in events], new)
    assert (result.compared, result.moved, result.before) == (2, 1, 0)
    assert result.after > 0
    change = PolicyReloaded("1", None, MOMENT, new.revision, old.revision)
    source, pair = FixedPolicy(new), (old.revision, new.revision)
    policies = {old.revision: old, new.revision: new}
    view = view_of(source.current, source.status(), SeenChange(change))
    view = replace(view, policies=policies, moved={pair: result})
    line = seen(reloads(view))[-1]
    assert "rule changed: private stays; of the latest 2 requests, 1 would begin" in line
    assert "expected to cost $0.00 → $0.0" in line


def test_why_files_are_refused() -> None:
    source = FixedPolicy(POLICY)
    problem = Diagnostic("unknown-field", Severity.ERROR, "unknown field `x`", None)
    status = replace(source.status(), state=ReloadState.DEGRADED, errors=(problem,))
    active: Active = source.current
    shown = seen(reloads(view_of(active, status)))
    assert "files | refused | changes are not followed" in shown
    assert "error[unknown-field] unknown field `x`nothing has changed since the server began" in (
        "".join(shown[-2:])
    )


def test_what_differs_between_two_policies() -> None:
    from policy_router.loading import load
    from tests.observe.made import POLICY as TEXT

    changed = TEXT.replace("nobody", "no-one").replace("$1/M", "$3/M").replace("price: free, ", "")
    assert differences(POLICY, load(text=changed)) == [
        "rule added: no-one", "rule removed: nobody", "models changed: big, small",
    ]  # fmt: skip
    other = load(text=TEXT.replace("prefer: [free]", "prefer: [cheapest]"))
    assert differences(POLICY, other) == ["the settings of the whole policy changed"]


# -- the rest ------------------------------------------------------------------------------------


def test_the_last_hour() -> None:
    steps = [PulseStep()] * 354 + [
        PulseStep(requests=20, denied=2, answered=17, free=5, failovers=3, cost=10**9, seconds=36.0)
    ] * 6
    shown = seen(pulse(steps, [ModelHealth("small"), ModelHealth("big", HealthState.OPEN)]))
    assert [line for line in shown if "by minute" not in line] == [
        "requests a second | 2.0 | 120 in the last hour",
        "answered | 94.4% | 6 were not; 12 denied",
        "mean time | 2.00 s | until the whole answer",
        "failed calls | 18 | that the next model made good, or not",
        "free answers | 29% | 30 of 102",
        "spent | $6.00 | in the last hour",
        "models | 1 of 2 | big",
    ]
    assert "answered | - | 0 were not; 0 denied" in seen(pulse([PulseStep()] * 360, []))


def test_the_head_of_a_page() -> None:
    shell = Shell("/ui", "p", "abcdefghij", "", [("live", "live"), ("rules", "rules")])
    assert seen(shell.head("rules")) == [
        "policy-router", "p @abcdefg", "livethemekeys", "all | live | rules",
    ]  # fmt: skip
    current = [a["href"] for _, a in tree(shell.head("rules")).elements if a.get("aria-current")]
    assert current == ["/ui/rules"]
    assert "newer files refused" in replace(shell, trouble="newer files refused").head("")


def test_panels_that_are_fetched() -> None:
    assert seen(later("rules", "/ui", "?brief=1", 60)) == ["open this panel"]
    assert 'data-part="/ui/part/rules?brief=1" data-every="60"' in later(
        "rules", "/ui", "?brief=1", 60
    )
    body = prose("x")
    assert now_and_again(body, "try", "/ui", "", 0) == body
    assert "data-there" in now_and_again(body, "models", "/ui", "", 5)
