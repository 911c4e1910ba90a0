"""Beliefs from counts, and the watch over verdicts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router import Router, load
from policy_router.domain.outcome import Role
from policy_router.events import QualityChanged
from policy_router.experience.believed import belief_table
from policy_router.experience.counts import OutcomeCounts
from policy_router.experience.nodes import EVERYTHING, Node, OutcomeKey
from policy_router.experience.watch import QualityWatch, usual_shares
from tests.experience.test_adjusting import HELLO
from tests.own_callers import answer

if TYPE_CHECKING:
    from typing import Any

    from policy_router import Policy
    from policy_router.domain.models import Model
    from policy_router.events import Event

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: openai/a, tier: light, price: free, quality: 0.7 }
  b: { model: openai/b, tier: light, price: free, quality: 0.7 }
  c: { model: openai/c, tier: heavy, price: free }
tasks:
  extract: { keywords: [extract], accept: { json: true } }
  chat: {}
fallback: { degraded: { success: 90%, over: 15m, then: last } }
learning: { mode: adjust }
"""
CODE = Node("extract", "code", "", "simple")
PLAIN = Node("extract", "plain", "", "simple")


def policy() -> Policy:
    loaded = load(text=TEXT)
    assert loaded is not None
    return loaded


def counts(**tally: int) -> OutcomeCounts:
    checked = sum(tally.get(name, 0) for name in ("accepted", "flagged", "good", "bad"))
    return OutcomeCounts({"calls": checked, "answered": checked, "checked": checked, **tally})


def test_judged_answers_become_beliefs_at_every_node() -> None:
    table = belief_table({OutcomeKey(CODE, "a"): counts(good=60, bad=40)}, policy())
    beliefs = table.at(CODE)
    assert beliefs is not None
    assert len(beliefs.nodes) == 5
    assert {name for node in beliefs.nodes for name in node} == {"a"}
    root, leaf = beliefs.nodes[0]["a"], beliefs.nodes[-1]["a"]
    assert root == table.nodes[EVERYTHING]["a"]
    assert root.known
    assert root.truthful
    assert 0.65 < leaf.belief.first.mean < 0.7
    assert leaf.belief.first.verdicts == 100
    assert root.belief.after.mean == pytest.approx(0.5)
    assert table.at(Node("chat", "plain", "", "")) == table.at(EVERYTHING)


def test_nothing_is_known_without_outcomes() -> None:
    assert belief_table({}, policy()).at(CODE) is None


@pytest.mark.parametrize(
    ("tally", "known", "truthful"),
    [
        ({"accepted": 30}, True, False),
        ({"accepted": 29}, False, False),
        ({"good": 30}, True, True),
        ({"feedback": 40, "feedback_sum": 30_000, "calls": 40, "answered": 40}, True, True),
        ({"accepted": 40, "answered": 81, "calls": 81}, False, False),
        ({"accepted": 40, "answered": 80, "calls": 80}, True, False),
        # A conversation of many turns, all of them checked, counts once.
        ({"accepted": 40, "answered": 400, "calls": 400, "checked": 400}, True, False),
    ],
)
def test_what_is_known_and_by_what(tally: dict[str, int], known: bool, truthful: bool) -> None:
    table = belief_table({OutcomeKey(CODE, "a"): counts(**tally)}, policy())
    rival = table.nodes[EVERYTHING]["a"]
    assert (rival.known, rival.truthful) == (known, truthful)


def test_an_alarm_concerns_one_form_and_all_wider_nodes() -> None:
    counted = {OutcomeKey(node, "a"): counts(good=60, bad=40) for node in (CODE, PLAIN)}
    table = belief_table(counted, policy(), {("a", "code")})
    assert table.nodes[EVERYTHING]["a"].alarmed
    assert table.nodes[CODE]["a"].alarmed
    assert not table.nodes[PLAIN]["a"].alarmed
    assert table.revision != belief_table(counted, policy()).revision


tallies = st.fixed_dictionaries(
    {name: st.integers(0, 50) for name in ("accepted", "flagged", "good", "bad", "feedback")}
).map(lambda tally: counts(**tally, feedback_sum=500 * tally["feedback"]))
keys = st.builds(
    OutcomeKey, st.sampled_from([CODE, PLAIN]), st.sampled_from("abc"),
    st.sampled_from([Role.FIRST, Role.AFTER_REJECTION]),
)  # fmt: skip


