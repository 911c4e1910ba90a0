"""The regions of the space of requests in which each part of a policy excludes models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.assurance.cover import Cover
from policy_router.assurance.demands import Demand, demands_of
from policy_router.assurance.impossible import impossible_boxes
from policy_router.decision.bitset import bits
from policy_router.decision.space import Space, TooWide, meet
from policy_router.domain.condition import (
    COMPLEXITY,
    TASK,
    Any,
    Not,
    Op,
    Test,
    Tree,
)
from policy_router.domain.limits import Metric
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.diagnostics import Span


class Part(StrEnum):
    """What a restriction belongs to: a part of the policy, or the request itself (DEMAND)."""

    RULE = "rule"
    TASK = "task"
    BAND = "band"
    MONEY = "money"
    DEMAND = "demand"


@dataclass(frozen=True, slots=True)
class Restriction:
    """Something that excludes models or requires a minimum tier.

    It is a rule, a task, a band, the lack of a budget or a price, or what a request asks of a
    model. Sets of models are ints: bit i is model i.

    Attributes:
        boxes: Where it applies; None when its condition has too many boxes.
        exact: Whether it applies everywhere in the boxes; otherwise a pattern decides as well.
        removes: The models that it excludes.
        below: The models below the tier that it requires.
        says: What it is, such as ``rule `x` ``.
        span: Its position in the policy files.
        rule: Its position among the rules; None for anything else.
        part: What it belongs to.
    """

    boxes: tuple[Box, ...] | None
    exact: bool
    removes: int
    below: int
    says: str
    span: Span | None
    rule: int | None
    part: Part = Part.RULE

    @property
    def of_task(self) -> bool:
        """Whether it is a task."""
        return self.part is Part.TASK


class Regions:
    """The restrictions of a policy in the space of requests, with a Cover over all their boxes.

    A set of boxes is an int, as in Cover.

    Attributes:
        space: The space.
        sources: The restrictions: the rules in written order, then the others.
        cover: The Cover over all boxes.
        holds: For each restriction the boxes in which it surely applies, where their patterns
            match. They serve to prove that something is covered.
        reaches: For each restriction the boxes outside of which it surely does not apply. They
            serve to find a request that it does not affect.
        removers: For each model the boxes in which it is excluded.
        kinds: Such boxes, with the models that have exactly these.
        impossible: Boxes that no request lies in.
    """

    def __init__(
        self,
        policy: Policy,
        cancelled: Poll = never,
        others: Sequence[Tree] = (),
        *,
        demanding: bool = False,
    ) -> None:
        """Gather the restrictions.

        Args:
            policy: The policy.
            cancelled: Polled during searches.
            others: Conditions whose tests the space distinguishes as well.
            demanding: Whether what requests ask of a model by their facts counts as well.
        """
        self._policy = policy
        self._cancelled = cancelled
        strict = not policy.fallback.step_down
        named: list[tuple[Tree, int, int, str, Span | None, Part]] = []
        for part, fact, entries in (
            (Part.TASK, TASK, policy.tasks),
            (Part.BAND, COMPLEXITY, policy.bands),
        ):
            for entry in entries:
                below = policy.models_below(entry.min_tier) if entry.min_tier else 0
                removes = policy.removed_by_task(entry.name) if part is Part.TASK else 0
                if below or removes:
                    test = Test(fact, Op.IN, (entry.name,))
                    removes |= below if strict else 0
                    says = f"{part} `{entry.name}`"
                    named.append((test, removes, below, says, entry.span, part))
        uncovered = list(unpaid(policy))
        trees = [r.when.tree for r in policy.rules if r.when is not None]
        trees += [each[0] for each in named] + [u[0] for u in uncovered if u[0] is not None]
        trees += others
        demands = demands_of(policy, trees) if demanding else []
        trees += [demand.where for demand in demands if demand.where is not None]
        self.space = Space(policy.vocabulary, policy.bands, trees)
        self._patterns = {i for i, d in enumerate(self.space.dimensions) if d.is_pattern}
        sources = []
        for number, rule in enumerate(policy.rules):
            below = policy.models_below(rule.min_tier) if rule.min_tier else 0
            removes = policy.all_models if rule.deny is not None else policy.removed_by(number)
            boxes, exact = self._boxes(rule.when.tree if rule.when is not None else None)
            says = f"rule `{rule.name}`"
            removes |= below if strict else 0
            if rule.shadow:  # it excludes nothing, but may still be dead
                removes = below = 0
            sources.append(Restriction(boxes, exact, removes, below, says, rule.span, number))
        for tree, removes, below, says, span, part in named:
            boxes, exact = self._boxes(tree)
            sources.append(Restriction(boxes, exact, removes, below, says, span, None, part))
        for where, removes, says, span in uncovered:
            boxes, exact = self._boxes(where)
            sources.append(Restriction(boxes, exact, removes, 0, says, span, None, Part.MONEY))
        for demand in demands:
            boxes, exact = self._where(demand)
            says = demand.says
            sources.append(
                Restriction(boxes, exact, demand.models, 0, says, None, None, Part.DEMAND)
            )
        self.sources = tuple(sources)
        self._gather(len(policy.models))

    def _gather(self, models: int) -> None:
        """Number all boxes, and group them by restriction and by model."""
        flat: list[Box] = list(impossible_boxes(self.space))
        self.impossible = (1 << len(flat)) - 1
        owner: list[int | None] = [None] * len(flat)
        self.holds: list[int] = []
        self.reaches: list[int] = []
        for number, source in enumerate(self.sources):
            holds = source.boxes or ()
            wide: list[Box] = []
            if source.boxes is None:
                wide = [{}]
            elif not source.exact:
                wide = [{d: c for d, c in b.items() if d not in self._patterns} for b in holds]
            begin, middle = len(flat), len(flat) + len(holds)
            flat += [*holds, *wide]
            owner += [number] * (len(flat) - begin)
            self.holds.append((1 << middle) - (1 << begin))
            self.reaches.append((1 << len(flat)) - (1 << middle) if wide else self.holds[-1])
        self.cover = Cover(self.space, flat, self._cancelled)
        self._owner = tuple(owner)
        self.removers = [0] * models
        for number, source in enumerate(self.sources):
            for model in bits(source.removes):
                self.removers[model] |= self.holds[number]
        self.kinds: dict[int, int] = {}
        for model, boxes in enumerate(self.removers):
            self.kinds[boxes] = self.kinds.get(boxes, 0) | 1 << model

    def _boxes(self, tree: Tree | None) -> tuple[tuple[Box, ...] | None, bool]:
        if tree is None:
            return ({},), True
        try:
            boxes = tuple(self.space.boxes(tree))
        except TooWide:
            return None, False
        return boxes, not any(self._patterns & set(box) for box in boxes)

    def _where(self, demand: Demand) -> tuple[tuple[Box, ...] | None, bool]:
        """The boxes of a demand."""
        if not demand.otherwise or not isinstance(demand.where, Test):
            return self._boxes(demand.where)
        position, cells = self.space.cells(demand.where)
        dimension = self.space.dimensions[position]
        stated = dimension.live & ~(1 << dimension.size - 1) & ~cells
        return (({position: stated},) if stated else ()), True

    def owners(self, boxes: int) -> tuple[Restriction, ...]:
        """The restrictions that these boxes belong to, in written order."""
        numbers = {n for bit in bits(boxes) if (n := self._owner[bit]) is not None}
        return tuple(self.sources[n] for n in sorted(numbers))

    def denied(self) -> int:
        """Boxes outside of which no rule denies."""
        boxes = 0
        for number, rule in enumerate(self._policy.rules):
            if rule.deny is not None and not rule.shadow:
                boxes |= self.reaches[number]
        return boxes

    def demoted(self, models: int) -> dict[int, int]:
        """For each of these models the boxes outside of which it is neither excluded nor below the
        required tier.
        """
        boxes = dict.fromkeys(bits(models), 0)
        for number, source in enumerate(self.sources):
            for model in bits((source.removes | source.below) & models):
                boxes[model] |= self.reaches[number]
        return boxes

    def together(self, a: int, b: int, outside: int = 0) -> bool:
        """Whether some request surely meets two restrictions, by position, outside some boxes.

        Raises:
            GaveUp: The question takes too many steps.
        """
        one, other = self.sources[a], self.sources[b]
        if not (one.exact and other.exact):
            return False
        outside |= self.impossible
        if a == b:  # all pairs of its boxes would be many, and lie in single ones
            return any(self.cover.uncovered(box, outside) is not None for box in one.boxes or ())
        for box in one.boxes or ():
            for bit in bits(self.cover.meeting(box) & self.holds[b]):
                both = meet(box, self.cover.boxes[bit])
                if both is not None and self.cover.uncovered(both, outside) is not None:
                    return True
        return False

    def within(self, a: int, b: int) -> bool:
        """Whether every request that meets one restriction surely meets another, by position.

        Raises:
            GaveUp: The question takes too many steps.
        """
        return all(
            self.cover.uncovered(box, self.holds[b] | self.impossible) is None
            for box in self.sources[a].boxes or ()
        )

    def inside(self, number: int) -> int:
        """The boxes that lie in a box of a restriction, by position."""
        found = 0
        for box in self.sources[number].boxes or ():
            found |= self.cover.inside(box)
        return found

    def near(self, number: int, among: int) -> list[int]:
        """The rules among these boxes that some request meets together with a restriction."""
        met = 0
        for box in self.sources[number].boxes or ():
            met |= self.cover.meeting(box) & among
        return sorted({n for bit in bits(met) if (n := self._owner[bit]) is not None})


def unpaid(policy: Policy) -> Iterator[tuple[Tree | None, int, str, Span | None]]:
    """Where models lack a budget or a price: a condition (None: everywhere), the models, what it
    is, and its place."""
    money = [m for m in policy.limits if m.metric is Metric.USD and not m.shadow]
    paid = {i: model for i, model in enumerate(policy.models) if not model.free}
    # Many models are paid by the same budgets.
    alike: dict[int, int] = {}
    for i in paid:
        paying = sum(1 << n for n, limit in enumerate(money) if limit.models >> i & 1)
        alike[paying] = alike.get(paying, 0) | 1 << i
    for paying, models in alike.items():
        limits = [money[n] for n in bits(paying)]
        conditions = [m.when.tree for m in limits if m.when is not None]
        if len(conditions) == len(limits):
            unless: Tree | None = Not(Any(tuple(conditions))) if conditions else None
            yield unless, models, "the lack of a budget", None
    unpriced = sum(1 << i for i, model in paid.items() if model.price is None)
    for limit in money:
        if limit.capped and limit.refusing and limit.models & unpriced:
            where = limit.when.tree if limit.when is not None else None
            says = f"budget `{limit.name}`, its price unknown,"
            yield where, limit.models & unpriced, says, limit.span
