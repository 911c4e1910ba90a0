"""One model at several efforts is several models: in the order, in cooldowns, in what is shown."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from policy_router.catalog.table import Catalog
from policy_router.decision.decide import decide
from policy_router.domain.effort import USUAL_LEVELS
from policy_router.domain.fallback import Cooldown
from policy_router.domain.request import Request
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.views.decision import as_json, candidates

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  quick: { like: deep, tier: light, effort: none, quality: 0.5, can: [tools, reasoning] }
  deep: { model: acme/known, tier: heavy, price: free, effort: high, quality: 0.9, can: [tools] }
  plain: { like: deep, effort: low, price: { input: $1/M, output: $1/M } }
budgets: { all: { cap: unlimited } }
"""
TABLE = Catalog(
    {"acme/known": {"litellm_provider": "acme", "mode": "chat", "supports_reasoning": True,
                    "supports_xhigh_reasoning_effort": True}},
    frozenset({"acme"}),
    "made up",
)  # fmt: skip
POLICY = compile_files([PolicyFile("p.yaml", TEXT.encode())], TABLE).policy


def test_each_effort_has_its_place() -> None:
    assert POLICY is not None
    decision = decide(POLICY, Request(prefer=("quality",)))
    assert [c.name for c in decision.candidates] == ["deep", "plain", "quick"]
    shown = as_json(decision, ZoneInfo("UTC"))["candidates"]
    assert isinstance(shown, list)
    assert [each["effort"] for each in shown] == ["high", "low", "none"]
    assert {each["calls"] for each in shown} == {"acme/known"}
    assert "deep, effort high" in str(candidates(decision, ZoneInfo("UTC")))


def test_an_effort_gives_and_takes_the_ability_to_reason() -> None:
    assert POLICY is not None
    assert POLICY.model("deep").abilities == {"tools", "reasoning"}
    assert POLICY.model("quick").abilities == {"tools"}
    names = [c.name for c in decide(POLICY, Request(needs=frozenset({"reasoning"}))).candidates]
    assert names == ["deep", "plain"]


def test_the_table_says_which_levels_a_model_has() -> None:
    assert POLICY is not None
    assert POLICY.model("deep").effort_levels == USUAL_LEVELS | {"xhigh"}


def test_a_failure_of_one_effort_is_not_one_of_another() -> None:
    assert POLICY is not None
    deep, plain = POLICY.model("deep"), POLICY.model("plain")
    cooldowns = Cooldowns(lambda: 100.0, environment=lambda _: "k")
    cooldowns.failed(deep, Failure(FailureKind.TIMEOUT, ""), Cooldown(1, 60, 15))
    assert cooldowns.until(deep, 100.0) is not None
    assert cooldowns.until(plain, 100.0) is None
    cooldowns.failed(deep, Failure(FailureKind.CREDENTIAL, "", certain=True), Cooldown(9, 60, 15))
    assert cooldowns.until(plain, 100.0) is not None
