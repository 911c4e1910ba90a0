"""Experiments in a policy: what is incomplete, and the last day."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from policy_router import PolicyError, load
from policy_router.language.document.experiments import ExperimentShape

TEXT = """\
version: 1
tiers: [light]
models:
  a: { model: openai/a, tier: light, price: free }
experiments:
  one: { EXPERIMENT }
"""


@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        ("first: [a]", "has no `share`"),
        ("share: 10%", "experiment"),
        ("share: 10%, first: [a], until: 2026-02-30", "is not a valid date"),
    ],
)
def test_what_is_incomplete_is_reported(experiment: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        load(text=TEXT.replace("EXPERIMENT", experiment))


def test_the_last_day_of_the_calendar_has_no_end() -> None:
    text = TEXT.replace("EXPERIMENT", "share: 10%, first: [a], until: 9999-12-31")
    (one,) = load(text=text).experiments
    assert one.ends is None
    (other,) = load(text=text.replace("9999-12-31", "2026-12-31")).experiments
    assert other.ends is not None


@pytest.mark.parametrize(
    "document", [{"share": "10%"}, {"first": ["a"]}, {"arms": {"a": {"share": "10%"}}}]
)
def test_the_document_refuses_what_the_schema_does(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ExperimentShape.model_validate(document)
