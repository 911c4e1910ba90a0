"""A policy of two models behind one simulated provider, for tests that call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.providers.simulated import Simulated

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small:
    model: openai/small
    api_base: "{url}"
    tier: light
    price: free
    context: 8k
    tags: [local]
  big:
    model: openai/big
    api_base: "{url}"
    tier: heavy
    price: {{ input: $1/M, output: $2/M }}
    context: 128k
    can: [tools, json]
prefer: {prefer}
budgets: {{ all: {{ cap: unlimited }} }}
rules:
  - {{ name: private stays, when: {{ tags: private }}, only: [local] }}
  - {{ name: nobody, when: {{ tags: secret }}, deny: not with us }}
"""


def write(folder: Path, provider: Simulated, prefer: str = "[free]") -> Path:
    """The policy as a file whose models are at the provider."""
    path = folder / "policy.yaml"
    path.write_text(POLICY.format(url=provider.url, prefer=prefer))
    return path
