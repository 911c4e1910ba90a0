"""Experiments, learning, prompts, invariants and tests of a document, as values of the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from policy_router.catalog.table import Catalog
from policy_router.domain.decision import Reason
from policy_router.domain.experiments import Arm, Experiment, Measure, StopWhen
from policy_router.domain.fallback import Cooldown, Degraded, Fallback, Probe
from policy_router.domain.insight import DiscoverySettings, Gpu, OutcomeSettings, ReportSettings
from policy_router.domain.invariants import AtLeast, Countable, Invariant
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.policy_tests import Expectation, GivenState, GivenStats, PolicyTest
from policy_router.domain.prompts import Placement, Prompt
from policy_router.domain.sessions import SessionMove
from policy_router.language.files import PolicyFile
from policy_router.language.load import Loaded, compile_files
from policy_router.units import Rate

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.json_value import JsonValue

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free }
  large: { model: acme/large, tier: heavy, price: free, tags: [far] }
tasks: { code: { keywords: [def] }, chat: {} }
attributes: { plan: [free, pro] }
limits: { quota: { requests: [50/day], tokens: [9k/hour] } }
budgets: { team: { cap: $50/month } }
"""


TABLE = Catalog({}, frozenset({"acme"}), "made up")


def load(text: str) -> Loaded:
    return compile_files([PolicyFile("p.yaml", (HEAD + text).encode())], TABLE)


def good(text: str) -> Policy:
    loaded = load(text)
    assert loaded.policy is not None, loaded.diagnostics
    return loaded.policy


def text_of(value: Experiment | Prompt | Invariant) -> str | None:
    return None if value.when is None else value.when.text


def test_a_policy_without_these_sections_keeps_nothing_of_them() -> None:
    policy = good("")
    kept = (policy.experiments, policy.prompts, policy.invariants, policy.tests)
    assert kept == ((), (), (), ())
    assert policy.learning == Learning(LearningMode.OFF, 30)


def test_experiments() -> None:
    policy = good(
        "experiments:\n"
        "  one: { share: 12.5%, first: [far, small], stick_to: team, until: 2030-02-28,\n"
        "         when: { task: code } }\n"
        "  two: { share: 0%, first: [small] }\n"
    )
    one, two = policy.experiments
    assert text_of(one) == "task == 'code'"
    day = date(2030, 2, 28)
    midnight = datetime(2030, 3, 1, tzinfo=UTC).timestamp()
    arms = (Arm("one", 0.125, ("large", "small")),)
    assert replace(one, when=None) == Experiment(
        "one", None, arms, "team", until=day, ends=midnight
    )
    assert two == Experiment("two", None, (Arm("two", 0.0, ("small",)),))
    assert str(two.span) == "p.yaml:13:3"


def test_what_experiments_measure_and_when_they_stop() -> None:
    (one,) = good(
        "experiments: { e: { share: 5%, first: [small], stick_to: session, measure: quality,\n"
        "  stop: { confidence: 95%, samples: 2000, guard: { success: -3%, cost: +20% } } } }"
    ).experiments
    guard = {Measure.SUCCESS: -0.03, Measure.COST: 0.2}
    assert (one.stick_to, one.measure) == ("session", Measure.QUALITY)
    assert one.stop == StopWhen(0.95, 2000, guard)
    (bare,) = good("experiments: { e: { share: 5%, first: [small], stop: {} } }").experiments
    assert bare.stop == StopWhen()


def test_what_learning_reads() -> None:
    learning = good("learning: { mode: adjust, quality: [feedback, accept], explore: 2% }").learning
    assert (learning.quality, learning.explore) == (("feedback", "accept"), 0.02)


@pytest.mark.parametrize("place", list(Placement))
def test_where_a_prompt_goes(place: Placement) -> None:
    (prompt,) = good(f"prompts: {{ p: {{ models: [small], system: A, place: {place} }} }}").prompts
    assert prompt.place is place


