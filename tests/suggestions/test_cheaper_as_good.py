"""cheaper-as-good: when it is suggested, and when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.experience.counts import ACCEPTED, BAD, GOOD, OutcomeCounts
from policy_router.language.write.text_edit import apply
from policy_router.suggestions.cheaper_as_good import suggestions
from policy_router.suggestions.registry import all_suggestions
from tests.suggestions.make import HEAD, TASKS, calls, observed

if TYPE_CHECKING:
    from policy_router.experience.nodes import OutcomeKey

TEXT = HEAD + TASKS.replace("keywords: [extract]", "first: [three]")


def judged(
    model: str, good: int, bad: int, cost: int, *, failed: int = 0
) -> dict[OutcomeKey, OutcomeCounts]:
    ((key, row),) = calls(model, good + bad, failed, cost=cost).items()
    return {key: OutcomeCounts({**row.tally, GOOD: good, BAD: bad})}


def structural(model: str, number: int, cost: int) -> dict[OutcomeKey, OutcomeCounts]:
    ((key, row),) = calls(model, number, cost=cost).items()
    return {key: OutcomeCounts({**row.tally, ACCEPTED: number})}


DEAR = judged("three", 3800, 200, 5_000_000)


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (DEAR | judged("one", 3800, 200, 1_000_000), ["one"]),
        (DEAR | judged("one", 3800, 200, 2_000_000) | judged("two", 3800, 200, 900_000), ["two"]),
        (DEAR | judged("one", 3000, 1000, 2_000_000), []),
        (DEAR | judged("one", 3750, 250, 2_000_000), []),
        (DEAR | judged("one", 95, 5, 1_000_000), []),
        (DEAR | judged("one", 20, 0, 1_000_000), []),
        (DEAR | judged("one", 3800, 200, 6_000_000), []),
        (DEAR | judged("one", 3800, 200, 0), []),
        (DEAR | judged("one", 3800, 200, 1_000_000, failed=400), []),
        (DEAR | structural("one", 4000, 1_000_000), []),
        ({}, []),
    ],
)
def test_a_cheaper_model_must_be_as_good(
    counted: dict[OutcomeKey, OutcomeCounts], expected: list[str]
) -> None:
    sentences = [
        f"for task `extract`, put `{name}` before `three`, as it is cheaper" for name in expected
    ]
    assert [each.sentence for each in suggestions(observed(TEXT, counted))] == sentences


def test_the_patch_puts_it_first_and_nothing_turns_it_back() -> None:
    counted = DEAR | judged("one", 3800, 200, 1_000_000)
    seen = observed(TEXT, counted)
    (proposed,) = all_suggestions(seen)
    assert proposed.effect == "saves about $0.004 per request"
    changed = apply(proposed.edits, seen.sources)["p.yaml"]
    assert changed == TEXT.replace("first: [three]", "first: [one, three]")
    assert all_suggestions(observed(changed, counted)) == ()
