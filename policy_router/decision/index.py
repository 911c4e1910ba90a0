"""The index of a policy: its parts, prepared for lookups.

The condition of each rule is a union of boxes in the space of requests. Boxes are numbered from
the last rule to the first, so that the highest bit of a set of boxes, which an int gives at once,
is its first rule. The lowest bits are those of the models: boxes without a constraint, which every
request lies in and which rules take away. What a set of boxes means is worked out once and kept.
"""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.abilities import ABILITIES
from policy_router.decision.ability_index import AbilityIndex
from policy_router.decision.aliases import Aliases
from policy_router.decision.arms import ArmIndex
from policy_router.decision.bitset import bits
from policy_router.decision.contexts import Contexts
from policy_router.decision.criteria import CostBound, stricter
from policy_router.decision.exclusions import exclusions_of, name_of
from policy_router.decision.limits.limit_index import LimitIndex
from policy_router.decision.lookup import KEPT, BoxLookup
from policy_router.decision.order.evidence_orders import EvidenceOrders
from policy_router.decision.order.grouping import groups_of
from policy_router.decision.order.ranking import Rankings
from policy_router.decision.prompts import PromptIndex
from policy_router.decision.rule_effects import Effect, RuleEffect, RuleSkips, TaskEffect
from policy_router.decision.space import Space, boxes_of
from policy_router.domain.condition import HOUR, WEEKDAY
from policy_router.domain.decision import Candidate, RuleReasons
from policy_router.domain.limits import LEASE
from policy_router.domain.ordering import FunctionKey
from policy_router.domain.sessions import Keep, Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.decision.exclusions import Exclusion
    from policy_router.decision.order.fixed_places import First
    from policy_router.decision.space import Box
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.aliases import Alias
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import RulesAndSkips, Skip
    from policy_router.domain.experiments import Experiment
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.prompts import Prompt
    from policy_router.domain.rules import Rule, Task

_CLOCK: Final = frozenset({"hour", "weekday"})
MAX_TABLE: Final = 1 << 28
"""Bits of the tables that say for each cell which boxes admit it: 32 MiB."""

KEPT_HEARING: Final = 256
"""The most sets of models with prompts that are kept; when there are more, all are dropped."""

_Row: TypeAlias = "tuple[int, RuleEffect | None]"
"""Of a box: the models that its rule keeps together with the boxes of the rules after it; and what
the rule does, where that is more than to exclude models."""


class TooLarge(Exception):  # noqa: N818  the policy's limit, which the compiler reports
    """The rules are too many, and distinguish too many cases, to be indexed."""