@pytest.mark.parametrize(
    ("promise", "kept"),
    [
        ("only: [far]", Invariant("i", None, only=("large",))),
        ("at_least: 1 candidate", Invariant("i", None, at_least=AtLeast(1, Countable.CANDIDATES))),
        ("at_least: 2 providers, even_if: one model is down",
         Invariant("i", None, at_least=AtLeast(2, Countable.PROVIDERS, Countable.CANDIDATES))),
        ("at_least: 12 candidates, even_if: one provider is down",
         Invariant("i", None, at_least=AtLeast(12, Countable.CANDIDATES, Countable.PROVIDERS))),
        ("max_cost: $0", Invariant("i", None, max_cost=0)),
        ("always_denied: true", Invariant("i", None, always_denied=True)),
    ],
)  # fmt: skip
def test_promises(promise: str, kept: Invariant) -> None:
    assert good(f"invariants: [{{ name: i, {promise} }}]").invariants == (kept,)


def test_cooldowns() -> None:
    every = good(
        "fallback: { cooldown: { failures: 3, within: 1m, for: 15s, longest: 2m, share: 40%,"
        " volume: 9, ramp: 0s, rate_limit: 1s, overloaded: 2s, quota: 3m, auth: 4m, gone: 5m } }"
    ).fallback.cooldown
    assert every == Cooldown(3, 60, 15, 120, 0.4, 9, 0, 1, 2, 180, 240, 300)
    some = good("fallback: { cooldown: { for: 1m } }").fallback.cooldown
    assert some == Cooldown(duration=60)
    assert good("fallback: { max_attempts: 2 }").fallback.cooldown == Cooldown()


def test_degradation_and_probes() -> None:
    fallback = good(
        "fallback: { degraded: { success: 90%, latency: 3x, over: 5m, min_samples: 9, then: skip },"
        " probe: { every: 30s, models: [far] } }"
    ).fallback
    assert fallback.degraded == Degraded(0.9, 3.0, 300.0, 9, skipped=True)
    assert fallback.probe == Probe(30.0, ("large",))
    default = good("fallback: { degraded: {}, probe: { every: 30s } }").fallback
    assert (default.degraded, default.probe) == (Degraded(), Probe(30.0))
    assert (Fallback().degraded, Fallback().probe) == (None, None)


def test_outcomes() -> None:
    assert good("outcomes: { keep: 30d }").outcomes == OutcomeSettings(30 * 86_400.0)
    assert good("outcomes: {}").outcomes == good("").outcomes == OutcomeSettings(90 * 86_400.0)


def test_reports_and_discovery() -> None:
    policy = good(
        "reports: { baselines: { heavy: large, fair: cheapest_that_fits },\n"
        "           gpu: { memory: 80GB, price: $2.50/hour } }\n"
        "discovery: { sources: [ollama, vllm], only: [free], every: 24h }"
    )
    baselines = {"heavy": "large", "fair": "cheapest_that_fits"}
    assert policy.reports == ReportSettings(baselines, Gpu(80 * 10**9, 2_500_000_000))
    assert policy.discovery == DiscoverySettings(("ollama", "vllm"), ("free",), 86_400.0)
    bare = good("reports: {}\ndiscovery: { sources: [ollama] }")
    assert (bare.reports, bare.discovery) == (ReportSettings(), DiscoverySettings(("ollama",)))
    without = good("")
    assert (without.reports, without.discovery) == (ReportSettings(), DiscoverySettings())


