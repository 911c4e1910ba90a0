"""Everything in the policy and the request that keeps one model from answering.

A decision names the first reason for which a model is out. Here are all of them, each with the
properties of the request that it depends on: a model may answer exactly when nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.abilities import HOSTED_TOOLS, NO_CHAT
from policy_router.decision.criteria import is_over_cost, over_cost
from policy_router.decision.decide import decide_on
from policy_router.decision.exclusions import name_of
from policy_router.decision.facts import situation_of
from policy_router.decision.gates import ALWAYS, CONSTRAINTS
from policy_router.domain.condition import Op, tests_of
from policy_router.domain.decision import Reason
from policy_router.domain.rules import Rule, Task
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.index import Index
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Condition
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation

Part: TypeAlias = "Rule | Task | Band | Limit"
"""A part of a policy that can be removed or relaxed."""

_RuleOf: TypeAlias = "tuple[int, Rule, frozenset[str]]"
"""A rule that may exclude a model: its position, itself, and the properties that it reads."""

MOMENT: Final = "moment"
"""The property that `hour` and `weekday` are read from: they come from one clock."""
ATTRIBUTE: Final = "attribute"
"""What stands before the name of a declared fact, since that may be the name of a field as well."""
_PROPERTY: Final = {
    "score": "complexity",
    "hour": MOMENT,
    "weekday": MOMENT,
    "has_tools": "need:tools",
    "has_images": "need:vision",
    "wants_json": "need:json",
}
"""Facts that are read from a property of another name."""
_SIZE: Final = frozenset({"tokens", "max_tokens", "largest_input"})
_COST: Final = frozenset(
    {"tokens", "max_tokens", "answers", "pictures", "thumbnails", f"need:{HOSTED_TOOLS}", MOMENT}
)


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something that keeps a model from a request.

    Attributes:
        reason: Why, as one of a fixed set.
        detail: Why, as text for people.
        reads: The properties of the request that it depends on. Unless one of them changes, it
            stays. A property is a field of `Request`, `moment`, a declared fact such as
            `attribute:plan`, or a member of a set: `tags:private`, `detected:email`, `need:vision`.
        part: The part of the policy that does it; None for a constraint of the caller, for what the
            model cannot do, and for the lack of a budget or a price.
        span: The position of what does it in the policy files.
    """

    reason: Reason
    detail: str
    reads: frozenset[str]
    part: Part | None = None
    span: Span | None = None


class Blockers:
    """What may keep one model from requests, prepared for many of them."""

    def __init__(self, policy: Policy, model: str) -> None:
        """Prepare the rules that may exclude the model.

        Args:
            policy: The policy.
            model: Name of the model.
        """
        self._policy = policy
        self._model = model
        index = policy._index
        bit, rank = 1 << index.at[model], index.by_name[model].rank
        strict = not policy.fallback.step_down
        self._rules = tuple(
            (number, rule, properties_of(rule.when, policy.vocabulary))
            for number, rule in enumerate(policy.rules)
            if not rule.shadow
            and (
                rule.deny is not None
                or index._rules[number].removes & bit
                or rule.criteria.max_cost is not None
                or (strict and (rule.min_tier or 0) > rank)
            )
        )

    def of(self, request: Request, now: float | None) -> tuple[Blocker, ...]:
        """Everything that keeps the model from a request, whatever the state of the world.

        Args:
            request: A request that is valid for the policy.
            now: Unix time; None without a clock.

        Returns:
            What keeps it out, rules first; nothing exactly where a decision on an empty snapshot of
            that time has the model among its candidates.
        """
        policy, model = self._policy, self._model
        situation = situation_of(policy, request, now)
        found = tuple(_Search(policy, situation, model, now, self._rules).found())
        return found or tuple(_by_the_others(policy, situation, model, now))


def properties_of(condition: Condition | None, vocabulary: Vocabulary) -> frozenset[str]:
    """The properties of a request that a condition depends on; see `Blocker.reads`."""
    names = set()
    for test in tests_of(condition.tree) if condition is not None else ():
        member = str(test.values[0]) if test.op is Op.HAS else None
        names.add(property_of(vocabulary, test.fact, member))
    return frozenset(names)


def property_of(vocabulary: Vocabulary, fact: int, member: str | None = None) -> str:
    """The property that a fact is read from; see `Blocker.reads`.

    Args:
        vocabulary: The facts of the policy.
        fact: The position of the fact.
        member: The member that is asked for, where the fact is a set.
    """
    name = vocabulary.facts[fact].name
    if name in vocabulary.attributes:
        return f"{ATTRIBUTE}:{name}"
    return _PROPERTY.get(name, name) if member is None else f"{name}:{member}"


