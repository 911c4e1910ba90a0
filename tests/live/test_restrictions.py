"""What a policy lost against the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router import Router, load
from policy_router.live.reload import Live
from policy_router.live.restrictions import lost_restrictions
from tests.live.stage import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.decision.policy import Policy

HEAD = """\
version: 1
tiers: [small, large]
models:
  near: { model: ollama_chat/near, tier: small, price: free, context: 8k, tags: [local] }
  far: { model: openai/far, tier: large, price: free, context: 8k }
"""
FULL = (
    HEAD
    + """\
complexity: { bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: large } } }
tasks:
  code: { min_tier: large, accept: { not_empty: true } }
  form: { use: [near], max_price: $1/M }
  talk: {}
limits: { l: { requests: [5/day], tokens: [5k/day] } }
budgets: { b: { cap: $1/day } }
rules:
  - { name: private, when: { tags: private }, only: [local], needs: [tools] }
  - { name: closed, when: { tags: closed }, deny: not now }
  - { name: low, when: { tags: low }, avoid: [far], accept: { json: true } }
  - { name: high, when: { tags: high }, min_tier: large }
  - { name: good, when: { tags: good }, min_quality: 0.1, max_cost: $1 }
"""
)


def policy(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return load(file)


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (FULL, FULL, set()),
        ("only: [local], ", "avoid: [far], ", {"`only` of rule `private`"}),
        (", needs: [tools]", "", {"`needs: tools` of rule `private`"}),
        ("name: closed", "name: shut", {"`deny` of rule `closed`"}),
        ("avoid: [far], ", "", {"`avoid: far` of rule `low`"}),
        (", accept: { json: true }", "", {"`accept` of rule `low`"}),
        ("min_tier: large }\n", "first: [far] }\n", {"`min_tier` of rule `high`"}),
        (", min_tier: large } } }", " } } }", {"`min_tier` of band `hard`"}),
        ("min_tier: large, accept", "accept", {"`min_tier` of task `code`"}),
        (", accept: { not_empty: true }", "", {"`accept` of task `code`"}),
        (", max_cost: $1", "", {"`max_cost` of rule `good`"}),
        ("max_cost: $1 }", "max_cost: $2 }", set()),  # looser, but there
        (
            "only: [local], needs: [tools]",
            "only: [local], needs: [tools], shadow: true",
            {"`only` of rule `private`", "`needs: tools` of rule `private`"},
        ),
        ("use: [near], ", "", {"`use` of task `form`"}),
        (", max_price: $1/M", "", {"`max_price` of task `form`"}),
        (", tokens: [5k/day]", "", {"`limits.l` (tokens)"}),
        ("budgets: { b: { cap: $1/day } }\n", "", {"`budgets.b` (usd)"}),
        ("far: { model", "farther: { model", set()),  # what it was about is gone
        ("cap: $1/day", "cap: $100/day", set()),  # looser, but there
        ("only: [local]", "only: [local, far]", set()),
    ],
)
def test_what_is_lost(tmp_path: Path, old: str, new: str, lost: set[str]) -> None:
    before = policy(tmp_path, FULL)
    changed = FULL.replace(old, new) if old != FULL else new
    if "farther" in changed:
        changed = changed.replace("[far]", "[farther]")
    after = policy(tmp_path, changed)
    assert lost_restrictions(before, after) == lost


def test_a_router_waits_when_a_rule_is_missing(tmp_path: Path) -> None:
    """Also where the file became longer and nobody has it open: written in two goes."""
    file = tmp_path / "p.yaml"
    rule = "rules: [{ name: private, when: { tags: private }, only: [local] }]\n"
    file.write_text(HEAD + rule)
    with Router.open(tmp_path, interval=0.05, settle=0.05, settle_loss=600.0) as router:
        file.write_text(HEAD + "# a long comment\n" * 20)
        live = router._source
        assert isinstance(live, Live)
        assert eventually(lambda: live._pending is not None)
        assert [r.name for r in router.policy.rules] == ["private"]
        with file.open("a") as rest:
            rest.write(rule)
        assert eventually(lambda: router.status().digest == router.status().attempted)
        assert eventually(lambda: len(next(iter(live.current.sources.values()))) > 500)
        assert [r.name for r in router.policy.rules] == ["private"]