WRONG = [
    ("invariants: [{ name: i }]", "missing-field", 10, "promises nothing"),
    ("invariants: [{ name: i, always_denied: false }]", "missing-field", 10, "promises nothing"),
    ("invariants:\n- { name: i, never: [far],\n    even_if: one model is down }",
     "missing-field", 12, "`at_least`"),
    ("invariants: [{ name: i, at_least: two models }]", "bad-value", 10, "at_least"),
    ("invariants: [{ name: i, at_least: 0 candidates }]", "bad-value", 10, "at_least"),
    ("invariants: [{ name: i, at_least: 1 candidate, even_if: it rains }]",
     "unknown-word", 10, "it rains"),
    ("invariants: [{ name: i, max_cost: 0.01 }]", "bad-unit", 10, "0.01"),
    ("reports: { baselines: { heavy: lrage } }", "unknown-name", 10, "lrage"),
    ("reports: { gpu: { memory: 80GB, price: $2.50 } }", "bad-unit", 10, "$2.50"),
    ("reports: { gpu: { memory: 80GB } }", "missing-field", 10, "price"),
    ("discovery: { sources: [olama] }", "unknown-word", 10, "olama"),
    ("discovery: { sources: [ollama, ollama] }", "duplicate-name", 10, "ollama"),
    ("discovery: { every: 24h }", "missing-field", 10, "sources"),
    ("fallback: { degraded: { success: 0.9 } }", "bad-unit", 10, "0.9"),
    ("fallback: { degraded: { latency: 3 } }", "bad-unit", 10, "3x"),
    ("fallback: { degraded: { then: never } }", "unknown-word", 10, "never"),
    ("fallback: { probe: { every: 0s } }", "bad-unit", 10, "0s"),
    ("fallback: { probe: { models: [far] } }", "missing-field", 10, "every"),
    ("fallback: { probe: { every: 30s, models: [nobody] } }", "unknown-name", 10, "nobody"),
    ("experiments: { e: { share: 5%, first: [far], measure: speed } }", "unknown-word", 10,
     "speed"),
    ("experiments: { e: { share: 5%, first: [far], stop: { guard: { success: 3% } } } }",
     "bad-unit", 10, "3%"),
    ("experiments: { e: { share: 5%, first: [far], stop: { samples: 0 } } }", "bad-value", 10,
     "2000"),
    ("learning: { mode: adjust, quality: [feeling] }", "unknown-word", 10, "feeling"),
    ("learning: { mode: adjust, quality: [accept, accept] }", "duplicate-name", 10, "accept"),
    ("learning: { mode: adjust, explore: 0.02 }", "bad-unit", 10, "0.02"),
    ("prompts: { p: { models: [far], system: A, place: behind } }", "unknown-word", 10, "behind"),
    ("prompts: { p: { models: [far], place: Before } }", "unknown-word", 10, "mean `before`"),
    ("prompts: { p: { models: [far], placed: before } }", "unknown-field", 10, "placed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rule", "line", "named"), WRONG, ids=[w[0] for w in WRONG])
def test_wrong_uses_are_found_on_their_line(text: str, rule: str, line: int, named: str) -> None:
    (found,) = load(text).diagnostics
    assert (found.rule, found.span and found.span.line) == (rule, line)
    assert named in found.message + found.help


@pytest.mark.parametrize("mode", ["off", "shadow", "suggest", "adjust"])
def test_learning(mode: str) -> None:
    assert good(f"learning: {{ mode: {mode} }}").learning == Learning(LearningMode(mode))
    stated = good(f"learning: {{ mode: {mode}, min_samples: 20 }}").learning
    assert stated == Learning(LearningMode(mode), 20)


def test_prompts() -> None:
    policy = good(
        "prompts:\n"
        "  terse: { models: [far], when: plan == 'pro', system: Be brief.,\n"
        "           params: { temperature: 0, stop: [a, b], max_tokens: 2k }, force: true }\n"
        "  bare: { models: [small] }\n"
    )
    terse, bare = policy.prompts
    assert text_of(terse) == "plan == 'pro'"
    params: dict[str, JsonValue] = {"temperature": 0, "stop": ["a", "b"]}
    assert replace(terse, when=None) == Prompt(
        "terse", ("large",), None, "Be brief.", params=params, max_tokens=2000, force=True
    )
    assert bare == Prompt("bare", ("small",))
    with pytest.raises(TypeError):
        terse.params["temperature"] = 1  # type: ignore[index]  # the point of the test


def test_invariants() -> None:
    (kept,) = good(
        "invariants: [{ name: it stays, when: { tags: private }, never: [acme/*] }]"
    ).invariants
    assert text_of(kept) == "'private' in tags"
    assert replace(kept, when=None) == Invariant("it stays", None, ("small", "large"))
    assert str(kept.span) == "p.yaml:10:22"