class _Search:
    """The blockers of one model, layer after layer."""

    def __init__(
        self,
        policy: Policy,
        situation: Situation,
        model: str,
        now: float | None,
        rules: Sequence[_RuleOf],
    ) -> None:
        index = policy._index
        self._policy = policy
        self._concerned = rules
        self._request = situation.request
        self._situation = situation
        self._snapshot = Snapshot(now=now)
        self._bit = 1 << index.at[model]
        self._heard = frozenset[str]()
        if index.prompts is not None and situation.request.answers:
            # A prompt takes room and costs money, so its condition matters to both.
            for prompt in policy.prompts:
                if model in prompt.models:
                    self._heard |= properties_of(prompt.when, policy.vocabulary)
            index = index.hearing(index.prompts, situation.facts)
        self._index: Index = index
        self._model: Model = index.models[index.at[model]]

    def found(self) -> Iterator[Blocker]:
        """Every blocker but those that depend on the other models."""
        yield from self._rules()
        yield from self._task_and_band()
        yield from self._money()
        yield from self._gates()

    def _rules(self) -> Iterator[Blocker]:
        facts = self._situation.facts
        for number, rule, reads in self._concerned:
            if rule.when is not None and not rule.when.holds(facts):
                continue
            effect = self._index._rules[number]
            if rule.deny is not None:
                detail = f"denied by rule `{rule.name}`"
                yield Blocker(Reason.DENIED, detail, reads, rule, rule.span)
            elif effect.removes & self._bit:
                skip = effect.skips[self._bit][0]
                yield Blocker(skip.reason, skip.detail, reads, rule, skip.span)
            else:
                yield from self._floor(rule, reads)
                yield from self._too_dear(rule, reads)

    def _task_and_band(self) -> Iterator[Blocker]:
        task, band = self._situation.task, self._situation.band
        if task is not None:
            reads = frozenset({"task"})
            effect = self._index.task_effects.get(task.name)
            if effect is not None and effect.removes & self._bit:
                skip = effect.skips[self._bit][0]
                yield Blocker(skip.reason, skip.detail, reads, task, skip.span)
            else:
                yield from self._floor(task, reads)
                yield from self._too_dear(task, reads)
        if band is not None:
            yield from self._floor(band, frozenset({"complexity"}))

    def _floor(self, part: Rule | Task | Band, reads: frozenset[str]) -> Iterator[Blocker]:
        floor = part.min_tier
        if floor is None or self._model.rank >= floor or self._policy.fallback.step_down:
            return
        source = name_of(part) if isinstance(part, Rule | Task) else f"band `{part.name}`"
        detail = f"below tier `{self._policy.tiers[floor]}`, the `min_tier` of {source}"
        yield Blocker(Reason.TIER, detail, reads, part, part.span)

    def _too_dear(self, part: Rule | Task, reads: frozenset[str]) -> Iterator[Blocker]:
        most, request, now = part.criteria.max_cost, self._request, self._snapshot.now
        if most is None or not is_over_cost(self._model, most, request, now):
            return
        detail = over_cost(self._model, most, request, now, name_of(part))
        yield Blocker(Reason.COST, detail, reads | _COST | self._heard, part, part.span)

    def _money(self) -> Iterator[Blocker]:
        limits, facts, bit = self._index.limits, self._situation.facts, self._bit
        own = [limit for limit in limits.limits if limit.models & bit and not limit.shadow]
        reads = frozenset[str]().union(
            *(properties_of(limit.when, self._policy.vocabulary) for limit in own)
        )
        for skip in limits.unpaid(bit, facts)[1]:
            yield Blocker(skip.reason, skip.detail, reads, None, skip.span)
        if HOSTED_TOOLS in self._request.needs:
            for skip in limits.unbounded(bit, facts)[1]:
                reads |= {f"need:{HOSTED_TOOLS}"}
                yield Blocker(skip.reason, skip.detail, reads, None, skip.span)

    def _gates(self) -> Iterator[Blocker]:
        index, request, snapshot = self._index, self._request, self._snapshot
        for gate in CONSTRAINTS + ALWAYS:
            if not gate.out(index, request, snapshot) & self._bit:
                continue
            skip = gate.skips(index, self._bit, request, snapshot)[0]
            if gate.reason is Reason.ABILITY:
                yield from self._abilities(skip.detail)
                continue
            if gate.reason is Reason.CONTEXT:
                reads = _SIZE | self._heard
            else:
                reads = frozenset({_CONSTRAINT[gate.reason]})
                reads |= _COST | self._heard if gate.reason is Reason.COST else frozenset()
            yield Blocker(skip.reason, skip.detail, reads, None, skip.span)

    def _abilities(self, detail: str) -> Iterator[Blocker]:
        model, span = self._model, self._model.span
        missing = sorted(self._request.needs - model.abilities)
        for ability in missing:
            reads = frozenset({f"need:{ability}"})
            text = f"does not support {ability}"
            yield Blocker(Reason.ABILITY, text, reads, None, span)
        if not missing:  # it answers no chat, only what needs something that it can do
            can = [each for each in model.abilities if not each.startswith(NO_CHAT)]
            reads = frozenset({f"need:{ability}" for ability in can})
            yield Blocker(Reason.ABILITY, detail, reads, None, span)


_CONSTRAINT: Final = {
    Reason.MODEL: "model",
    Reason.ONLY: "only",
    Reason.AVOID: "avoid",
    Reason.TIER: "min_tier",
    Reason.COST: "max_cost",
    Reason.PRICE: "max_price",
    Reason.LATENCY: "max_latency",
    Reason.QUALITY: "min_quality",
}
"""The property that each constraint of a caller is, by its reason."""


def _by_the_others(
    policy: Policy, situation: Situation, model: str, now: float | None
) -> Iterator[Blocker]:
    """The reasons that depend on the other models: how many are wanted, and which comes first."""
    decision = decide_on(policy, situation, Snapshot(now=now))
    for skip in decision.skipped:
        if skip.model == model:
            one_space = skip.reason is Reason.VECTOR_SPACE
            name = "one_space" if one_space else "max_candidates"
            yield Blocker(skip.reason, skip.detail, frozenset({name}), None, skip.span)
