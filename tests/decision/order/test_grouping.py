"""The order of models in groups."""

from __future__ import annotations

from policy_router import load
from policy_router.decision.order.grouping import ordered_in_groups
from policy_router.domain.decision import Candidate

POLICY = load(
    text="""
version: 1
models:
  a: { model: openai/a, price: free, tier: light }
  b: { model: openai/b, price: free, tier: light }
tiers: [light]
"""
)


def usual(models: int) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(model, "written order", "as written")
        for number, model in enumerate(POLICY.models)
        if models >> number & 1
    )


def test_one_group_is_in_the_usual_order() -> None:
    assert ordered_in_groups((0b11,), 0b10, usual, "alias", "alias `x`") == usual(0b10)


def test_the_first_of_each_group_is_placed_by_it() -> None:
    first, second = ordered_in_groups((0b10, 0b01), 0b11, usual, "alias", "alias `x`")
    assert (first.name, second.name) == (POLICY.models[1].name, POLICY.models[0].name)
    assert (first.placed_by, second.placed_by) == ("alias", "alias")


def test_a_group_without_allowed_models_is_left_out() -> None:
    (only,) = ordered_in_groups((0b10, 0b01), 0b01, usual, "alias", "alias `x`")
    assert only.name == "a"
