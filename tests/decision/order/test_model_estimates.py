"""Orders by what was measured: from enough samples on, and never beyond what is allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from policy_router.decision.decide import decide
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.facts import Vocabulary
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Task
from policy_router.domain.snapshot import Snapshot
from tests.generate import assemble, situations

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

DOLLAR = 10**9
TASK = Task("form", worth=20_000_000, patience=1_000_000)
MODELS = (
    Model("plain", "openai/plain", "light", 0, Price(DOLLAR, 2 * DOLLAR), latency=2.0, quality=0.5),
    Model("quick", "openai/quick", "light", 0, Price(DOLLAR, 2 * DOLLAR), latency=3.0, quality=0.5),
    Model("other", "openai/other", "light", 0, quality=0.4),
)
ADJUST = Learning(LearningMode.ADJUST)
ENOUGH = Measurement(0.9, 412)
FEW = Measurement(0.9, 29)


def policy(
    *prefer: SortKey, learning: Learning = ADJUST, models: tuple[Model, ...] = MODELS
) -> Policy:
    made = assemble(
        models,
        (),
        Vocabulary(("form", "chat"), ()),
        tasks=(TASK, Task("chat", default=True)),
        bands=(),
        prefer=prefer,
    )
    return replace(made, learning=learning)


def told(
    made: Policy,
    measured: dict[str, Measured],
    request: Request = Request(task="form", tokens=1000),  # noqa: B008  it never changes
) -> Decision:
    return decide(made, request, Snapshot(measured=measured))


def names(decision: Decision) -> list[str]:
    return [candidate.name for candidate in decision.candidates]


@pytest.mark.parametrize(
    ("key", "measured", "first", "detail"),
    [
        (
            SortKey.FASTEST,
            {"quick": Measured(latency=ENOUGH)},
            "quick",
            "fastest first: 0.9 s measured over 412 calls",
        ),
        (
            SortKey.FASTEST,
            {"quick": Measured(latency=FEW)},
            "plain",
            "fastest first: 2 s declared, 0 of 30 calls measured",
        ),
        (
            SortKey.QUALITY,
            {"other": Measured(quality=ENOUGH)},
            "other",
            "best quality first: 0.90 measured over 412 verdicts",
        ),
        (
            SortKey.RELIABLE,
            {"quick": Measured(success=Measurement(0.7, 30)), "other": Measured(success=FEW)},
            "quick",
            "most reliable first: at least 70.0% succeed measured over 30 calls",
        ),
        (
            SortKey.CHEAPEST,
            {"quick": Measured(output=Measurement(40.0, 31))},
            "quick",
            "cheapest first: 40 output tokens measured over 31 calls",
        ),
        (
            SortKey.VALUE,
            {"quick": Measured(accepted=ENOUGH)},
            "quick",
            "worth most first: $0.0134 after its cost: 90% accepted measured over 412 verdicts",
        ),
        (
            SortKey.VALUE,
            {"quick": Measured(accepted=FEW)},
            "plain",
            (
                "worth most first: $0.0064 after its cost: 50% accepted declared, "
                "0 of 30 verdicts measured"
            ),
        ),
    ],
)
def test_what_was_measured_decides_from_enough_samples_on(
    key: SortKey, measured: dict[str, Measured], first: str, detail: str
) -> None:
    decision = told(policy(key), measured)
    assert names(decision)[0] == first
    candidate = decision.candidates[0]
    assert (candidate.placed_by, candidate.detail) == (key.value, detail)


def test_the_samples_that_are_missing_are_reported() -> None:
    decision = told(policy(SortKey.FASTEST), {"quick": Measured(latency=FEW)})
    assert [c.detail for c in decision.candidates[1:]] == [
        "next fastest: 3 s declared, 29 of 30 calls measured",
        "next fastest: nothing declared, 0 of 30 calls measured",
    ]


def test_what_an_answer_costs_is_taken_from_its_measured_length() -> None:
    decision = told(policy(SortKey.VALUE), {"quick": Measured(output=Measurement(40.0, 31))})
    assert [c.detail for c in decision.candidates[:2]] == [
        f"{words}: {worth} after its cost: 50% accepted declared, 0 of 30 verdicts measured"
        for words, worth in (("worth most first", "$0.0064"), ("next in worth", "$0.00592"))
    ]


def test_a_model_of_unknown_price_is_worth_least() -> None:
    decision = told(policy(SortKey.VALUE), {})
    assert names(decision) == ["plain", "quick", "other"]
    assert decision.candidates[-1].detail == "next in worth: its price is unknown"


def test_waiting_that_is_not_known_counts_as_the_slowest() -> None:
    free = replace(MODELS[2], free=True, price=Price(0, 0), quality=0.5)
    decision = told(policy(SortKey.VALUE, models=(*MODELS[:2], free)), {})
    # It costs nothing, and is taken to be as slow as `quick`.
    assert decision.candidates[0].detail.startswith("worth most first: $0.007 after its cost")


def test_a_task_without_a_worth_is_not_sorted_by_it() -> None:
    decision = told(policy(SortKey.VALUE), {}, Request(task="chat"))
    assert [c.placed_by for c in decision.candidates] == ["written order"] * 3


def test_the_cap_of_a_request_bounds_the_measured_output() -> None:
    measured = {"quick": Measured(output=Measurement(4000.0, 30))}
    request = Request(task="form", tokens=1000, max_tokens=10)
    assert names(told(policy(SortKey.CHEAPEST), measured, request))[:2] == ["plain", "quick"]
    short = {"quick": Measured(output=Measurement(4.0, 30))}
    assert names(told(policy(SortKey.CHEAPEST), short, request))[0] == "quick"


@pytest.mark.parametrize("keys", [(), (SortKey.FASTEST,), (SortKey.RELIABLE,)])
@pytest.mark.parametrize("tokens", [0, 10, 1000])
@pytest.mark.parametrize("cap", [None, 10])
def test_orders_that_are_kept_are_those_that_are_sorted_for_each_request(
    keys: tuple[SortKey, ...], tokens: int, cap: int | None
) -> None:
    measured = {
        "quick": Measured(output=Measurement(4.0, 30), latency=ENOUGH),
        "plain": Measured(output=Measurement(40.0, 30), success=ENOUGH),
    }
    request = Request(task="form", tokens=tokens, max_tokens=cap)
    kept = told(policy(*keys, SortKey.CHEAPEST), measured, request)
    # A draw is for one request only, and without a seed there is none.
    fresh = told(policy(*keys, SortKey.CHEAPEST, SortKey.SPREAD), measured, request)
    assert kept.candidates == fresh.candidates


def test_keys_that_nothing_was_measured_for_say_nothing() -> None:
    decision = told(policy(SortKey.SMALLEST), {"quick": Measured(latency=ENOUGH)})
    assert [c.detail for c in decision.candidates] == ["written order"] * 3


@pytest.mark.parametrize("mode", [LearningMode.SHADOW, LearningMode.SUGGEST])
def test_what_is_only_recorded_is_shown(mode: LearningMode) -> None:
    made = policy(SortKey.FASTEST, learning=Learning(mode))
    decision = told(made, {"quick": Measured(latency=ENOUGH)})
    assert names(decision) == ["plain", "quick", "other"]
    (effect,) = decision.shadow
    assert (effect.source, effect.first) == ("section `learning`", "quick")
    assert effect.detail == (
        "would have put `quick` first: fastest first: 0.9 s measured over 412 calls"
    )
    unchanged = told(made, {"plain": Measured(latency=ENOUGH)})
    assert unchanged.shadow == ()


def test_a_change_after_the_first_model_is_shown() -> None:
    made = policy(SortKey.FASTEST, learning=Learning(LearningMode.SHADOW))
    (effect,) = told(made, {"other": Measured(latency=Measurement(2.5, 30))}).shadow
    assert effect.detail == "would have changed the order after the first model"


def test_without_learning_nothing_measured_matters() -> None:
    made = policy(SortKey.FASTEST, learning=Learning())
    measured = {"quick": Measured(latency=ENOUGH)}
    assert told(made, measured) == decide(made, Request(task="form", tokens=1000))


def test_a_request_that_is_denied_shows_nothing_measured() -> None:
    made = policy(SortKey.FASTEST, learning=Learning(LearningMode.SHADOW))
    decision = told(made, {"quick": Measured(latency=ENOUGH)}, Request(task="form", tokens=-1))
    assert decision.denied
    assert decision.shadow == ()


def test_no_tokens_at_all_cost_every_model_nothing() -> None:
    prices = (Price(2 * DOLLAR, DOLLAR), Price(DOLLAR, 2 * DOLLAR))
    models = tuple(replace(m, price=p) for m, p in zip(MODELS, prices, strict=False))
    decision = decide(policy(SortKey.CHEAPEST, models=models), Request(answers=0))
    assert names(decision) == ["plain", "quick"]


@settings(max_examples=100, deadline=None)
@given(situations())
def test_nothing_measured_makes_a_candidate(situation: tuple[Policy, Request, Snapshot]) -> None:
    made, request, snapshot = situation
    request = replace(request, max_candidates=None)
    plain = decide(made, request, replace(snapshot, measured={}))
    decision = decide(made, request, snapshot)
    assert sorted(names(decision)) == sorted(names(plain))
    assert decision.skipped == plain.skipped


@settings(max_examples=100, deadline=None)
@given(situations())
def test_below_the_least_samples_the_order_is_as_declared(
    situation: tuple[Policy, Request, Snapshot],
) -> None:
    made, request, snapshot = situation
    made = replace(made, learning=replace(ADJUST, min_samples=401))
    plain = decide(made, request, replace(snapshot, measured={}))
    assert names(decide(made, request, snapshot)) == names(plain)
