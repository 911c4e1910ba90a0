"""Larger policies, asked of z3 as well: conditions as formulas over numbers, texts and booleans.

Nothing of cells is used: a number is a number, a text a string of z3, and absence a boolean.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import z3

from benchmarks.check import LABELS, PLANS, TAGS, TASKS, write
from policy_router.assurance.promises import ProofVerdict, prove
from policy_router.domain.condition import COMPLEXITY, All, Not, Op, Test, Tree
from policy_router.domain.condition import Any as AnyOf
from policy_router.domain.facts import FactType
from tests.check.policies import policy_of

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

PROMISES = [
    *(f"when: {{ tags: {t} }}, never: [{label}]" for t, label in zip(TAGS, LABELS, strict=False)),
    *(f"when: {{ plan: {plan}, tags: {TAGS[9]} }}, never: [paid]" for plan in PLANS[:4]),
    *(f"when: {{ task: {task} }}, only: [{LABELS[1]}, {LABELS[2]}]" for task in TASKS[:4]),
    "when: tokens > 90_000 and internal, never: [cheap]",
    "when: \"region.startswith('region-1') and region != 'region-1'\", only: [eu]",
]  # fmt: skip


def text_of(rules: int, models: int, seed: int) -> str:
    """A policy with rules of the same few facts, so that many together exclude a model."""
    text = write(rules, models, seed)
    for i in range(40):  # fewer tags, so that conditions meet
        text = text.replace(f"'tag-{i}'", f"'tag-{i % 4}'")
    text = text.replace(": 8k", ": 900k").replace(": 16k", ": 900k").replace(": 32k", ": 900k")
    text = text.replace(": 64k", ": 900k").replace(": 128k", ": 900k")
    labels = ", ".join(LABELS)
    every = f"  every: {{ model: hosted_vllm/e, tier: light, price: free, tags: [{labels}] }}"
    text = text.replace("models:\n", f"models:\n{every}\n", 1)
    promises = [f"  - {{ name: promise {i}, {each} }}" for i, each in enumerate(PROMISES)]
    halves = ("tokens > 500", "tokens < 900 and plan != 'plan_1'", "tokens < 900 and score >= 0")
    extra = [
        f"  - {{ name: extra {i} {n}, when: \"'{TAGS[i]}' in tags and {half}\", "
        f"avoid: [{LABELS[i]}] }}"
        for i in range(5)
        for n, half in enumerate((*halves[:2], "plan == 'plan_1'") if i % 2 else halves)
    ]
    lines = [text.rstrip(), *extra, "budgets: { all: { cap: unlimited } }", "invariants:"]
    return "\n".join([*lines, *promises]) + "\n"


class Facts:
    """The facts of a request as variables."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[int, tuple[Any, Any]] = {}
        self.limits: list[Any] = []

    def of(self, number: int) -> tuple[Any, Any]:
        """Whether a fact is present, and its value."""
        if number in self._known:
            return self._known[number]
        fact = self._policy.vocabulary.facts[number]
        present = z3.Bool(f"has_{fact.name}") if fact.optional else z3.BoolVal(True)
        value: Any = z3.Bool(fact.name)
        if fact.kind is FactType.NUMBER:
            value = z3.Int(fact.name) if fact.integer else z3.Real(fact.name)
            if fact.low is not None:
                self.limits.append(value >= fact.low)
            if fact.high is not None:
                self.limits.append(value <= fact.high)
        elif fact.kind in (FactType.ENUM, FactType.STRING):
            value = z3.String(fact.name)
            if fact.kind is FactType.ENUM:
                self.limits.append(z3.Or([value == z3.StringVal(v) for v in fact.values]))
        self._known[number] = present, value
        return present, value

    def formula(self, tree: Tree) -> Any:
        """A condition as a formula."""
        match tree:
            case All(parts):
                return z3.And([self.formula(part) for part in parts])
            case AnyOf(parts):
                return z3.Or([self.formula(part) for part in parts])
            case Not(part):
                return z3.Not(self.formula(part))
            case Test(fact, Op.HAS, values):
                return z3.Bool(f"{self._policy.vocabulary.facts[fact].name} has {values[0]}")
        assert tree.fact != COMPLEXITY, "these policies compare the score"
        present, value = self.of(tree.fact)
        return z3.And(present, _compared(tree, value))


def _compared(test: Test, value: Any) -> Any:
    constant: Any = test.values[0]
    match test.op:
        case Op.IN:
            return z3.Or([value == _literal(each) for each in test.values])
        case Op.STARTS:
            return z3.PrefixOf(z3.StringVal(str(constant)), value)
        case Op.LT:
            return value < constant
        case Op.LE:
            return value <= constant
        case Op.GT:
            return value > constant
    assert test.op is Op.GE
    return value >= constant


def _literal(value: object) -> Any:
    return z3.StringVal(value) if isinstance(value, str) else value


def compare_with_z3(rules: int, models: int, seed: int) -> Counter[str]:
    """How many promises have which verdict; fails where z3 says otherwise."""
    policy = policy_of(text_of(rules, models, seed))
    proofs = prove(policy)
    facts = Facts(policy)
    where = [
        z3.BoolVal(True) if r.when is None else facts.formula(r.when.tree) for r in policy.rules
    ]
    unable = z3.Bool("has_tools")
    verdicts: Counter[str] = Counter()
    for proof in proofs:
        barred = set(proof.invariant.never)
        if proof.invariant.only is not None:
            barred = set(policy.models_by_name) - set(proof.invariant.only)
        assert proof.invariant.when is not None
        about = facts.formula(proof.invariant.when.tree)
        reaches = []
        for name in barred:
            bit = 1 << policy.position(name)
            removers = [w for i, w in enumerate(where) if policy.removed_by(i) & bit]
            if "tools" not in policy.model(name).abilities:
                removers.append(unable)
            reaches.append(z3.Not(z3.Or(removers)))
        solver = z3.Solver()
        solver.set("timeout", 10_000)
        solver.add(*facts.limits, about, z3.Or(reaches))
        answer = solver.check()
        verdicts[proof.verdict] += 1
        if answer == z3.unknown:
            verdicts["z3 does not know"] += 1
            continue
        broken = answer == z3.sat
        expected = ProofVerdict.BROKEN if broken else ProofVerdict.PROVED
        assert proof.verdict is expected, (seed, proof)
    return verdicts
