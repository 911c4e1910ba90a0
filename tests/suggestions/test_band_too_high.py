"""band-too-high: when it is suggested, and when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.experience.counts import ANSWERED, BAD, CALLS, CHARGED, COST, GOOD, OutcomeCounts
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.language.write.text_edit import apply
from policy_router.suggestions.band_too_high import suggestions
from tests.suggestions.make import HEAD, observed

if TYPE_CHECKING:
    from collections.abc import Mapping

BANDS = """\
complexity:
  bands:
    easy: { from: 0.0 }
    hard: { from: 0.6, min_tier: heavy }  # hard to say
"""


def judged(
    model: str, number: int, bad: int, cost: int, band: str = "hard"
) -> Mapping[OutcomeKey, OutcomeCounts]:
    """Calls that a judge has judged."""
    tally = {
        CALLS: number, ANSWERED: number, GOOD: number - bad, BAD: bad, CHARGED: number,
        COST: cost * number,
    }  # fmt: skip
    return {OutcomeKey(Node("", "", "", band), model): OutcomeCounts(tally)}


STRONG = judged("three", 4_000, 400, 2_000_000)


@pytest.mark.parametrize(
    ("weak", "number"),
    [
        (judged("one", 4_000, 400, 1_000_000), 1),
        (judged("one", 4_000, 600, 1_000_000), 0),  # worse
        (judged("one", 400, 40, 1_000_000), 0),  # too few to be sure
        (judged("one", 4_000, 400, 3_000_000), 0),  # not cheaper
        (judged("one", 4_000, 400, 1_000_000, band="easy"), 0),  # of other requests
        ({}, 0),
    ],
)
def test_it_takes_models_below_the_floor_that_are_as_good(
    weak: dict[OutcomeKey, OutcomeCounts], number: int
) -> None:
    assert len(list(suggestions(observed(HEAD + BANDS, {**STRONG, **weak})))) == number


def test_the_patch_only_lowers_the_floor() -> None:
    seen = observed(HEAD + BANDS, {**STRONG, **judged("one", 4_000, 400, 1_000_000)})
    (proposed,) = suggestions(seen)
    assert proposed.sentence == "lower `min_tier` of band `hard` to `light`"
    assert proposed.evidence.text.startswith(
        "judges and people accepted 90.0% of 4,000 answers of models of tier `light` in this "
        "band, 90.0% of 4,000 from `heavy` on (+0.0 points, 95 % interval -1.3 to +1.3)"
    )
    assert proposed.effect == "saves about $0.001 per request"
    changed = apply(proposed.edits, seen.sources)["p.yaml"]
    assert changed == seen.sources["p.yaml"].replace(
        "min_tier: heavy }  # hard to say", "min_tier: light }  # hard to say"
    )
    assert list(suggestions(observed(changed, dict(seen.counted)))) == []


def test_bands_of_a_template_have_no_patch() -> None:
    text = HEAD + "complexity: { bands: three_tiers }\n"
    band = next(b.name for b in observed(text).policy.bands if b.min_tier)
    counted = {
        **judged("three", 4_000, 400, 2_000_000, band),
        **judged("one", 4_000, 400, 1_000_000, band),
    }
    (proposed,) = suggestions(observed(text, counted))
    assert proposed.edits == ()
