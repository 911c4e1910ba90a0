"""cap-too-tight: when it is suggested, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.language.write.text_edit import apply
from policy_router.suggestions.cap_too_tight import suggestions
from policy_router.suggestions.traffic import Refusals, Traffic
from tests.suggestions.make import HEAD, observed

if TYPE_CHECKING:
    from policy_router.suggestions.suggestion import Suggestion

BUDGET = """\
budgets:
  team: { cap: $50/month, then: block }  # as agreed
"""
SEVERAL = """\
limits:
  each:  # by contract
    per: user
    requests: [20/min, 1000/day]
    tokens:
      - 200k/hour  # sum
    concurrent: 2"""


def suggested(text: str, **refusals: Refusals) -> tuple[list[Suggestion], str]:
    """What is suggested, and the file with the edits."""
    seen = replace(observed(HEAD + text), traffic=Traffic(50_000, refusals, {}, 30))
    found = list(suggestions(seen))
    edits = [edit for each in found for edit in each.edits]
    return found, apply(edits, seen.sources)["p.yaml"] if edits else ""


def test_the_patch_would_have_been_enough() -> None:
    (proposed,), changed = suggested(BUDGET, budget=Refusals(1_000, 4, 5_000))
    assert proposed.sentence == "raise budget `team`"
    assert proposed.evidence.text == (
        "on 4 days, no model was called for 20.0% of 5,000 requests because a budget was spent "
        "(95 % interval 18.9% to 21.1%)"
    )
    assert proposed.effect == "1,000 more requests would have been given to a model"
    assert changed == HEAD + BUDGET.replace("$50/", "$63/")


@pytest.mark.parametrize(
    ("text", "refusals", "sentences"),
    [
        (BUDGET, {"budget": Refusals(10, 1, 5_000)}, []),  # too few
        (BUDGET, {"budget": Refusals(10, 1, 20)}, []),
        (BUDGET, {"rate_limit": Refusals(1_000, 4, 5_000)}, []),  # of another cause
        (BUDGET, {"denied": Refusals(1_000, 4, 5_000)}, []),
        (BUDGET.replace("block", "warn"), {"budget": Refusals(1_000, 4, 5_000)}, []),
        ("", {"budget": Refusals(1_000, 4, 5_000)}, []),
        (
            BUDGET + "  each: { per: user, cap: $2/day, then: block }\n",
            {"budget": Refusals(1_000, 4, 5_000)},
            ["raise budget `each` or `team`"],
        ),
        (
            BUDGET.replace("{ cap", "{ per: user, overrides: { ada: $60/month }, cap"),
            {"budget": Refusals(1_000, 1, 5_000)},
            ["raise budget `team`"],  # it may be the cap of ada
        ),
        (
            "limits: { a: { requests: [20/min] }, b: { requests: [20/min] } }\n",
            {"rate_limit": Refusals(1_000, 1, 5_000)},
            ["raise limit `a` or `b`"],
        ),
    ],
)
def test_what_else_may_be(text: str, refusals: dict[str, Refusals], sentences: list[str]) -> None:
    found, changed = suggested(text, **refusals)
    assert [each.sentence for each in found] == sentences
    assert changed == ""


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("limits: { all: { requests: [20/min] } }", "limits: { all: { requests: [25/min] } }"),
        (
            SEVERAL,
            SEVERAL.replace("20/min, 1000/", "25/min, 1300/").replace("200k", "250k"),
        ),
        (
            "budgets: { all: { cap: 1M tokens/day, then: block } }",
            "budgets: { all: { cap: 1300k tokens/day, then: block } }",
        ),
        (
            "budgets: { each: { per: session, cap: $2, then: block } }",
            "budgets: { each: { per: session, cap: $2.5, then: block } }",
        ),
    ],
)
def test_all_amounts_of_one_limit_are_raised(text: str, changed: str) -> None:
    reason = "budget" if text.startswith("budgets") else "rate_limit"
    (proposed,), after = suggested(text + "\n", **{reason: Refusals(1_000, 4, 5_000)})
    assert after == HEAD + changed + "\n"
    is_long = "/day, then" in text
    assert proposed.effect == (
        f"{'' if is_long else 'up to '}1,000 more requests would have been given to a model"
    )
