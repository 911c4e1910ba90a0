"""Promises hold for whatever clients send to a server, and the runs catch what would break them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from policy_router.events import Event, ReloadRefused
from tests.proofs.served import seeded
from tests.proofs.served.calls import CHAT, EMBEDDINGS, MESSAGES
from tests.proofs.served.policies import policy_text
from tests.proofs.served.world import ADMIN, Places, places, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

SEEDS = 24
"""Runs in which a defect has to show."""


@pytest.fixture(scope="module")
def at() -> Iterator[Places]:
    with places() as listening:
        yield listening


def test_private_text_stays_and_operators_read_none(at: Places) -> None:
    runs = [run(at, seed) for seed in range(3)]
    assert not any(each.broken for each in runs), runs
    # What was sent reached models of both kinds, in every dialect, and met changes of the policy.
    assert all(each.near and each.far and each.statuses[200] > 10 for each in runs)
    paths = {path for each in runs for path in each.paths}
    assert {path.encode() for path in (CHAT, MESSAGES, EMBEDDINGS)} <= paths
    used, refused = (sum(each.reloads[i] for each in runs) for i in (0, 1))
    assert used
    assert refused


@pytest.mark.parametrize("defect", seeded.SEEDED)
def test_a_defect_of_the_server_is_caught(
    defect: str, at: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded.SEEDED[defect](monkeypatch)
    assert any(run(at, seed).leaks for seed in range(SEEDS))


def test_a_reload_that_breaks_a_promise_is_refused_under_load(at: Places, tmp_path: Path) -> None:
    events: list[Event] = []
    at.near.faults = at.far.faults = 0
    at.far.received.clear()

    def ask(client: httpx.Client, tag: str) -> str:
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": f"SECRET-1-1-{'a' * 16} {tag}"}],
            "metadata": {"tags": [tag]},
        }
        answer = client.post(CHAT, json=body, headers={"authorization": "Bearer pr-plain"})
        assert answer.status_code == 200, answer.text
        return answer.headers["x-policy-router-policy"]

    with serving(at, tmp_path, events.append) as (client, router):
        revision = router.policy.revision
        with ThreadPoolExecutor(4) as threads:
            policies = [threads.submit(ask, client, "private") for _ in range(40)]
            (tmp_path / "policy.yaml").write_text(
                policy_text(at.near.root, at.far.root, broken=True)
            )
            refused = client.post("/-/reload", headers=ADMIN)
            policies += [threads.submit(ask, client, "private") for _ in range(20)]
            served = {policy.result() for policy in policies}
        metrics = client.get("/metrics", headers=ADMIN).text
        reloads, promises = (
            client.get(f"/ui/{panel}", headers=ADMIN).text for panel in ("reloads", "promises")
        )
        assert router.policy.revision == revision
    assert refused.status_code == 422
    assert "a tag never leaves" in refused.text
    assert served == {f"clinic@{revision[:7]}"}
    assert not at.far.marks()
    assert [type(event) for event in events if isinstance(event, ReloadRefused)] == [ReloadRefused]
    assert 'policy_router_policy_reloads_total{result="refused"} 1.0' in metrics
    assert "a tag never leaves" in reloads
    assert "proved" in promises
