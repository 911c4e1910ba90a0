"""Another policy is asked for the requests of a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.catalog.table import Catalog
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.experience.off_policy import LoggedChoice
from policy_router.experience.other_policy import PolicyComparison, compare_policies
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free }
  large: { model: acme/large, tier: heavy, price: free }
tasks: { code: { min_tier: heavy }, chat: {} }
attributes: { plan: [free, pro] }
tags: [careful]
rules:
  - { name: no law, when: { user: eve }, deny: no }
  - { name: long, when: tokens > 1000, first: [large] }
  - { name: pro, when: { plan: pro }, first: [large] }
  - { name: careful, when: { tags: careful }, first: [large] }
"""


def policy() -> Policy:
    found = compile_files(
        [PolicyFile("p.yaml", POLICY.encode())], Catalog({}, frozenset({"acme"}), "made up")
    ).policy
    assert found is not None
    return found


def outcome(**fields: object) -> Outcome:
    values = {"at": 0.0, "decision": "d", "model": "small", "task": "chat", **fields}
    return Outcome(**values)  # type: ignore[arg-type]  # fields by name


def test_the_first_calls_count_each_with_what_the_other_policy_would_have_called() -> None:
    found = compare_policies(
        [
            outcome(propensity=0.9, band="easy", form="plain"),
            outcome(task="code", ok=False, propensity=0.1),
            outcome(tokens_in=2000, feedback=0.25),
            outcome(role=Role.AFTER_FAILURE),
            outcome(role=Role.JUDGE),
            outcome(role=Role.REFUSED, model="", ending=RequestEnding.DENIED),
        ],
        policy(),
    )
    assert found.choices == (
        LoggedChoice("chat/easy/plain", "small", 0.9, 1.0, "small"),
        LoggedChoice("code/None/None", "small", 0.1, 0.0, "large"),
        LoggedChoice("chat/None/None", "small", 1.0, 0.25, "large"),
    )
    assert found.left_out == 0


def test_what_the_other_policy_denies_or_does_not_know_is_left_out() -> None:
    found = compare_policies([outcome(user="eve"), outcome(task="unknown")], policy())
    assert (found.choices, found.left_out) == ((), 2)


def test_declared_facts_of_the_request_count() -> None:
    found = compare_policies(
        [
            outcome(attributes={"plan": "pro"}),
            outcome(attributes={"plan": "free", "gone": "x"}),
            outcome(tags=("careful", "gone")),
        ],
        policy(),
    )
    assert [each.other for each in found.choices] == ["large", "small", "large"]


def test_whom_an_arm_was_drawn_for_is_what_never_has_two() -> None:
    def chat(arm: str, **fields: object) -> Outcome:
        return outcome(arms={"e": arm}, tenant="t", propensity=0.5, **fields)

    by_user = [chat("a", user="ada"), chat("a", user="ada"), chat("control", user="bob")]
    subjects = [choice.subject for choice in compare_policies(by_user, policy()).choices]
    assert subjects == ["user ada", "user ada", "user bob"]
    each = [chat("a", user="ada"), chat("control", user="ada"), outcome(user="ada")]
    assert {choice.subject for choice in compare_policies(each, policy()).choices} == {None}


def test_a_call_that_nobody_waited_for_says_nothing() -> None:
    stopped = outcome(ok=False, failure="cancelled")
    assert compare_policies([stopped], policy()) == PolicyComparison((), 0)
