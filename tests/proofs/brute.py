"""The truth about small policies by trying requests on both sides of every constant.

It knows nothing of cells and boxes: the values come from the constants of the conditions, the
contexts of the models and what a rule lets a request cost, and `tests.static_set` says which models
a request may get.
"""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.condition import Op, Test, tests_of
from policy_router.domain.facts import FactType
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from tests.generate import USERS, asked_of
from tests.reference import _asked_for, holds, vector
from tests.static_set import LAYERS, Question, static_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition

Trial = tuple[Request, float | None]
"""A request, and the time of its decision."""

MONDAY: Final = 1_700_434_800.0
"""Midnight of a Monday in Berlin."""
HOURS: Final = (0, 1, 4, 5, 6, 12, 23)
NEEDS: Final = {"has_tools": "tools", "has_images": "vision", "wants_json": "json"}
FIELDS: Final = frozenset({
    "task", "tokens", "max_tokens", "user", "team", "tenant", "key", "stream", "language", "model",
    "session", "client", "subagent", "housekeeping", "turn", "tool_errors",
})  # fmt: skip


def trials(policy: Policy, when: Condition | None, most: int, seed: int = 0) -> Iterator[Trial]:
    """Requests that tell apart all that the conditions do; a sample where they are too many."""
    axes = _axes(policy, when)
    names = sorted(axes)
    count = 1
    for name in names:
        count *= len(axes[name])
    chance = random.Random(seed)  # noqa: S311  it has to be repeatable
    chosen: Iterator[Sequence[Any]] = product(*(axes[name] for name in names))
    if count > most:
        chosen = (
            tuple(chance.choice(axes[name]) for name in names) for _ in range(most)
        )  # fmt: skip
    for values in chosen:
        yield from _requests(policy, dict(zip(names, values, strict=True)))


def _axes(policy: Policy, when: Condition | None) -> dict[str, list[Any]]:
    """The values to try for each fact that a condition reads."""
    conditions = [when, *(r.when for r in policy.rules), *(m.when for m in policy.limits)]
    conditions += [prompt.when for prompt in policy.prompts]
    tests = [test for each in conditions if each is not None for test in tests_of(each.tree)]
    axes: dict[str, list[Any]] = {}
    for test in tests:
        fact = policy.vocabulary.facts[test.fact]
        name = "score" if fact.name == "complexity" else fact.name
        values = axes.setdefault(name, _absent(name, optional=fact.optional))
        values += [v for v in _values(policy, test) if v not in values]
    for name in ("task", "tokens", "score"):
        fact = policy.vocabulary.facts[policy.vocabulary.by_name[name]]
        axes.setdefault(name, _absent(name, optional=fact.optional))
    if "model" in axes:  # any other name makes a request invalid
        axes["model"] = [n for n in axes["model"] if n is None or policy.models_asked_for(n)]
        axes["model"] += asked_of(policy)
    axes["task"] = [None, *(task.name for task in policy.tasks)]
    axes["score"] += [band.start for band in policy.bands]
    sizes = {m.context for m in policy.models if m.context is not None}
    axes["tokens"] += [size + more for size in sizes for more in (0, 1)]
    return {name: list(dict.fromkeys(values)) for name, values in axes.items()}


def _absent(name: str, *, optional: bool) -> list[Any]:
    if name in ("tags", "detected"):
        return [frozenset()]
    if name in ("tokens", "tool_errors"):
        return [0]
    return [None] if optional else []


def _values(policy: Policy, test: Test) -> list[Any]:
    fact = policy.vocabulary.facts[test.fact]
    match fact.kind:
        case FactType.BOOL:
            return [False, True]
        case FactType.SET:
            return [frozenset(), frozenset(map(str, test.values))]
        case FactType.ENUM if fact.name == "complexity":
            starts = [band.start for band in policy.bands]
            return [*starts, 1.0]
        case FactType.ENUM:
            return list(fact.values)
        case FactType.STRING:
            if test.op is Op.STARTS:
                return [str(test.values[0]) + end for end in ("", "x", "zz")]
            if test.op is Op.MATCHES:  # "another" matches none of the patterns that are generated
                return [*USERS, "another"]
            return [*test.values, "another"]
    step = 1 if fact.integer else 0.1
    around = [float(v) + more for v in test.values for more in (-step, 0, step)]
    kept = [v for v in around if fact.low is None or v >= fact.low]
    kept = [v for v in kept if fact.high is None or v <= fact.high]
    return [int(v) if fact.integer else v for v in kept]


def _requests(policy: Policy, values: dict[str, Any]) -> Iterator[Trial]:
    fields: dict[str, Any] = {n: v for n, v in values.items() if n in FIELDS and v is not None}
    declared = policy.vocabulary.attributes
    fields["attributes"] = {n: v for n, v in values.items() if n in declared and v is not None}
    for name in ("tags", "detected"):
        fields[name] = values.get(name, frozenset())
    fields["complexity"] = values.get("score")
    fields["needs"] = frozenset(ability for n, ability in NEEDS.items() if values.get(n))
    now = None
    if values.get("hour") is not None or values.get("weekday") is not None:
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        day = days.index(values.get("weekday") or "mon")
        now = MONDAY + 86_400 * day + 3600 * (values.get("hour") or 0)
    yield Request(**fields), now
    if "max_tokens" not in fields:
        yield Request(**fields, max_tokens=1), now
    embeds = {**fields, "needs": frozenset({*fields["needs"], "embeddings"})}
    yield Request(**embeds, answers=0, largest_input=0), now


def reached(policy: Policy, when: Condition | None, most: int) -> tuple[set[str], int]:
    """Names of the models that one of the requests gets, and how many requests meet the
    condition."""
    names: set[str] = set()
    count = 0
    for request, now in trials(policy, when, most):
        facts = vector(policy, request, Snapshot(now=now))[3]
        if when is None or holds(when.tree, facts):
            count += 1
            names |= static_set(policy, request, now) & _asked_for(policy, request.model).keys()
    return names, count


OWN: Final = (
    "not denied", "only and avoid", "use", "floors without stepping down", "criteria",
    "a budget and a price",
)  # fmt: skip
"""What the policy itself excludes models by, apart from what a request asks of a model."""


def fewest(policy: Policy, when: Condition | None, most: int) -> int | None:
    """The fewest models that the policy leaves for one of the requests; None without requests."""
    left: int | None = None
    for request, now in trials(policy, when, most):
        question = Question(policy, request, now)
        if when is not None and not holds(when.tree, question.facts):
            continue
        wanted = frozenset[str]().union(*(part.needs for part in question.parts))
        count = sum(
            wanted <= model.abilities
            and not any(each.startswith("only ") for each in model.abilities)
            and model.abilities != {"embeddings"}
            and all(LAYERS[name](question, model) for name in OWN)
            for model in policy.models
        )
        left = count if left is None else min(left, count)
    return left
