"""What `print(decision)` and a notebook show."""

from __future__ import annotations

from policy_router import Request, decide
from tests.observe.made import policy_of
from tests.views.html.seen import seen

POLICY = policy_of("one")


def test_a_decision_is_printed_as_a_table() -> None:
    decision = decide(POLICY, Request(task="chat", tags=frozenset({"private"})))
    assert str(decision) == (
        "chat · private stays\n"
        "   model  tier   est. cost  why\n"
        "1  small  light  $0         the only model left\n"
        "Not used\n"
        "  big  excluded by `only` of rule `private stays`  <text>:13:53"
    )


def test_a_notebook_shows_the_same() -> None:
    decision = decide(POLICY, Request(task="chat"))
    lines = seen(decision._repr_html_())
    assert lines[:2] == ["chat", "| model | tier | est. cost | why"]
    assert lines[2] == "1 | small | light | $0 | free first"


def test_why_nothing_may_answer() -> None:
    denied = decide(POLICY, Request(task="chat", tags=frozenset({"secret"})))
    assert str(denied).splitlines()[0] == "not with us"
    invalid = decide(POLICY, Request(task="<b>unknown</b>"))
    assert "<b>unknown" not in invalid._repr_html_()
    none = decide(POLICY, Request(task="code", tags=frozenset({"private"}), min_tier="heavy"))
    assert str(none).splitlines()[0] == "no model may answer"
