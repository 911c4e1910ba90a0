"""The keys of the JSON documents, which programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from policy_router import Request, decide, load
from policy_router.check import manual
from policy_router.check.report import inspect_path
from policy_router.diagnostics import Severity
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import AllModelsFailedError, NoCandidateError
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.router.explanation import explain
from policy_router.views import (
    answer,
    audit,
    decision,
    diagnoses,
    explanation,
    findings,
    rules,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = Path(__file__).parents[1] / "cli" / "cases"
TEAM = load(CASES / "team.yaml")
UTC = ZoneInfo("UTC")
MADE = decide(TEAM, Request(tags=frozenset({"private"})), Snapshot(now=0.0))


def checked() -> dict[str, Any]:
    path = CASES / "doubtful.yaml"
    return findings.as_json({path: inspect_path(path)})


def page() -> dict[str, Any]:
    dead_rule = manual.page("dead-rule")
    assert dead_rule is not None
    return rules.as_json(dead_rule)


DOCUMENTS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "decision": (
        lambda: decision.as_json(MADE, UTC),
        (
            "revision task confidence complexity score denied invalid candidates skipped rules "
            "shadow session arms learned"
        ),
    ),
    "explanation": (
        lambda: explanation.as_json(explain(TEAM, MADE, Snapshot(now=0.0)), "team.yaml"),
        (
            "revision task confidence complexity score denied invalid candidates skipped rules "
            "shadow session arms learned policy facts asked_for task_from classification "
            "rated_by floor prefer counters trace accept "
            "barred"
        ),
    ),
    "refusal": (
        lambda: answer.refusal_as_json(TEAM, NoCandidateError(MADE)),
        "model attempts decision refused answer",
    ),
    "failure": (
        lambda: answer.failure_as_json(TEAM, AllModelsFailedError(MADE)),
        "model attempts decision answer",
    ),
    "findings": (checked, "policy policies files findings notes omitted"),
    "diagnoses": (lambda: diagnoses.as_json(None, []), "state findings"),
    "audit": (lambda: audit.as_json("memory", 0, (), None), "state counters lost differences"),
    "rules": (lambda: rules.list_as_json([]), "rules"),
    "rule": (page, "name summary text bad good"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_these_keys(name: str) -> None:
    made, keys = DOCUMENTS[name]
    document = made()
    assert sorted(document) == sorted(["schema_version", *keys.split()])
    assert document["schema_version"] == 1


def test_a_model_in_and_a_model_out_have_these_keys() -> None:
    document: dict[str, Any] = decision.as_json(MADE, UTC)
    assert list(document["candidates"][0]) == [
        "model", "calls", "tier", "free", "cost_usd", "price_until", "placed_by", "why",
    ]  # fmt: skip
    assert list(document["skipped"][0]) == ["model", "reason", "detail", "until", "at"]


def test_one_model_of_an_explanation_keeps_its_rank() -> None:
    explained = explain(TEAM, MADE, Snapshot(now=0.0))
    document: dict[str, Any] = explanation.as_json(explained, "team.yaml", "big")
    assert [(row["rank"], row["model"]) for row in document["candidates"]] == [(2, "big")]
    assert document["skipped"] == []


def test_a_diagnosis_has_these_keys() -> None:
    found = Diagnosis("clock", Severity.WARNING, "fast", "set it")
    document: dict[str, Any] = diagnoses.as_json("memory", [found])
    assert document["findings"] == [
        {"subject": "clock", "level": "warning", "text": "fast", "help": "set it"}
    ]
