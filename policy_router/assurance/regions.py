"""Where, in the space of all requests, each part of a policy takes models away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.assurance.cover import Cover
from policy_router.decision.bitset import bits
from policy_router.decision.space import Space, TooWide, meet
from policy_router.domain.condition import (
    COMPLEXITY,
    HOUR,
    TAGS,
    TASK,
    WEEKDAY,
    Any,
    Not,
    Op,
    Test,
    Tree,
)
from policy_router.domain.limits import Metric, WhenExhausted
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Restriction:
    """Something that takes models away or asks for a floor: a rule, a task, a band, or that nobody
    pays.

    boxes: where; None when the condition is too wide to say. exact: they say so exactly; else a
    pattern decides as well. removes, below: models (bit i: model i) taken away there, and those
    under the floor asked for there. rule: its number, None for what is no rule.
    """

    boxes: tuple[Box, ...] | None
    exact: bool
    removes: int
    below: int
    says: str
    span: Span | None
    rule: int | None


class Regions:
    """The sources of a policy in the space of its requests, and a Cover over all their boxes.

    A set of boxes is an int, as in Cover. holds: per source, boxes in which it surely applies,
    given what their patterns say; to prove that something is covered. reaches: per source, boxes
    outside of which it surely does not apply; to find a request that it leaves alone.
    removers: per model, the boxes in which it is taken away. kinds: such boxes -> the models that
    have just these (bit i: model i). impossible: no request is in these.
    """

    def __init__(self, policy: Policy, cancelled: Poll = never) -> None:
        self._policy = policy
        self._cancelled = cancelled
        floors: list[tuple[Tree, int, str, Span | None]] = []
        for kind, fact, parts in (("task", TASK, policy.tasks), ("band", COMPLEXITY, policy.bands)):
            for part in parts:
                if part.min_tier:
                    test = Test(fact, Op.IN, (part.name,))
                    says = f"{kind} `{part.name}`"
                    floors.append((test, policy.models_below(part.min_tier), says, part.span))
        unpaid = list(_unpaid(policy))
        trees = [r.when.tree for r in policy.rules if r.when is not None]
        trees += [f[0] for f in floors] + [u[0] for u in unpaid if u[0] is not None]
        self.space = Space(policy.vocabulary, policy.bands, trees)
        self._patterns = {
            i
            for i, d in enumerate(self.space.dimensions)
            if d.detail is not None and d.fact != TAGS
        }
        strict = not policy.fallback.step_down
        sources = []
        for number, rule in enumerate(policy.rules):
            below = policy.models_below(rule.min_tier) if rule.min_tier else 0
            removes = policy.all_models if rule.deny is not None else policy.removed_by(number)
            boxes, exact = self._boxes(rule.when.tree if rule.when is not None else None)
            says = f"rule `{rule.name}`"
            removes |= below if strict else 0
            sources.append(Restriction(boxes, exact, removes, below, says, rule.span, number))
        for tree, below, says, at in floors:
            boxes, exact = self._boxes(tree)
            sources.append(Restriction(boxes, exact, below if strict else 0, below, says, at, None))
        for where, removes, says, at in unpaid:
            boxes, exact = self._boxes(where)
            sources.append(Restriction(boxes, exact, removes, 0, says, at, None))
        self.sources = tuple(sources)
        self._gather(len(policy.models))

    def _gather(self, models: int) -> None:
        """Number all boxes, and sort them by what they say."""
        flat: list[Box] = list(self._clockless())
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

    def _clockless(self) -> Iterator[Box]:
        """Hour and weekday come from one clock: both are known, or neither is."""
        at = {d.fact: i for i, d in enumerate(self.space.dimensions)}
        if HOUR in at and WEEKDAY in at:
            absent = {i: 1 << self.space.dimensions[i].size - 1 for i in (at[HOUR], at[WEEKDAY])}
            for one, other in ((at[HOUR], at[WEEKDAY]), (at[WEEKDAY], at[HOUR])):
                live = self.space.dimensions[other].live
                yield {one: absent[one], other: live & ~absent[other]}

    def owners(self, boxes: int) -> tuple[Restriction, ...]:
        """The sources that these boxes belong to, in written order."""
        numbers = {n for bit in bits(boxes) if (n := self._owner[bit]) is not None}
        return tuple(self.sources[n] for n in sorted(numbers))

    def denied(self) -> int:
        """Boxes outside of which no rule denies."""
        found = 0
        for number, rule in enumerate(self._policy.rules):
            if rule.deny is not None:
                found |= self.reaches[number]
        return found

    def demoted(self, models: int) -> dict[int, int]:
        """For each of these models (bit i: model i) the boxes outside of which it is neither out
        nor below the floor."""
        found = dict.fromkeys(bits(models), 0)
        for number, source in enumerate(self.sources):
            for model in bits((source.removes | source.below) & models):
                found[model] |= self.reaches[number]
        return found

    def together(self, a: int, b: int, outside: int = 0) -> bool:
        """Whether some request surely meets the conditions of both sources, and is in none of the
        boxes `outside`. Raises GaveUp."""
        one, other = self.sources[a], self.sources[b]
        if not (one.exact and other.exact):
            return False
        for box in one.boxes or ():
            for bit in bits(self.cover.meeting(box) & self.holds[b]):
                both = meet(box, self.cover.boxes[bit])
                if both is None:
                    continue
                if self.cover.uncovered(both, outside | self.impossible) is not None:
                    return True
        return False

    def within(self, a: int, b: int) -> bool:
        """Whether every request that meets the condition of one source surely meets the other's.
        Raises GaveUp."""
        return all(
            self.cover.uncovered(box, self.holds[b] | self.impossible) is None
            for box in self.sources[a].boxes or ()
        )

    def inside(self, number: int) -> int:
        """Boxes that lie in a box of a source."""
        found = 0
        for box in self.sources[number].boxes or ():
            found |= self.cover.inside(box)
        return found

    def near(self, number: int, among: int) -> list[int]:
        """The rules that own one of these boxes and have a request in common with a source."""
        met = 0
        for box in self.sources[number].boxes or ():
            met |= self.cover.meeting(box) & among
        return sorted({n for bit in bits(met) if (n := self._owner[bit]) is not None})


def _unpaid(policy: Policy) -> Iterator[tuple[Tree | None, int, str, Span | None]]:
    """Where paid models (bit i: model i) are out for want of a budget or of a known price. No tree:
    everywhere."""
    money = [m for m in policy.limits if m.metric is Metric.USD]
    paid = {i: model for i, model in enumerate(policy.models) if not model.free}
    # Many models are paid by the same budgets.
    alike: dict[int, int] = {}
    for i in paid:
        paying = sum(1 << n for n, meter in enumerate(money) if meter.models >> i & 1)
        alike[paying] = alike.get(paying, 0) | 1 << i
    for paying, models in alike.items():
        meters = [money[n] for n in bits(paying)]
        conditions = [m.when.tree for m in meters if m.when is not None]
        if len(conditions) == len(meters):
            unless: Tree | None = Not(Any(tuple(conditions))) if conditions else None
            yield unless, models, "the lack of a budget", None
    unpriced = sum(1 << i for i, model in paid.items() if model.price is None)
    for meter in money:
        if (
            meter.cap is not None
            and meter.then is not WhenExhausted.WARN
            and meter.models & unpriced
        ):
            where = meter.when.tree if meter.when is not None else None
            says = f"budget `{meter.name}`, its price unknown,"
            yield where, meter.models & unpriced, says, meter.span