def test_a_test_of_facts() -> None:
    (kept,) = good(
        "experiments: { try: { share: 5%, first: [large] } }\n"
        "rules: [{ name: r, avoid: [large] }]\n"
        "tests:\n"
        "- name: t\n"
        "  request: { task: code, tags: [a], tokens: 900, prompt: def f, needs: [json] }\n"
        "  given: { spent: { team: $1.50 }, used: { quota: 5k tokens/hour }, arm: try }\n"
        "  expect: { first: small, then: [], never: [far], task: code, complexity: easy,\n"
        "            rule: r, cost: $0.01, denied: false }\n"
        "complexity: { bands: { easy: { from: 0 } } }\n"
    ).tests
    assert kept == PolicyTest(
        "t",
        {"task": "code", "tags": ("a",), "tokens": 900, "prompt": "def f", "needs": ("json",)},
        Expectation("small", (), ("large",), "code", "easy", "r", 10_000_000, denied=False),
        GivenState({"team": 1_500_000_000}, {"quota": Rate(5000, "tokens", "hour")}, "try"),
    )
    assert str(kept.span) == "p.yaml:13:9"


def test_a_test_of_a_session_and_of_facts_about_the_client() -> None:
    (kept,) = good(
        "aliases: { fast: [light] }\n"
        "tests:\n"
        "- name: t\n"
        "  given: { session: { s1: large } }\n"
        "  request: { session: s1, model: fast, client: codex, turn: 2, complexity: 0.7 }\n"
        "  expect: {}\n"
    ).tests
    assert kept.given.session == {"s1": "large"}
    assert kept.request == {
        "session": "s1", "model": "fast", "client": "codex", "turn": 2, "complexity": 0.7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bands", "stated", "problem"),
    [
        ("", "1", None),
        ("", "7", "7 is not a complexity: write a band, or a score from 0 to 1"),
        ("", "-0.1", "-0.1 is not a complexity: write a band, or a score from 0 to 1"),
        ("complexity: { bands: one_to_ten }", "10", None),
        (
            "complexity: { bands: one_to_ten }",
            "11",
            "11 is not a complexity: write a band, or a score from 0 to 1, or a level from 1 to 10",
        ),
        ("", "true", "`complexity` is an enumeration, True is not: "),
    ],
)
def test_the_complexity_of_a_test_is_a_band_or_a_number(
    bands: str, stated: str, problem: str | None
) -> None:
    test = f"tests: [{{ name: t, request: {{ complexity: {stated} }}, expect: {{}} }}]\n"
    found = [f"{d.message}: {d.help}" for d in load(f"{bands}\n{test}").diagnostics]
    assert found == [] if problem is None else found[0].startswith(problem)


@pytest.mark.parametrize(
    ("asked", "help_"),
    [
        ("auto", None),
        ("large", None),
        ("fast", None),
        ("gpt-5", None),
        ("fats", "did you mean `fast`?"),
        ("zzzzzz", "the known ones are `large`, `small`, `fast`, `gpt-*`"),
    ],
)
def test_the_model_of_a_test_is_a_model_or_an_alias(asked: str, help_: str | None) -> None:
    aliases = "aliases: { fast: [light], 'gpt-*': [large] }\n"
    test = f"tests: [{{ name: t, request: {{ model: {asked} }}, expect: {{}} }}]\n"
    found = load(aliases + test).diagnostics
    assert [(d.message, d.help) for d in found] == (
        [] if help_ is None else [(f"`{asked}` is not a model or an alias", help_)]
    )


def test_tests_of_a_prompt() -> None:
    bare, mapped = good(
        "tests:\n- { name: t, request: Hi there, expect: {} }\n"
        "- { name: u, request: { prompt: Hi there }, expect: {} }"
    ).tests
    assert bare == PolicyTest("t", "Hi there", Expectation(), GivenState())
    assert mapped == PolicyTest("u", {"prompt": "Hi there"}, Expectation(), GivenState())


