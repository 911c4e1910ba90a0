"""band-too-low: when it is suggested, and when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.outcome import Role
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.language.write.text_edit import apply
from policy_router.suggestions.band_too_low import suggestions
from tests.suggestions.make import HEAD, calls, observed

if TYPE_CHECKING:
    from policy_router.experience.counts import OutcomeCounts

BANDS = """\
complexity:
  bands:
    easy: { from: 0.0 }  # most of them
    hard: { from: 0.6, min_tier: heavy }
"""


def in_band(band: str, counted: dict[OutcomeKey, OutcomeCounts]) -> dict[OutcomeKey, OutcomeCounts]:
    return {
        OutcomeKey(Node("", "", "", band), key.model, key.role): row for key, row in counted.items()
    }


def asked(first: int, rejected: int, again: int, bad: int = 0) -> dict[OutcomeKey, OutcomeCounts]:
    """First calls of `one`, and after rejected answers calls of `three`."""
    after = calls("three", again, bad, role=Role.AFTER_REJECTION, cost=2_000_000)
    return calls("one", first, rejected, cost=1_000_000) | after


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (in_band("easy", asked(200, 80, 80)), ["raise `min_tier` of band `easy` to `heavy`"]),
        (in_band("easy", asked(200, 60, 60)), []),
        (in_band("easy", asked(20, 15, 15)), []),
        (in_band("easy", asked(200, 80, 10)), []),
        (in_band("easy", asked(200, 80, 80, 40)), []),
        (in_band("hard", asked(200, 80, 80)), []),
        (in_band("easy", calls("three", 200, 80)), []),
        (in_band("easy", calls("one", 200, 80)), []),
        ({}, []),
    ],
)
def test_many_escalations_suggest(counted: Any, expected: list[str]) -> None:
    assert [each.sentence for each in suggestions(observed(HEAD + BANDS, counted))] == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ from: 0.0 }  # most", "{ min_tier: heavy, from: 0.0 }  # most"),
        ("{ from: 0.0, min_tier: light }  # most", "{ from: 0.0, min_tier: heavy }  # most"),
        ("\n      from: 0.0\n  # most", "\n      min_tier: heavy\n      from: 0.0\n  # most"),
    ],
)
def test_the_patch_only_raises_the_floor(before: str, after: str) -> None:
    text = HEAD + BANDS.replace("{ from: 0.0 }  # most", before)
    counted = in_band("easy", asked(200, 80, 80))
    seen = observed(text, counted)
    (proposed,) = suggestions(seen)
    changed = apply(proposed.edits, seen.sources)["p.yaml"]
    assert changed == text.replace(before, after)
    assert list(suggestions(observed(changed, counted))) == []
    assert proposed.effect == "such a request costs about $0.002 on average, not $0.0018 as now"


def test_bands_of_a_template_have_no_patch() -> None:
    text = HEAD + "complexity: { bands: three_tiers }\n"
    lowest = observed(text).policy.bands[0].name
    (proposed,) = suggestions(observed(text, in_band(lowest, asked(200, 80, 80))))
    assert proposed.edits == ()


def test_a_floor_without_effect_is_not_written() -> None:
    text = HEAD + BANDS + "rules: [{ name: small only, only: [one, two] }]\n"
    (proposed,) = suggestions(observed(text, in_band("easy", asked(200, 80, 80))))
    assert proposed.edits == ()
