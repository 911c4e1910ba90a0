"""The order that past outcomes ask for, in decisions."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from policy_router import Request, Snapshot, decide, load
from policy_router.decision.order.evidence_orders import KEPT, SEQUENCES
from policy_router.domain.beliefs import Belief, Beliefs, ModelBelief, Rival
from policy_router.domain.limits import ANYONE, Reading
from policy_router.observe.records import read_record, record_of

if TYPE_CHECKING:
    from policy_router import Policy
    from policy_router.domain.decision import Decision

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: openai/a, tier: light, price: free }
  b: { model: openai/b, tier: light, price: free }
  large: { model: openai/c, tier: heavy, price: { input: $1/M, output: $10/M } }
aliases: { fast: [a, b] }
tasks:
  write: { min_tier: light }
  hard: { min_tier: heavy }
  sell: { worth: $0.10 }
  cheap: { worth: $0.0001 }
  first: { first: [a] }
  grave: { criticality: 0.9 }
  check: { accept: { json: true } }
  judge: { accept: { llm: { model: large, rubric: It is true. } } }
  chat: {}
budgets: { all: { cap: $5/day, then: block } }
rules:
  - { name: one, when: { tags: one }, first: [a] }
sessions: { keep: model, for: 1h }
learning: { mode: MODE EXPLORE }
"""


def policy(mode: str = "adjust", explore: str = "") -> Policy:
    text = TEXT.replace("MODE", mode).replace("EXPLORE", explore and f", explore: {explore}")
    loaded = load(text=text)
    assert loaded is not None
    return loaded


def rival(good: float, tier: int = 0, *, known: bool = True, verdicts: int = 400) -> Rival:
    believed = Belief(good, good * (1 - good) / (verdicts + 21), verdicts)
    return Rival(ModelBelief(believed, believed), tier, known, truthful=True)


def beliefs(**known: Rival) -> Beliefs:
    return Beliefs("r1", (known,))


BETTER = beliefs(a=rival(0.6), b=rival(0.9), large=rival(0.95, 1))
REQUEST = Request(task="write", tokens=1000, max_tokens=1000)


def decided(by: Policy, request: Request = REQUEST, **world: object) -> Decision:
    snapshot = Snapshot(beliefs=BETTER)
    return decide(by, request, replace(snapshot, **world))  # type: ignore[arg-type]  # fields


def names(decision: Decision) -> list[str]:
    return [candidate.name for candidate in decision.candidates]


def test_the_better_model_goes_first_and_the_decision_says_why() -> None:
    decision = decided(policy())
    assert names(decision) == ["b", "a", "large"]
    first = decision.candidates[0]
    assert first.placed_by == "learned"
    assert first.detail == "better than `a` with a probability of 100%, by 800 verdicts"
    assert decision.learned is not None
    assert decision.learned.as_dict() == {
        "first": "b", "written": "a", "probability": pytest.approx(1.0), "verdicts": 800,
        "propensity": 1.0, "trial": False, "revision": "r1",
    }  # fmt: skip
    assert decision.as_dict()["learned"] == decision.learned.as_dict()


@pytest.mark.parametrize("mode", ["shadow", "suggest"])
def test_what_is_not_to_be_adjusted_is_shown(mode: str) -> None:
    decision = decided(policy(mode))
    assert names(decision) == ["a", "b", "large"]
    (effect,) = decision.shadow
    assert effect.first == "b"


def test_outcomes_that_agree_with_the_written_order_would_have_changed_nothing() -> None:
    assert decided(policy("shadow"), beliefs=beliefs(a=rival(0.9), b=rival(0.6))).shadow == ()


def test_without_learning_nothing_changes() -> None:
    decision = decided(policy("off"))
    assert names(decision) == ["a", "b", "large"]
    assert (decision.learned, decision.shadow) == (None, ())


