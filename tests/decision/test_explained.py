"""A decision that writes out its reasons when they are read is the same value as one that has them
from the start."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.decision import Decision, Reason, RuleReasons, Skip
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule
from policy_router.domain.situation import Situation
from tests.generate import assemble

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = tuple(Model(f"m{i}", f"openai/m{i}", "light", 0, context=100 * i) for i in (1, 2, 3))
RULES = (Rule("no m3", None, avoid=("m3",)),)
SKIPPED = (
    Skip("m3", Reason.AVOID, "excluded by `avoid` of rule `no m3`"),
    Skip("m1", Reason.CONTEXT, "context of 100 tokens is too small"),
)


def unread() -> Decision:
    """A decision whose reasons were not read yet, nor those of another one like it."""
    return decide(assemble(MODELS, RULES, Vocabulary((), ())), Request(tokens=150))


def whole() -> Decision:
    found = unread()
    return Decision(
        revision=found.revision,
        situation=Situation(Request(tokens=150)),
        candidates=found.candidates,
        reasons=RuleReasons(("no m3",), SKIPPED[:1]),
        further=SKIPPED[1:],
    )


def test_reasons_are_there_when_read() -> None:
    assert unread().rules == ("no m3",)
    assert unread().skipped == SKIPPED


def test_reasons_are_worked_out_once() -> None:
    calls = []

    def reasons(matching: int) -> tuple[tuple[str, ...], tuple[Skip, ...]]:
        calls.append(matching)
        return ("no m3",), SKIPPED[:1]

    some = RuleReasons.later(reasons, 7)
    assert not calls
    assert (some.rules, some.skipped, some.rules) == (("no m3",), SKIPPED[:1], ("no m3",))
    assert calls == [7]


def test_another_decision_by_the_same_rules_has_them_at_once() -> None:
    policy = assemble(MODELS, RULES, Vocabulary((), ()))
    before, after = decide(policy, Request(tokens=150)), decide(policy, Request(tokens=50))
    assert before.skipped == SKIPPED
    assert after.skipped == SKIPPED[:1]
    assert decide(policy, Request(tokens=50)) == after
    assert after.rules is before.rules


def pickled(protocol: int, decision: Decision) -> Decision:
    found: Decision = pickle.loads(pickle.dumps(decision, protocol))  # noqa: S301  our own
    return found


@pytest.mark.parametrize(
    "passed",
    [
        copy.copy,
        copy.deepcopy,
        replace,
        *(partial(pickled, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ],
)
def test_it_is_the_same_value(passed: Callable[[Decision], Decision]) -> None:
    assert unread() == whole()
    assert whole() == unread()
    assert passed(unread()) == whole()
    assert passed(whole()) == unread()
    assert unread() != replace(whole(), reasons=RuleReasons((), SKIPPED[:1]))


def test_it_is_shown_as_the_same_value() -> None:
    assert repr(unread()) == repr(whole())


def test_it_is_frozen_and_has_no_other_attributes() -> None:
    decision = unread()
    for field in fields(Decision):
        with pytest.raises(FrozenInstanceError):
            setattr(decision, field.name, None)
    assert not hasattr(decision, "rule")
    with pytest.raises(AttributeError, match="'Decision' object has no attribute 'rule'"):
        getattr(decision, "rule")  # noqa: B009  mypy knows that there is none
