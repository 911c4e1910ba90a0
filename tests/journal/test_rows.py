"""From events to outcomes: what a router cannot easily be brought to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy_router.domain.attempt import Attempt
from policy_router.domain.beliefs import LearnedOrder
from policy_router.domain.decision import Reason, RuleReasons, Skip
from policy_router.domain.experiments import Assignment
from policy_router.domain.facts import Fact, FactType, Vocabulary
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.events import Answered, Exhausted
from policy_router.journal.rows import outcomes_of
from tests.execution.make import decision

IDENTITY = ("e1", "d1", 5.0, "rev")


def test_arms_and_prompts_are_kept() -> None:
    arms = (Assignment("cheap", "a", 0.25), Assignment("terse", "b", 0.5))
    decided = replace(decision("a"), id="d1", arms=arms)
    attempt = Attempt("a", "openai/a", 4.0, 1.0, prompt="terse")
    (outcome,) = outcomes_of(Answered(*IDENTITY, decided, (attempt,), "a"))
    assert outcome.arms == {"cheap": "a", "terse": "b"}
    assert (outcome.propensity, outcome.prompt) == (0.125, "terse")


def test_an_arm_that_puts_no_model_first_drew_no_order() -> None:
    attempt = Attempt("a", "openai/a", 4.0, 1.0)
    terse = Assignment("terse", "b", 0.5, orders=False)
    decided = replace(decision("a"), id="d1", arms=(Assignment("cheap", "a", 0.25), terse))
    (outcome,) = outcomes_of(Answered(*IDENTITY, decided, (attempt,), "a"))
    assert outcome.propensity == 0.25
    decided = replace(decided, arms=(terse,))
    (outcome,) = outcomes_of(Answered(*IDENTITY, decided, (attempt,), "a"))
    assert outcome.propensity is None


def test_how_likely_a_trial_was_is_kept() -> None:
    attempt = Attempt("a", "openai/a", 4.0, 1.0)
    tried = LearnedOrder("a", "b", None, 0, 0.02, trial=True, revision="r")
    decided = replace(decision("a"), id="d1", learned=tried)
    (outcome,) = outcomes_of(Answered(*IDENTITY, decided, (attempt,), "a"))
    assert outcome.propensity == 0.02
    (outcome,) = outcomes_of(Answered(*IDENTITY, replace(decided, learned=None), (attempt,), "a"))
    assert outcome.propensity is None


@pytest.mark.parametrize(
    ("reasons", "refused", "why"),
    [
        ([], [], "cancelled"),
        ([Reason.ONLY, Reason.TIER], [], "only"),
        ([Reason.ONLY, Reason.COOLING], [], "cooling"),
        ([Reason.COOLING, Reason.RATE_LIMIT], [Reason.BUDGET], "budget"),
        ([], [Reason.BUSY], "busy"),
    ],
)
def test_why_no_model_was_called(reasons: list[Reason], refused: list[Reason], why: str) -> None:
    skips = tuple(Skip("m", reason, "") for reason in reasons)
    decided = replace(decision("a"), reasons=RuleReasons((), skips))
    passed_over = tuple(Skip("m", reason, "") for reason in refused)
    event = Exhausted(*IDENTITY, decided, (), stopped=True, skipped=passed_over)
    (outcome,) = outcomes_of(event)
    assert (outcome.role, outcome.failure, outcome.at) == (Role.REFUSED, why, 5.0)


def roles(*failures: str | None) -> list[Outcome]:
    attempts = tuple(Attempt("a", "openai/a", 1.0, 1.0, failure) for failure in failures)
    return outcomes_of(Answered(*IDENTITY, decision("a"), attempts, "a"))


def test_what_each_attempt_was_made_for() -> None:
    outcomes = roles("timeout", "rejected", "timeout", None)
    assert [outcome.role for outcome in outcomes] == [
        Role.FIRST, Role.AFTER_FAILURE, Role.AFTER_REJECTION, Role.AFTER_REJECTION,
    ]  # fmt: skip
    assert [outcome.served for outcome in outcomes] == [False, False, False, True]
    assert [outcome.ending for outcome in outcomes][-1] is RequestEnding.ANSWERED


def test_an_earlier_answer_may_be_given_out() -> None:
    outcomes = roles("rejected", "timeout")
    assert [outcome.served for outcome in outcomes] == [True, False]


def test_declared_facts_are_kept_and_no_text() -> None:
    declared = Vocabulary(
        [],
        [],
        (
            Fact("plan", FactType.ENUM, ("free", "pro")),
            Fact("seats", FactType.NUMBER),
            Fact("internal", FactType.BOOL),
            Fact("note", FactType.STRING),
        ),
        tags=("private", "batch"),
    )
    attributes: dict[str, str | float | bool] = {
        "plan": "pro",
        "seats": 3,
        "internal": True,
        "note": "a text",
        "other": 1,
    }
    asked = Request(tags={"private", "my name"}, attributes=attributes)
    decided = replace(decision("a"), situation=Situation(asked), id="d1")
    attempt = Attempt("a", "openai/a", 4.0, 1.0)
    event = Answered(*IDENTITY, decided, (attempt,), "a")
    (outcome,) = outcomes_of(event, vocabulary=declared)
    assert outcome.tags == ("private",)
    assert outcome.attributes == {"plan": "pro", "seats": 3, "internal": True}
    (outcome,) = outcomes_of(event)
    assert (outcome.tags, outcome.attributes) == ((), {})
    wrong = Request(attributes={"plan": "a text", "seats": True, "internal": "a text"})
    decided = replace(decision("a"), situation=Situation(wrong))
    (outcome,) = outcomes_of(Answered(*IDENTITY, decided, (attempt,), "a"), vocabulary=declared)
    assert outcome.attributes == {}
