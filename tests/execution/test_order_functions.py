"""Functions of the program put models in order; one that fails puts none."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router import Router, load
from policy_router.acceptance.user_code import Functions
from policy_router.decision.decide import decide_on
from policy_router.decision.facts import situation_of
from policy_router.domain.models import Model
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.execution.order_functions import OrderFunctions

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import ChatAnswer
    from policy_router.providers.requests.body import Body

POLICY = load(
    text="""\
version: 1
models:
  one: { model: openai/one, tier: light, price: free }
  two: { model: openai/two, tier: light, price: free }
  three: { model: openai/three, tier: light, price: free }
tasks:
  sums: { keywords: [sum], prefer: [{ python: "own:backwards" }] }
  rest: {}
prefer:
  - free
  - python: own:order
rules:
  - { name: as written, when: { tags: plain }, prefer: [free] }
"""
)
Given = Callable[[Request, tuple[Model, ...]], object]


class Broken(Mapping[str, float]):
    def __getitem__(self, name: str) -> float:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("of the program")

    def __len__(self) -> int:
        return 1


async def never(_request: Request, _models: tuple[Model, ...]) -> object:
    return await asyncio.Event().wait()


def raising(_request: Request, _models: tuple[Model, ...]) -> object:
    raise ValueError("of the program")


def scores_of(function: Given, request: Request | None = None) -> Mapping[str, object]:
    functions = Functions({"own:order": function, "own:backwards": backwards})
    situation = situation_of(POLICY, request or Request(), None)
    return asyncio.run(OrderFunctions(functions, deadline=30).scores(POLICY, situation))


def backwards(_request: Request, models: tuple[Model, ...]) -> dict[str, float]:
    return {model.name: -place for place, model in enumerate(models)}


def test_numbers_put_models_in_order() -> None:
    scores = scores_of(lambda _request, _models: {"three": 1, "two": 0.5})
    assert scores == {"own:order": {"three": 1.0, "two": 0.5}}
    situation = situation_of(POLICY, Request(), None)
    snapshot = Snapshot(scores={"own:order": {"three": 1.0, "two": 0.5}})
    assert [
        (c.name, c.placed_by, c.detail) for c in decide_on(POLICY, situation, snapshot).candidates
    ] == [
        ("two", "python: own:order", "lowest number first"),
        ("three", "python: own:order", "next number"),
        ("one", "python: own:order", "next number"),
    ]
    plain = decide_on(POLICY, situation).candidates
    assert (plain[0].name, plain[0].placed_by) == ("one", "written order")


@pytest.mark.parametrize(
    ("request_", "called"),
    [
        (Request(), ["own:order"]),
        (Request(task="sums"), ["own:backwards"]),
        (Request(tags={"plain"}), []),
        (Request(prefer=("quality",)), []),
        (Request(task="unknown"), []),
    ],
)
def test_only_functions_that_matter_are_called(request_: Request, called: list[str]) -> None:
    assert list(scores_of(backwards, request_)) == called


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raising, "raised ValueError"),
        (never, "took longer than 0.05 s"),
        (lambda _r, _m: [1, 2, 3], "returned list, not a mapping of models to numbers"),
        (lambda _r, _m: {"four": 1}, "named a model that the policy does not have"),
        (lambda _r, _m: {"one": math.nan}, "its number for `one` is not finite"),
        (lambda _r, _m: {"one": math.inf}, "its number for `one` is not finite"),
        (lambda _r, _m: {"one": True}, "gave bool for `one`, not a number"),
        (lambda _r, _m: {"one": "1"}, "gave str for `one`, not a number"),
        (lambda _r, _m: Broken(), "a mapping that raised RuntimeError"),
    ],
)
def test_a_function_that_fails_sorts_nothing_and_is_logged_once(
    function: Given, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    deadline = 0.05 if function is never else 30
    order = OrderFunctions(Functions({"own:order": function}), deadline=deadline)
    situation = situation_of(POLICY, Request(), None)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert asyncio.run(order.scores(POLICY, situation)) == {}
    (logged,) = [r.getMessage() for r in caplog.records if "not sorted" in r.getMessage()]
    assert "`own:order`" in logged
    assert reason in logged


@pytest.mark.parametrize(
    ("usual", "in_shadow", "called"),
    [
        ('{ python: "own:order" }', "free", ["own:order"]),
        ("free", '{ python: "own:order" }', ["own:order"]),
        ('{ python: "own:order" }', '{ python: "own:backwards" }', ["own:order", "own:backwards"]),
        ('{ python: "own:order" }', '{ python: "own:order" }', ["own:order"]),
    ],
)
def test_a_rule_in_shadow_takes_no_function_from_those_that_apply(
    usual: str, in_shadow: str, called: list[str]
) -> None:
    policy = load(
        text=f"""\
version: 1
models:
  one: {{ model: openai/one, tier: light, price: free }}
  two: {{ model: openai/two, tier: light, price: free }}
prefer: [{usual}]
rules:
  - {{ name: tried out, prefer: [{in_shadow}], shadow: true }}
"""
    )
    functions = Functions({"own:order": backwards, "own:backwards": backwards})
    situation = situation_of(policy, Request(), None)
    scores = asyncio.run(OrderFunctions(functions, deadline=30).scores(policy, situation))
    assert list(scores) == called
    decision = decide_on(policy, situation, Snapshot(scores=scores))
    (effect,) = decision.shadow
    assert decision.candidates[0].name == ("one" if usual == "free" else "two")
    assert effect.first == {"free": "one"}.get(in_shadow, None if usual != "free" else "two")


def test_what_is_not_allowed_is_not_called() -> None:
    situation = situation_of(POLICY, Request(), None)
    assert asyncio.run(OrderFunctions(Functions()).scores(POLICY, situation)) == {}


def test_a_router_orders_by_a_function() -> None:
    def call(*_: object, **__: object) -> ChatAnswer:
        raise AssertionError("nothing is called")

    allowed = Functions({"own:order": backwards, "own:backwards": backwards})
    with Router(POLICY, call, functions=allowed) as router:
        decision = router.route([{"role": "user", "content": "Hello"}])
        assert [c.name for c in decision.candidates] == ["three", "two", "one"]
    changed = replace(POLICY, revision="2")
    with Router(changed, call) as router:
        decision = router.route([{"role": "user", "content": "Hello"}])
        assert [c.name for c in decision.candidates] == ["one", "two", "three"]


def test_the_deadline_of_a_request_counts_the_time_of_a_function() -> None:
    limits = []

    def slow(_request: Request, _models: tuple[Model, ...]) -> dict[str, float]:
        time.sleep(0.2)
        return {}

    def call(_model: Model, _body: Body, seconds: float) -> dict[str, object]:
        limits.append(seconds)
        message = {"role": "assistant", "content": "Hi"}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    with Router(POLICY, call, functions=Functions({"own:order": slow})) as router:
        router.completion([{"role": "user", "content": "Hello"}])
    # Half of it is kept for the next model.
    assert limits[0] <= (POLICY.fallback.deadline - 0.2) / 2


def test_a_function_gets_half_of_the_deadline_of_the_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = replace(POLICY.tasks[0], deadline=0.1)
    order = OrderFunctions(Functions({"own:backwards": never}), deadline=30)
    policy = replace(POLICY, tasks=(task, *POLICY.tasks[1:]))
    situation = situation_of(policy, Request(task="sums"), None)
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(order.scores(policy, situation)) == {}
    assert "took longer than 0.05 s" in caplog.text
