"""demote-unreliable: when it is suggested, and when it is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.outcome import Role
from policy_router.experience.counts import BAD, GOOD, OutcomeCounts
from policy_router.experience.intervals import IntervalEstimate, wilson
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.language.write.text_edit import apply
from policy_router.suggestions.demote_unreliable import suggestions
from policy_router.suggestions.differences import difference
from tests.suggestions.make import HEAD, TASKS, calls, observed


def verdicts(model: str, good: int, bad: int) -> dict[OutcomeKey, OutcomeCounts]:
    return {OutcomeKey(Node("extract", "", "", ""), model): OutcomeCounts({GOOD: good, BAD: bad})}


def proposed(counted: Any, text: str = HEAD + TASKS) -> list[str]:
    return [each.sentence for each in suggestions(observed(text, counted))]


TWO_FIRST = ["for task `extract`, put `two` before `one`"]


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (calls("one", 200, 60) | calls("two", 90), TWO_FIRST),
        (calls("one", 200, 60) | calls("two", 90, role=Role.AFTER_REJECTION), TWO_FIRST),
        (calls("one", 200, 60) | calls("two", 29), []),
        (calls("one", 29, 15) | calls("two", 200), []),
        (calls("one", 200, 60) | calls("two", 90, 25), []),
        (calls("one", 200) | calls("two", 90, 30), []),
        (calls("one", 200, 60) | calls("two", 90, task="chat"), []),
        (calls("one", 200, 60, role=Role.AFTER_FAILURE) | calls("two", 90), []),
        (verdicts("one", 60, 40) | verdicts("two", 95, 5), TWO_FIRST),
        (verdicts("one", 95, 5) | verdicts("two", 60, 40), []),
        (calls("one", 200, 60) | calls("two", 90, 9) | calls("three", 90), [
            "for task `extract`, put `three` before `one`"]),
        ({}, []),
    ],
)  # fmt: skip
def test_enough_evidence_suggests(counted: Any, expected: list[str]) -> None:
    assert proposed(counted) == expected


def test_a_cheap_first_call_stays_unless_the_other_is_much_better() -> None:
    dear = calls("two", 400, cost=5_000_000)
    assert proposed(calls("one", 400, 40, cost=100_000) | dear) == []
    (found,) = suggestions(observed(HEAD + TASKS, calls("one", 400, 120, cost=100_000) | dear))
    assert found.effect == "a call of `two` costs $0.005 on average, one of `one` $0.0001"


def test_a_model_that_one_measure_finds_worse_is_not_suggested() -> None:
    fast = calls("one", 200, 60)
    key = next(iter(fast))
    fast[key] = OutcomeCounts({**fast[key].tally, GOOD: 95, BAD: 5})
    slow = calls("two", 200)
    key = next(iter(slow))
    slow[key] = OutcomeCounts({**slow[key].tally, GOOD: 50, BAD: 50})
    assert proposed(fast | slow) == []


def test_a_task_without_models_has_no_suggestion() -> None:
    text = HEAD + TASKS + "rules: [{ name: never, deny: not here }]\n"
    assert proposed(calls("one", 200, 60) | calls("two", 90), text) == []


PATCHES = [
    ("  extract: { keywords: [a] }  # c\n", "  extract: { first: [two], keywords: [a] }  # c\n"),
    ("  extract: {}\n", "  extract: { first: [two] }\n"),
    (
        "  extract:\n    # c\n    keywords: [a]\n",
        "  extract:\n    # c\n    first: [two]\n    keywords: [a]\n",
    ),
    (
        "  extract:\r\n    keywords: [a]\r\n",
        "  extract:\r\n    first: [two]\r\n    keywords: [a]\r\n",
    ),
    ("  extract: { first: [one, two] }  # c\n", "  extract: { first: [two, one] }  # c\n"),
    (
        "  extract:\n    first:\n      - one  # c\n      - two\n",
        "  extract:\n    first:\n      - two\n      - one  # c\n",
    ),
    (
        "  extract:\n    first:\n    - one\n    - three\n",
        "  extract:\n    first:\n    - two\n    - one\n    - three\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), PATCHES)
def test_the_patch_keeps_everything_else(before: str, after: str) -> None:
    text = HEAD + "tasks:\n" + before + "  chat: {}  # é\n"
    seen = observed(text, calls("one", 200, 60) | calls("two", 90))
    (found,) = suggestions(seen)
    assert apply(found.edits, seen.sources)["p.yaml"] == text.replace(before, after)


@pytest.mark.parametrize(
    "text",
    [
        TASKS + "rules: [{ name: r, first: [one] }]\n",
        "tasks: { extract: { first: [two] } }\nrules: [{ name: r, first: [one] }]\n",
        "tasks:\n  extract: { first: [one, # cheap\n    three] }\n",
        "tasks:\n  extract: { use: [one, two] }\n",
    ],
)
def test_what_cannot_be_written_has_no_patch(text: str) -> None:
    (found,) = suggestions(observed(HEAD + text, calls("one", 200, 60) | calls("two", 90)))
    assert (found.sentence, found.edits) == (TWO_FIRST[0], ())


LEADS = st.sampled_from(
    ["", "first: [one]", "first: [three, one]", "first: [two]", "only: [one, two]"]
)
RULES = st.sampled_from(
    ["", "only: [two, three]", "avoid: [one]", "first: [one]", "min_tier: heavy"]
)
ENTRY = st.tuples(st.integers(1, 300), st.floats(0, 1))


@given(LEADS, RULES, st.tuples(ENTRY, ENTRY, ENTRY))
def test_no_patch_changes_which_models_are_allowed(
    lead: str, rule: str, entries: tuple[tuple[int, float], ...]
) -> None:
    rules = f"rules: [{{ name: r, {rule} }}]\n" if rule else ""
    text = f"{HEAD}tasks:\n  extract: {{ {lead} }}\n  chat: {{}}\n{rules}"
    counted: dict[OutcomeKey, OutcomeCounts] = {}
    for model, (number, share) in zip(("one", "two", "three"), entries, strict=True):
        counted |= calls(model, number, int(number * share))
    seen = observed(text, counted)
    for each in suggestions(seen):
        if each.edits:
            changed = observed(apply(each.edits, seen.sources)["p.yaml"], counted)
            for task in ("extract", "chat"):
                assert set(changed.order(task)) == set(seen.order(task))
            assert changed.order("chat") == seen.order("chat")
            assert list(suggestions(changed)) == []


SHARES = st.tuples(st.integers(0, 500), st.integers(0, 500)).filter(lambda pair: sum(pair) > 0)


def estimated(pair: tuple[int, int]) -> IntervalEstimate:
    found = wilson(pair[0], sum(pair))
    assert found is not None
    return found


@given(SHARES, SHARES)
def test_the_difference_turned_around_is_its_negative(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    forth = difference(estimated(one), estimated(other))
    back = difference(estimated(other), estimated(one))
    assert -1 <= forth.low <= forth.value <= forth.high <= 1
    assert (back.value, back.low, back.high) == pytest.approx(
        (-forth.value, -forth.high, -forth.low)
    )


def test_the_difference_is_that_of_the_literature() -> None:
    found = difference(estimated((56, 14)), estimated((48, 32)))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=0.0001)