@pytest.mark.parametrize(
    ("text", "metric", "amount"),
    [
        ("50/day", "requests", 50),
        ("1k/day", "requests", 1000),
        ("2M tokens/hour", "tokens", 2 * 10**6),
    ],
)
def test_used_quota(text: str, metric: str, amount: int) -> None:
    test = (
        f"tests: [{{ name: t, request: x, given: {{ used: {{ quota: {text} }} }}, expect: {{}} }}]"
    )
    (kept,) = good(test).tests
    assert kept.given.used == {"quota": Rate(amount, metric, text.partition("/")[2])}


def test_the_state_and_the_expectations_of_a_test() -> None:
    (kept,) = good(
        "aliases: { fast: [light] }\nsessions: { keep: model }\n"
        "experiments: { two: { arms: { a: { share: 5%, first: [large] } } } }\n"
        "tests:\n"
        "- name: t\n"
        "  given: { cooling: [far], clock: sat 9:05, arm: two/a,\n"
        "           stats: { small: { success: 90%, latency: 2s, quality: 0.5, accepted: 80%,\n"
        "                             samples: 7 } } }\n"
        "  request: { prompt: Hi, system: Be brief, max_cost: $0.01, only: [far], prefer: free }\n"
        "  expect: { order: [small, large], max_cost: $1, denied: not here, alias: fast,\n"
        "            reasons: { large: budget }, session: stays }\n"
    ).tests
    assert kept.given == GivenState(
        cooling=("large",),
        clock=datetime(2026, 1, 10, 9, 5),  # noqa: DTZ001  in the policy's zone
        arm="two/a",
        stats={"small": GivenStats(0.9, 2.0, 0.5, 0.8, 7)},
    )
    assert kept.expect == Expectation(
        order=("small", "large"),
        max_cost=10**9,
        denied="not here",
        alias="fast",
        reasons={"large": Reason.BUDGET},
        session=SessionMove.STAYS,
    )
    places = {name: span.line for name, span in kept.expect.places.items()}
    assert places == {
        "order": 19, "max_cost": 19, "denied": 19, "alias": 19, "reasons": 20, "session": 20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "day"),
    [("22:15", 5), ("mon 22:15", 5), ("sun 22:15", 11), ("2026-01-07 22:15", 7)],
)
def test_the_clock_of_a_test(text: str, day: int) -> None:
    test = f"tests: [{{ name: t, request: x, given: {{ clock: {text} }}, expect: {{}} }}]"
    (kept,) = good(test).tests
    assert kept.given.clock == datetime(2026, 1, day, 22, 15)  # noqa: DTZ001  as above


SECTIONS = [
    ("reports: { gpu: { memory: 8GB, price: $1/hour } }", "$1/hour", "$2/hour"),
    ("discovery: { sources: [ollama] }", "ollama", "vllm"),
    ("outcomes: { keep: 30d }", "30d", "31d"),
    ("fallback: { probe: { every: 30s } }", "30s", "31s"),
    ("experiments: { e: { share: 5%, first: [small] } }", "first: [small]", "effort: high"),
    ("experiments: { e: { arms: { a: { share: 5%, first: [small] } } } }", "a:", "b:"),
    ("experiments: { e: { share: 5%, first: [small] } }", "5%", "6%"),
    ("learning: { mode: shadow }", "shadow", "suggest"),
    ("prompts: { p: { models: [small], system: A } }", "system: A", "system: B"),
    ("invariants: [{ name: i, never: [small] }]", "[small]", "[large]"),
]


@pytest.mark.parametrize(("text", "old", "new"), SECTIONS)
def test_the_revision_covers_them(text: str, old: str, new: str) -> None:
    revisions = {good(t).revision for t in ("", text, text.replace(old, new))}
    assert len(revisions) == 3


def test_tests_do_not_change_the_revision() -> None:
    test = "tests: [{ name: t, request: x, expect: { first: small } }]"
    assert good("").revision == good(test).revision