@pytest.mark.parametrize(("task", "first"), [("write", "b"), ("sell", "large"), ("cheap", "b")])
def test_a_better_answer_must_be_worth_its_price(task: str, first: str) -> None:
    known = beliefs(a=rival(0.3), b=rival(0.5), large=rival(0.95, 1))
    request = replace(REQUEST, task=task)
    assert names(decided(policy(), request, beliefs=known))[0] == first


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, task="first"),
        replace(REQUEST, tags=frozenset({"one"})),
        replace(REQUEST, model="fast"),
        replace(REQUEST, model="a"),
    ],
)
def test_what_the_policy_or_the_caller_puts_first_stays_first(request_: Request) -> None:
    decision = decided(policy(), request_)
    assert names(decision)[0] == "a"
    assert decision.learned is None


@pytest.mark.parametrize(
    "known",
    [
        beliefs(a=rival(0.6), b=rival(0.9, known=False)),
        beliefs(a=rival(0.6, known=False), b=rival(0.9)),
        beliefs(b=rival(0.9)),
        Beliefs("r", ()),
    ],
)
def test_too_little_evidence_leaves_the_written_order(known: Beliefs) -> None:
    assert names(decided(policy(), beliefs=known)) == ["a", "b", "large"]


def test_a_model_of_too_low_a_tier_never_goes_first() -> None:
    request = replace(REQUEST, task="hard")
    decision = decided(policy(), request, beliefs=beliefs(a=rival(0.99), large=rival(0.2, 1)))
    assert names(decision)[0] == "large"


def test_among_models_below_the_wanted_tier_nothing_is_learned() -> None:
    decision = decided(policy(), replace(REQUEST, task="hard"), cooling={"large": 9e9}, now=1.0)
    assert names(decision) == ["a", "b"]
    assert decision.learned is None


@pytest.mark.parametrize("task", ["check", "judge"])
def test_with_a_check_plans_are_compared(task: str) -> None:
    known = beliefs(a=rival(0.6), b=rival(0.9), large=rival(0.95, 1))
    assert names(decided(policy(), replace(REQUEST, task=task), beliefs=known))[0] == "b"


def trials(by: Policy, request: Request = REQUEST, n: int = 2000) -> list[Decision]:
    known = beliefs(a=rival(0.8), b=rival(0.8, verdicts=5), large=rival(0.9, 1))
    return [decided(by, request, beliefs=known, seed=f"id-{i}") for i in range(n)]


def test_other_models_are_tried_as_often_as_the_policy_says() -> None:
    made = trials(policy(explore="5%"))
    tried = [decision for decision in made if decision.learned and decision.learned.trial]
    assert 60 <= len(tried) <= 140  # of 100
    assert {names(decision)[0] for decision in tried} == {"b"}
    assert tried[0].candidates[0].detail == "tried before `a` in 5.0% of such requests"
    for decision in made:
        assert decision.learned is not None
        share = 0.05 if decision.learned.trial else 0.95
        assert decision.learned.propensity == pytest.approx(share)
    assert str(next(d.learned for d in made if not d.learned.trial)) == "as written"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "request_",
    [replace(REQUEST, task="grave"), replace(REQUEST, session="s"), replace(REQUEST, task="first")],
)
def test_nothing_is_tried_where_much_depends_on_it(request_: Request) -> None:
    assert all(
        decision.learned is None or decision.learned.propensity == 1
        for decision in trials(policy(explore="5%"), request_, 300)
    )


def test_a_more_expensive_model_is_tried_for_what_an_answer_is_worth() -> None:
    made = trials(policy(explore="5%"), replace(REQUEST, task="sell"), 1000)
    tried = {names(d)[0] for d in made if d.learned is not None and d.learned.trial}
    assert tried <= {"a", "b", "large"}
    free = trials(policy(explore="5%"), REQUEST, 1000)
    assert "large" not in {names(d)[0] for d in free}


@pytest.mark.parametrize("part", ["no-b", "calls"])
def test_what_is_in_shadow_would_have_changed_the_order_that_outcomes_ask_for(part: str) -> None:
    known = beliefs(a=rival(0.4), b=rival(0.9), c=rival(0.7), large=rival(0.95, 1))

    def loaded(shadow: str) -> Policy:
        rule = f"  - {{ name: no-b, avoid: [b]{shadow} }}\n"
        limit = f"limits:\n  calls: {{ models: [b], requests: [10/min]{shadow} }}\n"
        text = TEXT.replace("MODE EXPLORE", "adjust").replace(
            "  large:", "  c: { model: openai/d, tier: light, price: free }\n  large:"
        )
        first, rest = text.split("sessions:")
        text = first + (rule if part == "no-b" else limit) + "sessions:" + rest
        made = load(text=text)
        assert made is not None
        return made

    def used_up(by: Policy) -> Decision:
        used = {limit.key(ANYONE): Reading(10) for limit in by.limits if limit.name == "calls"}
        return decided(by, beliefs=known, used=used)

    tried, applied = (used_up(loaded(shadow)) for shadow in (", shadow: true", ""))
    assert names(tried) == ["b", "a", "c", "large"]
    assert names(applied) == ["c", "a", "large"]
    (effect,) = tried.shadow
    assert (effect.name, effect.removed, effect.first) == (part, ("b",), "c")


