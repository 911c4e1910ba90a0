"""An explanation says which turn was judged, and what the client is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from policy_router.classification.classifier import Classifier
from policy_router.decision.decide import decide
from policy_router.domain.snapshot import Snapshot
from policy_router.intake import take_in
from policy_router.loading import load
from policy_router.router.explanation import Explanation, explain
from policy_router.views import explanation as view
from policy_router.views.terminal import render

if TYPE_CHECKING:
    from policy_router.options import RequestOptions

POLICY = load("policies")
PROVE = "Prove that there are infinitely many primes."


def explained(*turns: str, **options: Any) -> Explanation:
    messages = [
        message
        for turn in turns
        for message in (
            {"role": "user", "content": turn},
            {"role": "assistant", "content": "Well."},
        )
    ][:-1]
    given = cast("RequestOptions", options)
    intake = take_in(Classifier(POLICY), messages, given, always_classify=True)
    snapshot = Snapshot(now=0.0)
    decision = decide(POLICY, intake.request, snapshot)
    return explain(POLICY, decision, snapshot, intake.classification, scored=True)


@pytest.mark.parametrize(
    ("turns", "line", "turn"),
    [
        (("Hi",), None, 1),
        (("Hi", PROVE), "Judged      turn 2 of 2", 2),
        (
            (PROVE, "yes", "go on"),
            "Judged      turn 1 of 3: those after it only go on or refer to it",
            1,
        ),
    ],
)
def test_the_turn_that_was_judged(turns: tuple[str, ...], line: str | None, turn: int) -> None:
    explanation = explained(*turns)
    shown = render(view.as_lines(explanation, "p.yaml"), width=200)
    judged = [each for each in shown.splitlines() if each.startswith("Judged")]
    assert judged == ([] if line is None else [line])
    classified = view.as_json(explanation, "p.yaml")["classification"]
    assert isinstance(classified, dict)
    assert classified["turn"] == turn
    assert not any(word in shown for word in ("infinitely", "go on\n"))


def test_facts_of_the_client_are_shown() -> None:
    headers = {"x-claude-code-session-id": "s-1", "x-claude-code-request-class": "auxiliary"}
    facts = explained("Hi", headers=headers).known_facts
    assert (facts["client"], facts["session"]) == ("claude-code", "s-1")
    assert facts["housekeeping"] is True
