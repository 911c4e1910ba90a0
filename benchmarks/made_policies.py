"""Policies and requests made up for measuring: of any size, the same each run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

TASKS = ("code", "refactor", "extract", "summarize", "translate", "math", "analysis", "chat")
BANDS = ("trivial", "simple", "moderate", "complex", "expert")
TAGS = tuple(f"tag-{i}" for i in range(20))
PLANS = ("free", "pro", "enterprise")
REGIONS = ("eu-west", "eu-north", "us-east", "us-west", "ap-south")
TIERS = ("light", "standard", "heavy")


@dataclass(frozen=True)
class Made:
    """text: the policy file. conditions: the rules' conditions as expressions."""

    text: str
    conditions: tuple[str, ...]
    models: tuple[str, ...] = field(default=())


def made_policy(rules: int, models: int, seed: int = 1) -> Made:
    """A policy file of so many rules and models; two to four tests a rule."""
    rng = random.Random(seed)
    names = tuple(f"model-{i}" for i in range(models))
    conditions = tuple(_condition(rng) for _ in range(rules))
    document = {
        "version": 1,
        "attributes": {"plan": list(PLANS), "region": "string", "internal": "bool"},
        "tiers": list(TIERS),
        "models": {name: _model(rng, i) for i, name in enumerate(names)},
        "tasks": {task: {"min_tier": rng.choice(TIERS), "keywords": [task]} for task in TASKS[:-1]}
        | {"chat": {}},
        "complexity": {
            "bands": {
                band: {"from": i / 5, "min_tier": TIERS[min(2, i // 2)]}
                for i, band in enumerate(BANDS)
            }
        },
        "prefer": ["free", "smallest", "cheapest"],
        "budgets": {"all": {"cap": "unlimited"}},
        "rules": [
            {"name": f"rule {i}", "when": condition, **_action(rng, names)}
            for i, condition in enumerate(conditions)
        ],
    }
    return Made(yaml.safe_dump(document, sort_keys=False), conditions, names)


def made_request(rng: random.Random) -> dict[str, object]:
    """The facts of one request, as keyword arguments of Request."""
    attributes = {
        "plan": rng.choice(PLANS),
        "region": rng.choice(REGIONS),
        "internal": rng.random() < 0.2,
    }
    return {
        "task": rng.choice(TASKS),
        "complexity": rng.choice(BANDS),
        "tokens": rng.randrange(1, 60_000),
        "tags": frozenset(rng.sample(TAGS, rng.randrange(0, 3))),
        "user": f"{rng.choice('abcdef')}{rng.randrange(500)}",
        "team": f"team-{rng.randrange(30)}",
        "tenant": f"tenant-{rng.randrange(40)}",
        "stream": rng.random() < 0.5,
        "attributes": attributes,
    }


def _model(rng: random.Random, i: int) -> dict[str, object]:
    price: object = "free" if i % 5 == 0 else _price(rng)
    return {
        "model": f"hosted_vllm/made-{i}",
        "tier": TIERS[i % 3],
        "price": price,
        "context": rng.choice(("8k", "32k", "128k", "1M")),
        "tags": rng.sample(("local", "eu", "us", "fast"), 2),
        "can": rng.sample(("tools", "json", "vision"), 2),
    }


def _price(rng: random.Random) -> dict[str, str]:
    dollars = rng.randrange(5, 500) / 100
    return {"input": f"${dollars:.2f}/M", "output": f"${dollars * rng.randrange(2, 6):.2f}/M"}


def _condition(rng: random.Random) -> str:
    """Four of five rules are some team's, tenant's or group of users' own, as in the policy of a
    large organisation; the others hold for everybody."""
    scopes: list[Callable[[], str]] = [
        lambda: f"team == 'team-{rng.randrange(30)}'",
        lambda: f"tenant == 'tenant-{rng.randrange(40)}'",
        lambda: f"user.startswith('{rng.choice('abcdef')}{rng.randrange(10)}')",
    ]
    tests: list[Callable[[], str]] = [
        lambda: f"task == '{rng.choice(TASKS)}'",
        lambda: f"complexity in ['{rng.choice(BANDS)}', '{rng.choice(BANDS)}']",
        lambda: f"tokens > {rng.randrange(100, 50_000)}",
        lambda: f"tokens <= {rng.randrange(100, 50_000)}",
        lambda: f"'{rng.choice(TAGS)}' in tags",
        lambda: f"'{rng.choice(TAGS)}' not in tags",
        lambda: f"plan == '{rng.choice(PLANS)}'",
        lambda: f"region == '{rng.choice(REGIONS)}'",
        lambda: "internal",
        lambda: "not stream",
    ]
    if rng.random() < 0.8:
        chosen = [rng.choice(scopes)(), *(t() for t in rng.sample(tests, rng.randrange(1, 4)))]
    else:
        chosen = [t() for t in rng.sample(tests, rng.randrange(3, 5))]
    if len(chosen) > 2 and rng.random() < 0.3:
        return f"({chosen[1]} or {chosen[2]}) and " + " and ".join([chosen[0], *chosen[3:]])
    return " and ".join(chosen)


def _action(rng: random.Random, names: tuple[str, ...]) -> dict[str, object]:
    kind = rng.randrange(10)
    if kind < 6:
        return {"avoid": rng.sample(names, min(len(names) - 1, rng.randrange(1, 4)))}
    if kind == 6:
        return {"only": ["local", "eu", rng.choice(names)]}
    if kind == 7:
        return {"min_tier": rng.choice(TIERS[1:])}
    return {"first": rng.sample(names, min(len(names), 2))}
