"""The section `sessions`, compiled."""

from __future__ import annotations

import pytest

from policy_router import load
from policy_router.domain.sessions import Keep, Sessions

POLICY = """\
version: 1
tiers: [light]
models: { a: { model: ollama_chat/q, tier: light, price: free, context: 8k } }
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", Sessions(Keep.OFF, 3600.0)),
        ("sessions: {}", Sessions(Keep.OFF, 3600.0)),
        ("sessions: { for: 5m }", Sessions(Keep.OFF, 300.0)),
        ("sessions: { keep: off }", Sessions(Keep.OFF, 3600.0)),
        ("sessions: { keep: model }", Sessions(Keep.MODEL, 3600.0)),
        ("sessions: { keep: tier, for: 90m }", Sessions(Keep.TIER, 5400.0)),
    ],
)
def test_what_is_not_written_has_its_default(written: str, expected: Sessions) -> None:
    assert load(text=POLICY + written).sessions == expected


def test_a_changed_meaning_is_another_revision() -> None:
    revisions = {
        load(text=f"{POLICY}sessions: {{ keep: {keep}, for: {lasts} }}").revision
        for keep in ("model", "tier")
        for lasts in ("1h", "2h")
    }
    assert len(revisions) == 4
    same = load(text=f"{POLICY}sessions: {{ keep: tier, for: 60m }}").revision
    assert same in revisions
