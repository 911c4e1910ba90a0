"""Whether a policy, its models and its state store can be used."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from policy_router.base_errors import UsageError
from policy_router.check.report import inspect_path
from policy_router.diagnostics import Severity
from policy_router.ledger.memory import MemoryStore
from policy_router.reports.health import examine

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
version: 1
name: team
models:
  # Not in LiteLLM's table, which warns of the end of models that are.
  big:
    model: openai/team-model
    tier: heavy
    api_key_env: BIG_KEY
    context: 32k
    price: { input: $1/M, output: $2/M }
budgets: { all: { cap: $5/day } }
"""


@dataclass(frozen=True, slots=True)
class InMemory:
    """A store in memory, which has no data to lose."""

    url: str = "memory://"

    def open_to_repair(self) -> aclosing[MemoryStore]:
        return aclosing(MemoryStore())

    def __str__(self) -> str:
        return self.url


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_the_policy_the_keys_and_the_store_are_examined(policy: Path) -> None:
    diagnoses = asyncio.run(examine(inspect_path(policy), policy, InMemory(), {}))
    assert [(d.subject, d.level) for d in diagnoses] == [
        ("policy", Severity.NOTE),
        ("key", Severity.WARNING),
        ("state", Severity.NOTE),
        ("memory", Severity.WARNING),
    ]


def test_without_an_address_the_store_is_not_examined(policy: Path) -> None:
    *_, last = asyncio.run(examine(inspect_path(policy), policy, None, {"BIG_KEY": "x"}, fix=True))
    assert (last.subject, last.text) == (
        "state",
        "not checked: its address is unknown without a policy",
    )


def test_an_invalid_address_is_an_error(policy: Path) -> None:
    with pytest.raises(UsageError):
        asyncio.run(examine(inspect_path(policy), policy, InMemory("nowhere://x"), {}))


def test_without_a_loss_there_is_nothing_to_accept(policy: Path) -> None:
    report = inspect_path(policy)
    diagnoses = asyncio.run(examine(report, policy, InMemory(), {}, accept_loss=True))
    assert "no data was lost: nothing to accept" in [d.text for d in diagnoses]
