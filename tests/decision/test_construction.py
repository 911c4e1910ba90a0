"""What is made the fast way is what the constructors make."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from policy_router.decision.construction import new_decision, new_situation
from policy_router.domain.complexity import Band
from policy_router.domain.decision import Decision, Reason, RuleReasons, Skip
from policy_router.domain.request import Request
from policy_router.domain.rules import Task
from policy_router.domain.situation import Situation

REQUEST = Request(task="t", tokens=3)
TASK, BAND = Task("t"), Band("easy", 0.0)
SKIP = (Skip("m", Reason.TIER, "weak"),)


def test_a_situation_is_what_the_constructor_makes() -> None:
    made = new_situation(REQUEST, TASK, BAND, 0.5, (1, 2))
    plain = Situation(REQUEST, TASK, BAND, 0.5, (1, 2))
    assert type(made) is Situation
    assert (made, repr(made), made.facts) == (plain, repr(plain), (1, 2))
    assert made.problem is None


def test_a_decision_is_what_the_constructor_makes() -> None:
    situation = Situation(REQUEST)
    reasons = RuleReasons(("r",), SKIP)
    made = new_decision("rev", situation, (), reasons, SKIP, (), SKIP, ("tools",), 7.0, None)
    plain = Decision(
        revision="rev",
        situation=situation,
        candidates=(),
        reasons=reasons,
        further=SKIP,
        barred=SKIP,
        unmet=("tools",),
        now=7.0,
    )
    assert type(made) is Decision
    assert made == plain
    assert all(getattr(made, f.name) == getattr(plain, f.name) for f in fields(Decision))
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == plain  # noqa: S301  our own
    assert replace(made, id="x").id == "x"


def test_both_are_frozen() -> None:
    made = new_situation(REQUEST, None, None, None, ())
    with pytest.raises(FrozenInstanceError):
        made.score = 1.0  # type: ignore[misc]  # the point of the test
    decision = new_decision("rev", made, (), RuleReasons(), (), (), (), (), None, None)
    with pytest.raises(FrozenInstanceError):
        decision.now = 1.0  # type: ignore[misc]  # as above