def test_requests_of_about_the_same_length_are_alike_and_others_are_not() -> None:
    known = beliefs(a=rival(0.7), b=rival(0.7), large=rival(0.95, 1))
    by = policy()
    firsts = [
        names(decided(by, Request(task="sell", tokens=tokens, max_tokens=cap), beliefs=known))[0]
        for tokens in (0, 1000, 1001, 1_000_000)
        for cap in (None, 100)
    ]
    assert firsts == ["large"] * 6 + ["a"] * 2


def test_a_lone_model_of_the_wanted_tier_has_no_rival() -> None:
    decision = decided(policy(), replace(REQUEST, task="hard"))
    assert (names(decision)[0], decision.learned) == ("large", None)


def test_evidence_is_kept_for_the_same_beliefs_only() -> None:
    by = policy()
    for n in range(KEPT + 10):
        better, worse = ("a", "b") if n % 2 else ("b", "a")
        known = beliefs(**{better: rival(0.9), worse: rival(0.6)})
        assert names(decided(by, beliefs=known))[0] == better
    assert names(decided(by, beliefs=replace(BETTER, revision="r2")))[0] == "b"


def test_evidence_orders_the_models_of_the_tier_that_is_wanted() -> None:
    text = TEXT.replace("MODE EXPLORE", "adjust")
    more = "  other: { model: openai/o, tier: heavy, price: { input: $1/M, output: $10/M } }\n"
    by = load(text=text.replace("aliases:", more + "aliases:"))
    assert by is not None
    known = beliefs(a=rival(0.99), large=rival(0.5, 1), other=rival(0.9, 1))
    assert names(decided(by, replace(REQUEST, task="hard")))[0] == "large"
    decision = decided(by, replace(REQUEST, task="hard"), beliefs=known)
    assert (names(decision)[0], decision.candidates[0].placed_by) == ("other", "learned")


def test_evidence_counts_for_any_number_of_sequences_of_candidates() -> None:
    models = "".join(
        f"  m{n}: {{ model: openai/{n}, tier: light, price: free }}\n" for n in range(8)
    )
    by = load(text=f"version: 1\ntiers: [light]\nmodels:\n{models}learning: {{ mode: adjust }}\n")
    assert by is not None
    known = beliefs(**{f"m{n}": rival(0.1 + 0.1 * n) for n in range(8)})
    seen = set()
    for some in combinations([f"m{n}" for n in range(8)], 4):
        decision = decided(by, Request(tokens=9, max_tokens=9, only={*some}), beliefs=known)
        assert names(decision)[0] == some[-1]
        seen.add(some)
    assert len(seen) > SEQUENCES


def test_evidence_counts_where_costs_depend_on_more_than_tokens() -> None:
    text = TEXT.replace("MODE EXPLORE", "adjust")
    by = load(text=text + "prompts: { careful: { models: [b], system: Be careful. } }\n")
    assert by is not None
    assert names(decided(by))[0] == "b"


def test_a_logged_decision_is_made_again() -> None:
    by = policy(explore="5%")
    for decision in trials(by, n=50):
        known = beliefs(a=rival(0.8), b=rival(0.8, verdicts=5), large=rival(0.9, 1))
        logged = replace(decision, snapshot=Snapshot(beliefs=known, seed="id-3"))
        request, snapshot = read_record(record_of(logged, time=0.0))
        assert snapshot.beliefs == known
        assert decide(by, request, snapshot) == decide(
            by, REQUEST, Snapshot(beliefs=known, seed="id-3")
        )
