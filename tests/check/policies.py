"""Small policies for the tests of `check`: snippets completed, and what is found in them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from policy_router.catalog.table import Catalog
from policy_router.check.report import inspect
from policy_router.diagnostics import Severity
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.check.report import Report
    from policy_router.decision.policy import Policy

TODAY: Final = date(2026, 6, 1)
# Rows as LiteLLM's table has them, so that these tests do not change when that table does.
TABLE: Final = Catalog(
    {
        "gpt-4o": {
            "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128_000,
            "max_output_tokens": 16_384, "supports_function_calling": True,
            "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
        },
        "o9": {
            "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128_000,
            "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
            "supports_reasoning": True,
        },
        "gpt-4o-mini": {
            "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128_000,
            "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
        },
        "groq/llama-guard-3-8b": {
            "litellm_provider": "groq", "mode": "chat", "max_input_tokens": 8192,
            "input_cost_per_token": 2e-07, "output_cost_per_token": 2e-07,
            "deprecation_date": "2025-06-06",
        },
        "azure/gpt-4-0613": {
            "litellm_provider": "azure", "mode": "chat", "max_input_tokens": 8192,
            "input_cost_per_token": 3e-05, "output_cost_per_token": 6e-05,
            "deprecation_date": "2025-06-06",
        },
        "gemini/gemini-exp-1206": {
            "litellm_provider": "gemini", "mode": "chat", "max_input_tokens": 2_097_152,
            "input_cost_per_token": 0, "output_cost_per_token": 0,
        },
    },
    frozenset({
        "openai", "anthropic", "openrouter", "groq", "gemini", "azure", "ollama", "ollama_chat",
        "hosted_vllm", "lm_studio", "custom_openai", "together_ai", "vertex_ai", "vertex_ai_beta",
        "modelscope", "nano-gpt",
    }),
    "test",
)  # fmt: skip
BASE: Final = {
    "version": "version: 1",
    "tiers": "tiers: [light, heavy]",
    "models": """models:
  local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: openai/gpt-4o, tier: heavy }""",
    "budgets": "budgets: { all: { cap: unlimited } }",
}


def complete(snippet: str) -> str:
    """The snippet, with the sections that every policy needs put before it."""
    said = set(re.findall(r"^([a-z]+):", snippet, re.MULTILINE))
    return "\n".join([*(text for name, text in BASE.items() if name not in said), snippet])


def look(snippet: str, today: date = TODAY) -> Report:
    """The report on a completed snippet."""
    return inspect([PolicyFile("p.yaml", complete(snippet).encode())], today=today, table=TABLE)


def rules_found(snippet: str, today: date = TODAY) -> list[str]:
    """The rules that find something in a completed snippet: errors and warnings, no notes."""
    return [d.rule for d in look(snippet, today).findings]


def policy_of(text: str) -> Policy:
    """The policy that a whole text means; its promises may be broken."""
    report = inspect([PolicyFile("p.yaml", text.encode())], today=TODAY, table=TABLE)
    assert report.decidable is not None, report.diagnostics
    return report.decidable


def errors(report: Report) -> list[str]:
    """What makes the policy of a report unusable."""
    return [f"{d.rule}: {d.message}" for d in report.findings if d.severity is Severity.ERROR]