class Index:
    """What `decide` looks up in a policy.

    Sets of models are ints: bit i is model i.

    Attributes:
        shadowing: The boxes of the rules that are in shadow, as `matching` numbers them.
        evidence: The changes of order that past outcomes ask for.
        prompts: Which prompt each model gets; None for a policy without prompts.
        prompted: Whether `models` are as they are called with prompts, which an index has that
            `hearing` returned. Everything else of the policy is the same.
        usual: Where an experiment chooses prompts: the index with those that the policy itself
            chooses.
        chosen: The models whose prompt an experiment chooses.

    Raises:
        TooLarge: The rules distinguish too many cases.
    """

    def __init__(
        self,
        *,
        models: Sequence[Model],
        tiers: Sequence[str],
        tasks: Sequence[Task],
        bands: Sequence[Band],
        prefer: tuple[OrderKey, ...],
        rules: Sequence[Rule],
        vocabulary: Vocabulary,
        limits: Sequence[Limit] = (),
        longest: float = 0.0,
        aliases: Sequence[Alias] = (),
        sessions: Sessions = Sessions(),  # noqa: B008  frozen: one for all is safe
        abilities: Sequence[str] = (),
        prompts: Sequence[Prompt] = (),
        experiments: Sequence[Experiment] = (),
    ) -> None:
        self.limits = LimitIndex(models, limits, LEASE + longest)
        self.models = tuple(models)
        self.tiers = tuple(tiers)
        self.by_name: Mapping[str, Model] = {m.name: m for m in models}
        self.at: Mapping[str, int] = {m.name: i for i, m in enumerate(models)}
        self.abilities = frozenset((*ABILITIES, *abilities))
        self.able = AbilityIndex(self.models)
        prices = [p for m in models if m.price is not None for p in m.price.within(None, 0)]
        self.priced_by_hour = any(price.by_hour for price in prices)
        self.has_request_fees = any(price.fee for price in prices)
        self.has_fees = self.has_request_fees or any(price.image for price in prices)
        self.everyone = (1 << len(models)) - 1
        self.aliases = Aliases(aliases, self.by_name, self.mask)
        self.tasks: Mapping[str, Task] = {t.name: t for t in tasks}
        self.default_task = next((t for t in tasks if t.default), None)
        self.bands: Mapping[str, Band] = {b.name: b for b in bands}
        self._bands = tuple(bands)
        self._band_starts = tuple(b.start for b in bands)
        names = [b.name for b in bands]
        self.levels = len(names) if names == [f"level_{n + 1}" for n in range(10)] else 0
        self.score_of = {band.name: self._score_of(i, band) for i, band in enumerate(bands)}
        self._prefer = prefer
        parts: list[Rule | Task] = [*rules, *tasks]
        own_orders = [part.prefer for part in parts if part.prefer is not None]
        self.calls_functions = any(
            isinstance(key, FunctionKey) for keys in (prefer, *own_orders) for key in keys
        )
        self.order = Rankings(models, tiers, prefer, own_orders)
        self.evidence = EvidenceOrders(keeps=not (prompts or self.priced_by_hour))
        self.below = self.order.below
        self.sessions = sessions
        kept = models if sessions.keep is Keep.MODEL else ()
        self.kept: Mapping[str, First] = {m.name: (self.order.keep(i),) for i, m in enumerate(kept)}
        self.arms = ArmIndex(experiments, models, self.order.lead)
        self.contexts = Contexts(self.models)
        self.task_effects: Mapping[str, TaskEffect] = {
            task.name: effect for task in tasks if (effect := self._task_effect(task)) is not None
        }
        self._rules = tuple(self._effect_of(rule) for rule in rules)
        self._effects: dict[int, Effect] = {}
        conditions = [r.when.tree for r in rules if r.when is not None]
        space = Space(vocabulary, bands, conditions)
        own_conditions = [*(m.when for m in limits), *(e.when for e in experiments)]
        timed = [when.reads for when in own_conditions if when is not None]
        self.reads_clock = any(d.fact in (HOUR, WEEKDAY) for d in space.dimensions) or any(
            not _CLOCK.isdisjoint(reads) for reads in timed
        )
        self.matching = self._lookup(space).matching
        self.prompts = PromptIndex(prompts, vocabulary, bands) if prompts else None
        if self.prompts is not None and not _CLOCK.isdisjoint(self.prompts.reads):
            self.reads_clock = True
        self.prompted = False
        self.usual: Index | None = None
        self.chosen = 0
        self._hearing: dict[tuple[int, tuple[str, ...]], Index] = {}

    # -- models ------------------------------------------------------------------------------

    def mask(self, names: Sequence[str]) -> int:
        """The set of models of these names."""
        models = 0
        for name in names:
            models |= 1 << self.at[name]
        return models

    def band_for(self, score: float) -> Band | None:
        """The band that a score of complexity (0..1) lies in; None when it is below all of them."""
        number = bisect_right(self._band_starts, score)
        return self._bands[number - 1] if number else None

    def _score_of(self, i: int, band: Band) -> float:
        """The score that a band counts as where a caller names it."""
        tenth = (i + 1) / 10
        is_level = bool(self.levels) and self.band_for(tenth) is band
        return tenth if is_level else band.start

    # -- prompts -----------------------------------------------------------------------------

    def hearing(self, prompts: PromptIndex, facts: Facts, preferred: tuple[str, ...] = ()) -> Index:
        """This index with each model as it is called with the prompt that it gets.

        Args:
            prompts: The prompts of the policy.
            facts: The facts of the request.
            preferred: Names of prompts that go before all others; see `PromptIndex.models_with`.
        """
        key = prompts.matching(facts), preferred
        index = self._hearing.get(key)
        if index is None:
            index = self._with_prompts(prompts, *key)
            if preferred and index.prompted:
                usual = self._with_prompts(prompts, key[0], ())
                pairs = zip(usual.models, index.models, strict=True)
                index.chosen = sum(1 << i for i, (its, own) in enumerate(pairs) if its != own)
                index.usual = usual if index.chosen else None
            if len(self._hearing) >= KEPT_HEARING:
                self._hearing.clear()
            self._hearing[key] = index  # whole by now: other threads may read it at once
        return index

    def _with_prompts(self, prompts: PromptIndex, boxes: int, preferred: tuple[str, ...]) -> Index:
        models = prompts.models_with(self.models, boxes, preferred)
        if models == self.models:
            return self
        index = copy(self)
        index.models, index.prompted = models, True
        index.has_fees = index.has_request_fees = True  # a text costs each request the same
        index.contexts = Contexts(models)
        index.limits = self.limits.with_models(models)
        return index

    def as_called(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The same candidates, each model with the prompt that it gets."""
        called = [self.models[self.at[candidate.name]] for candidate in candidates]
        return tuple(
            candidate
            if model.prompt is None
            else Candidate(model, candidate.placed_by, candidate.detail)
            for candidate, model in zip(candidates, called, strict=True)
        )

    # -- rules -------------------------------------------------------------------------------

    def removed_by(self, number: int) -> int:
        """The models that a rule, by its position, excludes where it applies."""
        return self._rules[number].removes

    def removed_by_task(self, name: str) -> int:
        """The models that a task, by its name, excludes."""
        effect = self.task_effects.get(name)
        return 0 if effect is None else effect.removes

    def _effect_of(self, rule: Rule) -> RuleEffect:
        exclusions = exclusions_of(rule, self.models, self.mask, self.able.unable)
        return RuleEffect(
            rule,
            removes=_union(exclusions),
            skips=RuleSkips(self.models, exclusions),
            first=self._put_first(rule),
            cost=_cost_bound(rule),
            prefer=self._prefer_of(rule),
        )

    def _task_effect(self, task: Task) -> TaskEffect | None:
        """What a task does to the models besides its minimum tier; None when it does nothing."""
        exclusions = exclusions_of(task, self.models, self.mask, self.able.unable)
        effect = TaskEffect(
            source=name_of(task),
            removes=_union(exclusions),
            skips=RuleSkips(self.models, exclusions),
            first=self._put_first(task),
            use=None if task.use is None else groups_of(task.use, self.mask),
            cost=_cost_bound(task),
            prefer=self._prefer_of(task),
        )
        orders = effect.first or effect.use or effect.prefer is not None
        return effect if effect.removes or orders or effect.cost is not None else None

    def _put_first(self, part: Rule | Task) -> First:
        return tuple(self.order.put(self.at[name], name_of(part)) for name in part.first)

    def _prefer_of(self, part: Rule | Task) -> tuple[OrderKey, ...] | None:
        """The sort keys of a rule or a task: the policy's own object where they are equal, since
        the order by it is cached."""
        return self._prefer if part.prefer == self._prefer else part.prefer

    def _lookup(self, space: Space) -> BoxLookup:
        """Number the boxes of all rules, and make the tables."""
        patterns = {i for i, d in enumerate(space.dimensions) if d.is_pattern}
        conditions: dict[int, Callable[[Facts], bool]] = {}
        boxes: list[Box] = [{} for _ in self.models]
        # A set is looked up by its bit length, which is that of its models when no box is left.
        self._rows: list[_Row] = [(0, None)] * (len(self.models) + 1)
        explaining: list[tuple[int, str, int, RuleSkips]] = []
        self._in_shadow: dict[int, tuple[Rule, int]] = {}
        self.shadowing = 0
        for own in reversed(self._rules):
            later = (1 << len(boxes)) - 1  # a rule counts once, however many of its boxes match
            keeps = later & ~own.removes
            own_boxes, exact = boxes_of(space, own.rule.when, patterns)
            if own.rule.shadow:
                numbers = (1 << len(boxes) + len(own_boxes)) - 1 ^ later
                self.shadowing |= numbers
                self._in_shadow |= {bit + 1: (own.rule, numbers) for bit in bits(numbers)}
            for box in own_boxes:
                if not exact and own.rule.when is not None:
                    conditions[len(boxes)] = own.rule.when.holds
                boxes.append({d: cells for d, cells in box.items() if d not in patterns})
                self._rows.append((keeps, None if own.only_removes else own))
                explaining.append((keeps, own.rule.name, own.removes, own.skips))
        self._reasons = partial(_reasons, explaining, len(self.models))
        # `policy-router check` builds a dimension for the rules themselves as well.
        cells = sum(d.size for d in space.dimensions) + len(self._rules)
        if cells * len(boxes) > MAX_TABLE:
            raise TooLarge
        return BoxLookup(space.dimensions, boxes, patterns, conditions)

    def effect(self, matching: int) -> Effect:
        """What the rules that own these boxes mean together."""
        effect = self._effects.get(matching)
        if effect is not None:
            return effect
        first: First = ()
        accept: tuple[Accept, ...] = ()
        floor, floor_by, denied, cost, prefer = 0, None, None, None, None
        rows, models, remaining = self._rows, len(self.models), matching
        while (top := remaining.bit_length()) > models:
            keeps, own = rows[top]
            remaining &= keeps
            if own is not None:
                rule = own.rule
                first += own.first
                if rule.min_tier is not None and rule.min_tier > floor:
                    floor, floor_by = rule.min_tier, rule
                if rule.deny is not None and denied is None:
                    denied = rule
                if rule.accept is not None:
                    accept += (rule.accept,)
                if own.cost is not None:
                    cost = stricter(cost, own.cost)
                if prefer is None:
                    prefer = own.prefer
        reasons = RuleReasons.later(self._reasons, matching)
        effect = Effect(remaining, first, floor, floor_by, denied, accept, reasons, cost, prefer)
        if len(self._effects) >= KEPT:
            self._effects.clear()
        self._effects[matching] = effect
        return effect

    def in_shadow(self, boxes: int) -> Iterator[tuple[Rule, int]]:
        """The rules in shadow that own these boxes, in written order, each with one such box."""
        while boxes:
            top = boxes.bit_length()
            rule, numbers = self._in_shadow[top]
            yield rule, 1 << top - 1
            boxes &= ~numbers


def _reasons(
    explaining: Sequence[tuple[int, str, int, RuleSkips]], models: int, matching: int
) -> RulesAndSkips:
    """The names of the rules that own these boxes, and the models that they exclude.

    Not a method: the effects that an index keeps would refer to the index, and a replaced policy
    would stay until the next full collection of garbage.
    """
    names: list[str] = []
    skipped: list[Skip] = []
    remaining = matching
    while (top := remaining.bit_length()) > models:
        keeps, name, removes, skips = explaining[top - models - 1]
        names.append(name)
        excluded = remaining & removes
        if excluded:
            skipped += skips[excluded]
        remaining &= keeps
    return tuple(names), tuple(skipped)


def _union(exclusions: Sequence[Exclusion]) -> int:
    models = 0
    for exclusion in exclusions:
        models |= exclusion.models
    return models


def _cost_bound(part: Rule | Task) -> CostBound | None:
    most = part.criteria.max_cost
    return None if most is None else CostBound(most, name_of(part), part.span)