@given(st.dictionaries(keys, tallies, max_size=6))
def test_equal_counts_are_equal_beliefs(counted: dict[OutcomeKey, OutcomeCounts]) -> None:
    table = belief_table(counted, policy())
    again = belief_table(dict(reversed(counted.items())), policy())
    assert table == again
    for rivals in table.nodes.values():
        for rival in rivals.values():
            assert 0 < rival.belief.first.mean < 1
            assert rival.belief.first.variance > 0


def test_usual_shares_need_enough_verdicts() -> None:
    counted = {
        OutcomeKey(CODE, "a"): counts(accepted=60, flagged=10, good=20, bad=10),
        OutcomeKey(CODE, "b"): counts(accepted=99),
    }
    assert usual_shares(counted) == {("a", "code"): 0.2}


def test_a_watch_tells_of_worse_answers_and_of_better_ones() -> None:
    told: list[tuple[str, str, bool, float]] = []
    watch = QualityWatch(lambda *change: told.append(change))
    for _ in range(100):
        watch.note("a", "code", rejected=True)
    assert told == []  # nothing is known of what is usual
    watch.follow({("a", "code"): 0.1})
    while not watch.alarmed:
        watch.note("a", "code", rejected=True)
    assert watch.alarmed == {("a", "code")}
    watch.follow({("a", "code"): 0.5})  # does not take the bad answers for the usual ones
    while watch.alarmed:
        watch.note("a", "code", rejected=False)
    assert told == [("a", "code", True, 0.1), ("a", "code", False, 0.1)]


class Caller:
    """`a` writes JSON in seven answers of ten, until it stops doing so; the others always do."""

    def __init__(self) -> None:
        self.calls = 0
        self.broken = False

    async def __call__(self, model: Model, _body: Any, _timeout: float) -> Any:
        if model.name != "a":
            return answer("{}")
        self.calls += 1
        return answer("no" if self.broken or self.calls % 10 in (2, 5, 8) else "{}")


def test_a_model_that_fails_three_of_ten_loses_the_first_place() -> None:
    async def main() -> None:
        events: list[Event] = []
        caller = Caller()
        text = TEXT.replace("mode: adjust", "mode: adjust, explore: 5%")
        async with Router(load(text=text), caller, on_event=events.append) as router:
            assert (await router.aroute(HELLO, task="extract")).candidates[0].name == "a"
            for number in range(600):
                await router.acompletion(HELLO, task="extract")
                if number % 50 == 49:
                    await router.experience.refresh()
            decision = await router.aroute(HELLO, task="extract")
            assert decision.learned is not None
            assert decision.learned.written == "a"
            assert decision.learned.probability is None or decision.learned.probability >= 0.9
            assert decision.candidates[0].name != "a"

    asyncio.run(main())


def test_a_model_that_was_never_called_is_known_only_where_models_are_tried() -> None:
    counted = {OutcomeKey(CODE, "a"): counts(good=60, bad=40)}
    tries = load(text=TEXT.replace("mode: adjust", "mode: adjust, explore: 5%"))
    assert belief_table(counted, policy()).nodes[CODE].keys() == {"a"}
    rivals = belief_table(counted, tries).nodes[CODE]
    assert rivals.keys() == {"a", "b", "c"}
    assert rivals["b"].belief.first.mean == pytest.approx(0.7)
    assert not rivals["b"].known


def test_a_model_that_was_never_called_is_tried() -> None:
    async def main() -> None:
        called: list[str] = []

        async def caller(model: Model, _body: Any, _timeout: float) -> Any:
            called.append(model.name)
            return answer("{}")

        text = TEXT.replace("mode: adjust", "mode: adjust, explore: 5%")
        async with Router(load(text=text), caller) as router:
            for number in range(400):
                await router.acompletion(HELLO, task="extract")
                if number == 20:
                    assert set(called) == {"a"}
                    await router.experience.refresh()
        assert {"b", "c"} & set(called)

    asyncio.run(main())


def test_worse_answers_raise_an_alarm_and_put_the_model_last() -> None:
    async def main() -> None:
        events: list[Event] = []
        caller = Caller()
        async with Router(policy(), caller, on_event=events.append) as router:
            for _ in range(120):
                await router.acompletion(HELLO, task="extract", model="a")
            await router.experience.refresh()
            caller.broken = True
            for _ in range(60):
                await router.acompletion(HELLO, task="extract", model="a")
            (alarm,) = [event for event in events if isinstance(event, QualityChanged)]
            assert (alarm.model, alarm.worse) == ("a", True)
            assert alarm.usual == pytest.approx(0.3)
            decision = await router.aroute(HELLO, task="extract")
            assert decision.candidates[-1].name == "a"
            assert decision.candidates[-1].detail == "checks reject more of its answers than usual"

    asyncio.run(main())
