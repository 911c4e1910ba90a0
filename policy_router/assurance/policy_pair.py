"""Two policies in one space of requests: what excludes models in each, and what orders them.

A *restriction* excludes some models where its condition holds. A set of models is an int over the
models of both policies together. Equal boxes of the two policies are one box of the cover, so that
whatever is written in both drops out at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.assurance.common_facts import CommonFacts
from policy_router.assurance.cover import Cover
from policy_router.assurance.demands import demands_of
from policy_router.assurance.impossible import impossible_boxes
from policy_router.assurance.model_traits import (
    closed_to_hosted_tools,
    cost_bounds,
    size_traits,
)
from policy_router.assurance.regions import unpaid
from policy_router.assurance.sorting import sorts_by_cost
from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.bitset import bits
from policy_router.decision.space import Space, TooWide
from policy_router.domain.condition import (
    HAS_IMAGES,
    HAS_TOOLS,
    TASK,
    TOKENS,
    WANTS_JSON,
    Op,
    Test,
    Tree,
)
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policy_router.assurance.model_traits import MaxCost, SizeTraits
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box

_ABILITIES: Final = {"tools": HAS_TOOLS, "vision": HAS_IMAGES, "json": WANTS_JSON}
_Key: TypeAlias = "tuple[tuple[int, int], ...]"


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """A part of a policy that excludes models, or says something of their order.

    Attributes:
        says: What it is, such as ``rule `x` ``.
        where: Its condition in the common vocabulary; None holds for every request.
        models: The models that it excludes.
        order: What it says about the order; None where it says nothing.
    """

    says: str
    where: Tree | None
    models: int = 0
    order: tuple[object, ...] | None = None


class Pair:
    """Two policies in one space of requests.

    A set of boxes is an int, as in Cover.

    Attributes:
        policies: The old policy and the new one.
        names: The names of the models of both.
        space: The space.
        cover: All boxes, each once.
        excluding: For each policy, its parts that exclude models.
        ordering: For each policy, its parts that say something of the order, in the order in which
            they are asked.
        removers: For each policy and each model, the boxes in which it is surely excluded.
        impossible: Boxes that no request lies in which both policies take.
        patterns: The dimensions that are patterns.
        sizes: For each policy, what it knows of the room in each model that both have.
        bounds: For each policy, the `max_cost` of its rules and tasks.
        closed: For each policy and each model with `hosted_tools` that both have, where such tools
            may not run.
    """

    def __init__(self, old: Policy, new: Policy, cancelled: Poll = never) -> None:
        self.policies = old, new
        self.names = tuple(dict.fromkeys([*old.models_by_name, *new.models_by_name]))
        self._at = {name: i for i, name in enumerate(self.names)}
        self.facts = CommonFacts(old, new)
        own = [list(self._excluding(which)) for which in (0, 1)]
        self.ordering = [list(self._ordering(which)) for which in (0, 1)]
        trees = [p.where for p in (*own[0], *own[1]) if p.where is not None]
        trees += [p.where for p in (*self.ordering[0], *self.ordering[1]) if p.where is not None]
        self._know()
        trees += self._told_apart()
        places = [bound.where for each in self.bounds for bound in each]
        places += [where for each in self.closed for wheres in each.values() for where in wheres]
        for name, traits in self.sizes[0].items():
            other = self.sizes[1][name]
            before, after = (policy.models_by_name[name].price for policy in (old, new))
            if traits != other or before != after:
                places += [where for where, *_ in (*traits.prompts, *other.prompts)]
        trees += [where for where in places if where is not None]
        for which in (0, 1):
            own[which] += self._demands(which, trees)
        self.excluding = own
        trees += [p.where for p in (*own[0], *own[1]) if p.where is not None]
        invalid = self.facts.invalid(trees)
        self.space = Space(self.facts.vocabulary, (), [*trees, *invalid])
        self.patterns = {i for i, d in enumerate(self.space.dimensions) if d.is_pattern}
        self._numbers: dict[_Key, int] = {}
        self._flat: list[Box] = []
        self._boxes: dict[Tree | None, tuple[int, ...] | None] = {}
        self.impossible = 0
        for tree in invalid:
            self.impossible |= self.set_of(tree)
        for box in impossible_boxes(self.space):
            self.impossible |= 1 << self._number(box)
        self.removers = [self._removers(parts) for parts in own]
        for where in (*places, *(part.where for parts in self.ordering for part in parts)):
            self.boxes_of(where)
        self.cover = Cover(self.space, self._flat, cancelled)

    def boxes_of(self, where: Tree | None) -> tuple[int, ...] | None:
        """The numbers of the boxes of a condition; None where it has too many."""
        if where not in self._boxes:
            try:
                boxes = [{}] if where is None else self.space.boxes(where)
                self._boxes[where] = tuple(self._number(box) for box in boxes)
            except TooWide:
                self._boxes[where] = None
        return self._boxes[where]

    def set_of(self, where: Tree | None) -> int:
        """The boxes of a condition as a set; empty where it has too many."""
        return sum(1 << number for number in set(self.boxes_of(where) or ()))

    def mask(self, which: int, models: int) -> int:
        """A set of the models of one policy as one of the models of both."""
        own = self.policies[which].models
        return sum(1 << self._at[own[i].name] for i in bits(models))

    def missing(self, which: int) -> int:
        """The models that a policy does not have."""
        own = self.policies[which].models_by_name
        return sum(1 << i for i, name in enumerate(self.names) if name not in own)

    def _number(self, box: Box) -> int:
        key = tuple(sorted(box.items()))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._flat)
            self._flat.append(box)
        return number

    def _removers(self, parts: Iterable[PolicyPart]) -> list[int]:
        removers = [0] * len(self.names)
        for part in parts:
            boxes = self.set_of(part.where)
            for model in bits(part.models):
                removers[model] |= boxes
        return removers

    # -- the parts ---------------------------------------------------------------------------

    def _excluding(self, which: int) -> Iterator[PolicyPart]:
        policy = self.policies[which]
        strict = not policy.fallback.step_down
        if absent := self.missing(which):
            yield PolicyPart("the list of models", None, absent)
        for number, rule in enumerate(policy.rules):
            if rule.shadow:
                continue
            models = policy.all_models if rule.deny is not None else policy.removed_by(number)
            if strict and rule.min_tier:
                models |= policy.models_below(rule.min_tier)
            if models:
                where = None if rule.when is None else self.facts.tree(which, rule.when.tree)
                yield PolicyPart(f"rule `{rule.name}`", where, self.mask(which, models))
        for task in policy.tasks:
            models = policy.removed_by_task(task.name)
            if strict and task.min_tier:
                models |= policy.models_below(task.min_tier)
            if models:
                where = self.facts.tree(which, Test(TASK, Op.IN, (task.name,)))
                yield PolicyPart(f"task `{task.name}`", where, self.mask(which, models))
        for band in policy.bands if strict else ():
            if band.min_tier and (models := policy.models_below(band.min_tier)):
                where = self.facts.band(which, band.name)
                yield PolicyPart(f"band `{band.name}`", where, self.mask(which, models))
        for tree, models, says, _ in unpaid(policy):
            where = None if tree is None else self.facts.tree(which, tree)
            yield PolicyPart(says, where, self.mask(which, models))

    def _demands(self, which: int, trees: list[Tree]) -> Iterator[PolicyPart]:
        policy = self.policies[which]
        for demand in demands_of(policy, trees):
            where = None if demand.where is None else self.facts.tree(which, demand.where)
            if demand.otherwise and where is not None:
                continue  # the names that both policies know are distinguished one by one
            yield PolicyPart(demand.says, where, self.mask(which, demand.models))

    def _know(self) -> None:
        """What each policy knows of models beyond its conditions."""
        common = self.policies[0].models_by_name.keys() & self.policies[1].models_by_name.keys()
        self.sizes: list[dict[str, SizeTraits]] = []
        self.bounds: list[list[MaxCost]] = []
        self.closed: list[dict[str, list[Tree | None]]] = []
        for which, policy in enumerate(self.policies):
            translate = partial(self.facts.tree, which)
            self.sizes.append({name: size_traits(policy, name, translate) for name in common})
            self.bounds.append(list(cost_bounds(policy, translate)))
            hosting = [n for n in common if HOSTED_TOOLS in policy.models_by_name[n].abilities]
            self.closed.append(
                {n: list(closed_to_hosted_tools(policy, n, translate)) for n in hosting}
            )

    def _told_apart(self) -> Iterator[Tree]:
        """Tests on what models differ in, so that requests which ask for it are distinguished."""
        old, new = self.policies
        if set(self.bounds[0]) != set(self.bounds[1]):
            yield Test(TOKENS, Op.GE, (1,))
        for name, model in old.models_by_name.items():
            other = new.models_by_name.get(name)
            if other is None:
                continue
            for ability, fact in _ABILITIES.items():
                if (ability in model.abilities) != (ability in other.abilities):
                    yield Test(fact, Op.IN, (True,))
            priced = any(self.bounds) and model.price != other.price
            if priced or self.sizes[0][name] != self.sizes[1][name]:
                yield Test(TOKENS, Op.GE, (1,))

    def _ordering(self, which: int) -> Iterator[PolicyPart]:
        policy = self.policies[which]
        floors = policy.fallback.step_down
        entries = [
            (f"rule `{rule.name}`", rule, None if rule.when is None else rule.when.tree)
            for rule in policy.rules
            if not rule.shadow
        ]
        for says, rule, tree in entries:
            where = None if tree is None else self.facts.tree(which, tree)
            if floors and rule.min_tier:
                yield PolicyPart(says, where, order=("tier", policy.tiers[rule.min_tier]))
            if rule.first:
                yield PolicyPart(says, where, order=("first", rule.first))
            if rule.prefer is not None:
                yield PolicyPart(says, where, order=("prefer", rule.prefer))
        for task in policy.tasks:
            where = self.facts.tree(which, Test(TASK, Op.IN, (task.name,)))
            says = f"task `{task.name}`"
            if floors and task.min_tier:
                yield PolicyPart(says, where, order=("tier", policy.tiers[task.min_tier]))
            for key in ("first", "use", "prefer"):
                value = getattr(task, key)
                if value:
                    yield PolicyPart(says, where, order=(key, value))
        for band in policy.bands if floors else ():
            if band.min_tier:
                where = self.facts.band(which, band.name)
                order = ("tier", policy.tiers[band.min_tier])
                yield PolicyPart(f"band `{band.name}`", where, order=order)
        yield from self._prompted(which)
        yield PolicyPart("`prefer` of the policy", None, order=("prefer", policy.prefer))

    def _prompted(self, which: int) -> Iterator[PolicyPart]:
        """The prompts, whose tokens count where models are sorted by cost."""
        policy = self.policies[which]
        for prompt in policy.prompts if any(map(sorts_by_cost, self.policies)) else ():
            if prompt.tokens:
                where = None if prompt.when is None else self.facts.tree(which, prompt.when.tree)
                added = ("prompt", (prompt.models, prompt.tokens))
                yield PolicyPart(f"prompt `{prompt.name}`", where, order=added)
