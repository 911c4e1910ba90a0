"""A server that watches the sources of models: its page, its metrics, its alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from policy_router.server.plan import ServePlan
from policy_router.server.readiness import Readiness
from policy_router.server.worker import application_of
from tests.discovery.sim import simulated
from tests.observe.test_alerts import webhook
from tests.server.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEXT = """\
version: 1
models:
  here: {{ model: ollama_chat/llama9, api_base: "{root}/ollama", tier: t, price: free }}
discovery: {{ sources: [ollama], every: 1h }}
alerts: {{ webhook_env: HOOK }}
"""
DELIVERED = 'policy_router_alerts_total{kind="offer",result="delivered"} 1.0'


def test_a_server_tells_what_differs_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "policy.yaml"
    with simulated() as sources, webhook(200) as (hook, got):
        monkeypatch.setenv("HOOK", hook)
        file.write_text(TEXT.format(root=sources.root))
        before = file.read_bytes()
        plan = ServePlan(str(file), "memory://")
        with served(application_of(plan, Readiness())) as address:
            page = metrics = ""
            for _ in range(200):
                page = httpx.get(f"{address}/ui/models", timeout=60).text
                metrics = httpx.get(f"{address}/metrics", timeout=60).text
                if "is not offered" in page and DELIVERED in metrics:
                    break
            reloads = httpx.get(f"{address}/ui/reloads").text
    assert DELIVERED in metrics
    assert 'policy_router_offer_changes_total{kind="gone"} 1.0' in metrics
    assert "ollama qwen2.5-coder:14b" in page
    assert "qwen2.5-coder:14b" in reloads
    (alert,) = (body["text"] for _, body in got)
    told = "model `here` is no longer offered: `llama9` is not offered by ollama at"
    assert alert == f"policy-router, policy `policy`: {told} {sources.root}/ollama"
    assert file.read_bytes() == before


def test_only_one_of_several_processes_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "policy.yaml"
    with simulated() as sources:
        file.write_text(TEXT.format(root=sources.root))
        plan = ServePlan(str(file), "memory://", leads=False)
        with served(application_of(plan, Readiness())) as address:
            page = httpx.get(f"{address}/ui/models").text
        assert "was not asked so far" in page
        assert sources.asked == []
