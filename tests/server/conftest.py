"""A router over simulated models, and its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router import Router
from policy_router.providers.simulated import Say, Simulated
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """\
version: 1
name: team
tiers: [light, heavy]
models:
  small:
    {{ model: openai/small, api_base: "{url}", via: direct, tier: light, price: free, context: 8k,
       tags: [local] }}
  big:
    model: openai/big
    api_base: "{url}"
    via: direct
    tier: heavy
    price: {{ input: $1/M, output: $2/M }}
    context: 128k
    can: [tools, json]
aliases:
  fast: [small]
  "gpt-*": [big]
tasks:
  chat: {{}}
  code: {{ min_tier: heavy }}
prefer: [free]
budgets: {{ all: {{ cap: unlimited }} }}
rules:
  - {{ name: private stays, when: {{ tags: private }}, only: [local] }}
  - {{ name: nobody, when: {{ tags: secret }}, deny: not with us }}
"""


@pytest.fixture
def provider() -> Iterator[Simulated]:
    """Two models that answer."""
    with Simulated({"small": Say("from small"), "big": Say("from big")}) as provider:
        yield provider


@pytest.fixture
def policy_file(tmp_path: Path, provider: Simulated) -> Path:
    """A policy for the two models."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(url=provider.url))
    return path


@pytest.fixture
def router(policy_file: Path) -> Iterator[Router]:
    """A router over the two models."""
    with Router.open(policy_file, watch="off") as router:
        yield router


@pytest.fixture
def address(router: Router) -> Iterator[str]:
    """The address of a server without keys."""
    with served(create_app(router, lifespan=closes(router))) as address:
        yield address
