"""A call that looks at the policy several times sees one, whatever is reloaded between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from policy_router.live.pinning import pinned
from policy_router.router.router import Router
from tests.execution.make import FakeCaller

if TYPE_CHECKING:
    from pathlib import Path

POLICY = "version: 1\nmodels: {{ {name}: {{ model: openai/m, tier: light, price: free }} }}\n"


def test_a_block_keeps_its_policy_and_what_outlives_it_does_not(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(name="old"))

    async def check() -> None:
        began, over = asyncio.Event(), asyncio.Event()

        async def outlive() -> list[str]:
            inside = router.policy.models[0].name
            began.set()
            await over.wait()
            return [inside, router.policy.models[0].name]

        with pinned(router) as policy:
            file.write_text(POLICY.format(name="new"))
            await asyncio.to_thread(router.reload)
            assert router.policy is policy
            assert other.policy.models[0].name == "old"
            assert router.status().revision != policy.revision
            task = asyncio.create_task(outlive())
            await began.wait()
            assert (await router.aroute()).candidates[0].name == "old"
        assert router.policy.models[0].name == "new"
        over.set()
        assert await task == ["old", "new"]

    options = {"caller": FakeCaller(), "watch": "off", "settle": 0.01, "settle_loss": 0.0}
    with Router.open(file, **options) as router, Router.open(file, **options) as other:  # type: ignore[arg-type]
        asyncio.run(check())
