"""What a lint rule looks at: the draft, its policy, and the regions in which each rule acts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from policy_router.condition import COMPLEXITY, TAGS, TASK, Op, Test, Tree
from policy_router.decide.cells import Space, TooWide, bits
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.prove.cover import Cover

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from policy_router.decide.cells import Box
    from policy_router.diagnostics import Span
    from policy_router.language.compile import Draft
    from policy_router.model import Policy


@dataclass(frozen=True)
class Subject:
    """A policy under inspection. sources: file name -> text. today: for dates that have passed."""

    draft: Draft
    policy: Policy
    sources: Mapping[str, str]
    today: date

    @cached_property
    def regions(self) -> Regions:
        """Where each rule, task and band takes models away."""
        return Regions(self.policy)


def warning(
    rule: str, message: str, span: Span | None, help_: str = "", *related: tuple[str, Span]
) -> Diagnostic:
    """A finding of a lint rule."""
    return Diagnostic(rule, Severity.WARNING, message, span, help_, related)


@dataclass(frozen=True, slots=True)
class Source:
    """Something that takes models away: a rule, or the floor of a task or band that no weaker
    model may step in for.

    boxes: where; None when the condition is too wide to say. removes: bit i is model i.
    rule: its number, None for a task or band.
    """

    boxes: tuple[Box, ...] | None
    removes: int
    says: str
    at: Span | None
    rule: int | None


class Regions:
    """The sources of a policy in the space of its requests, and a Cover over all their boxes."""

    def __init__(self, policy: Policy) -> None:
        index = policy.index
        floors: list[tuple[Tree, int, str, Span | None]] = []
        if not policy.fallback.step_down:
            for task in policy.tasks:
                if task.min_tier:
                    test = Test(TASK, Op.IN, (task.name,))
                    says = f"task `{task.name}`"
                    floors.append((test, index.below[task.min_tier], says, task.at))
            for band in policy.bands:
                if band.min_tier:
                    test = Test(COMPLEXITY, Op.IN, (band.name,))
                    says = f"band `{band.name}`"
                    floors.append((test, index.below[band.min_tier], says, band.at))
        trees = [r.when.tree for r in policy.rules if r.when is not None]
        self.space = Space(policy.vocabulary, policy.bands, [*trees, *(f[0] for f in floors)])
        self.patterns = {
            i
            for i, d in enumerate(self.space.dimensions)
            if d.detail is not None and d.fact != TAGS
        }
        sources = []
        for number, rule in enumerate(policy.rules):
            removes = index.everyone if rule.deny is not None else index.removed_by(number)
            if rule.min_tier and not policy.fallback.step_down:
                removes |= index.below[rule.min_tier]
            boxes = self._boxes(rule.when.tree) if rule.when is not None else ({},)
            sources.append(Source(boxes, removes, f"rule `{rule.name}`", rule.at, number))
        sources += [Source(self._boxes(t), gone, says, at, None) for t, gone, says, at in floors]
        self.sources = tuple(sources)
        flat = [(number, box) for number, s in enumerate(sources) for box in s.boxes or ()]
        self.cover = Cover(self.space, [box for _, box in flat])
        self.owner = tuple(number for number, _ in flat)
        self.bits = [0] * len(sources)
        for bit, number in enumerate(self.owner):
            self.bits[number] |= 1 << bit
        self._removers = [0] * len(policy.models)
        for number, source in enumerate(sources):
            for model in bits(source.removes):
                self._removers[model] |= self.bits[number]

    def _boxes(self, tree: Tree) -> tuple[Box, ...] | None:
        try:
            return tuple(self.space.boxes(tree))
        except TooWide:
            return None

    def removers(self, model: int) -> int:
        """The boxes in which some source takes a model (by its number) away."""
        return self._removers[model]

    def exact(self, number: int) -> bool:
        """Whether the boxes of a source say exactly where its condition holds."""
        boxes = self.sources[number].boxes
        return boxes is not None and not any(self.patterns & set(box) for box in boxes)

    def together(self, a: int, b: int) -> bool:
        """Whether some request surely meets the conditions of both sources."""
        if not (self.exact(a) and self.exact(b)):
            return False
        return any(self.cover.meeting(box) & self.bits[b] for box in self.sources[a].boxes or ())
