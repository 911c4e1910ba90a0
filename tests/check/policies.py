"""Small policies for the tests of `check`: snippets completed, and what is found in them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from policy_router.check.report import inspect
from policy_router.diagnostics import Severity
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.check.report import Report

TODAY: Final = date(2026, 6, 1)
BASE: Final = {
    "version": "version: 1",
    "tiers": "tiers: [light, heavy]",
    "models": """models:
  local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: openai/gpt-4o, tier: heavy }""",
}


def complete(snippet: str) -> str:
    """The snippet, with the sections that every policy needs put before it."""
    said = set(re.findall(r"^([a-z]+):", snippet, re.MULTILINE))
    return "\n".join([*(text for name, text in BASE.items() if name not in said), snippet])


def look(snippet: str, today: date = TODAY) -> Report:
    """The report on a completed snippet."""
    return inspect([PolicyFile("p.yaml", complete(snippet).encode())], today=today)


def rules_found(snippet: str, today: date = TODAY) -> list[str]:
    """The rules that find something in a completed snippet: errors and warnings, no notes."""
    return [d.rule for d in look(snippet, today).findings]


def errors(report: Report) -> list[str]:
    """What makes the policy of a report unusable."""
    return [f"{d.rule}: {d.message}" for d in report.findings if d.severity is Severity.ERROR]
