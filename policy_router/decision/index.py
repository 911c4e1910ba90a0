"""What a policy's rules come to, looked up instead of evaluated.

Every box of every rule's condition owns one bit. For each dimension and each of its cells there is
an int that holds the bits of the boxes which admit that cell; the boxes that match a request are
the AND over the dimensions, so the cost does not grow with the number of rules. Boxes are numbered
from the last rule to the first, so that the highest bit of a set, which is found at once, is its
first rule. Below them the models have a bit each, which every fact admits and rules take away. What
one set of matching boxes comes to is computed once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from operator import or_
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.decision.abilities import ABILITIES
from policy_router.decision.bitset import bits
from policy_router.decision.limits import LimitIndex
from policy_router.decision.ranking import Rankings
from policy_router.decision.space import Space, TooWide, admitting
from policy_router.domain.condition import HOUR, TAGS, WEEKDAY
from policy_router.domain.decision import Reason, RuleReasons, Skip
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.decision.ranking import First
    from policy_router.decision.space import Dimension
    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import RulesAndSkips
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import SortKey
    from policy_router.domain.rules import Rule, Task


_Reason: TypeAlias = "tuple[int, Reason, str, Span | None]"

_CLOCK: Final = frozenset({"hour", "weekday"})
MAX_TABLE: Final = 1 << 28
"""Bits of the table that says for each cell which boxes admit it, of all dimensions: 32 MiB."""
KEPT_PER_RULE: Final = 256
KEPT: Final = 4096
"""Results kept per table; when full, a table starts over."""


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """What a set of matching rules means together.

    Attributes:
        allowed: The models that they leave (bit i: model i).
        first: The models that they put first.
        floor: The lowest rank that they want.
        floor_by: The rule that wants it; None when none does.
        denied: The first rule that denies the request; None when none does.
        accept: The checks that they ask for.
        reasons: Their names, and the models that they exclude, each by the first to do so.
    """

    allowed: int
    first: First
    floor: int
    floor_by: Rule | None
    denied: Rule | None
    accept: tuple[Accept, ...]
    reasons: RuleReasons


class TooLarge(Exception):  # noqa: N818  the policy's limit, which the compiler reports
    """A policy whose rules are too many, and tell too many cases apart, to be looked up."""


class _Skips(dict[int, list[Skip]]):
    """What one rule says of the models it takes away, by the set of them that is still there.

    reasons: sets of models, each with why and where; the first that has a model is its reason.
    A rule that allows one of a thousand models takes 999 away: each is worded when it is needed.
    """

    def __init__(self, models: Sequence[Model], reasons: Sequence[_Reason]) -> None:
        super().__init__()
        self._models = models
        self._reasons = reasons
        self._worded: dict[int, Skip] = {}

    def __missing__(self, gone: int) -> list[Skip]:
        if len(self) >= KEPT_PER_RULE:
            self.clear()
        worded = self._worded
        found = self[gone] = [worded.get(i) or self._word(i) for i in bits(gone)]
        return found

    def _word(self, i: int) -> Skip:
        _, reason, words, at = next(r for r in self._reasons if r[0] >> i & 1)
        found = self._worded[i] = Skip(self._models[i].name, reason, words, span=at)
        return found


@dataclass(frozen=True, slots=True)
class _Own:
    """What one rule does.

    removes: bit i is model i. first: the models it puts first, as the order knows them.
    """

    rule: Rule
    removes: int
    skips: _Skips
    first: First

    @property
    def only_removes(self) -> bool:
        """It neither orders nor denies nor asks for checks."""
        rule = self.rule
        return not (self.first or rule.min_tier or rule.deny is not None or rule.accept)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text fact: what its value admits, by equality, then by the longest prefix.

    begins: prefixes by their length, longest first.
    """

    fact: int
    equal: Mapping[str, int]
    begins: tuple[tuple[int, Mapping[str, int]], ...]
    other: int
    absent: int

    def admits(self, value: str | None) -> int:
        if value is None:
            return self.absent
        found = self.equal.get(value)
        if found is None:
            for length, prefixes in self.begins:
                found = prefixes.get(value[:length])
                if found is not None:
                    return found
            return self.other
        return found


_Row: TypeAlias = "tuple[int, _Own | None]"
"""Of a box: the models that its rule keeps and the boxes of the rules after it, in one set; and
what the rule does where it does more than remove."""


class Index:
    """The compiled form of a policy's models and rules that `decide` works on. Raises TooLarge."""

    def __init__(
        self,
        *,
        models: Sequence[Model],
        tiers: Sequence[str],
        tasks: Sequence[Task],
        bands: Sequence[Band],
        prefer: tuple[SortKey, ...],
        rules: Sequence[Rule],
        vocabulary: Vocabulary,
        limits: Sequence[Limit] = (),
    ) -> None:
        self.limits = LimitIndex(models, limits)
        self.models = tuple(models)
        self.by_name: Mapping[str, Model] = {m.name: m for m in models}
        self.at: Mapping[str, int] = {m.name: i for i, m in enumerate(models)}
        self.abilities: Final = frozenset(ABILITIES)
        self.everyone = (1 << len(models)) - 1
        self.tasks: Mapping[str, Task] = {t.name: t for t in tasks}
        self.default_task = next((t for t in tasks if t.default), None)
        self.bands: Mapping[str, Band] = {b.name: b for b in bands}
        self._bands = tuple(bands)
        self.band_starts = tuple(b.start for b in bands)
        names = [b.name for b in bands]
        self.levels = len(names) if names == [f"level_{n + 1}" for n in range(10)] else 0
        self.order = Rankings(models, tiers, prefer)
        self.below = self.order.below
        self.first_of: Mapping[str, First] = {
            t.name: tuple(self.order.put(self.at[m], f"task `{t.name}`") for m in t.first)
            for t in tasks
        }
        self.too_long = [
            Skip(
                m.name,
                Reason.CONTEXT,
                f"context of {m.context or 0:,} tokens is too small",
                span=m.span,
            )
            for m in models
        ]
        self._lacking: dict[frozenset[str], list[Skip]] = {}
        self._unable: dict[frozenset[str], int] = {}
        self._contexts = tuple(sorted({m.context for m in models if m.context is not None}))
        of_size = dict.fromkeys(self._contexts, 0)
        for i, model in enumerate(models):
            if model.context is not None:
                of_size[model.context] |= 1 << i
        self._too_small: tuple[int, ...] = (0, *accumulate(of_size.values(), or_))
        self.rules = tuple(rules)
        conditions = [r.when.tree for r in rules if r.when is not None]
        self.space = Space(vocabulary, bands, conditions)
        timed = [m.when.reads for m in limits if m.when is not None]
        self.reads_clock = any(d.fact in (HOUR, WEEKDAY) for d in self.space.dimensions) or any(
            not _CLOCK.isdisjoint(reads) for reads in timed
        )
        self._own = tuple(self._consequence(rule) for rule in self.rules)
        self._effects: dict[int, Effect] = {}
        self._build()

    # -- which models a rule takes away ------------------------------------------------------

    def mask(self, names: Sequence[str]) -> int:
        """The set of models of these names."""
        found = 0
        for name in names:
            found |= 1 << self.at[name]
        return found

    def unable(self, needs: frozenset[str]) -> int:
        """The models that lack one of the abilities."""
        found = self._unable.get(needs)
        if found is None:
            found = sum(1 << i for i, m in enumerate(self.models) if not needs <= m.abilities)
            self._unable[needs] = found  # at most one entry per subset of the abilities
        return found

    def lacking(self, needs: frozenset[str]) -> list[Skip]:
        """For each model the Skip that says what it cannot do."""
        found = self._lacking.get(needs)
        if found is None:
            found = self._lacking[needs] = [
                Skip(
                    m.name,
                    Reason.ABILITY,
                    "does not support " + ", ".join(sorted(needs - m.abilities)),
                    span=m.span,
                )
                for m in self.models
            ]
        return found

    def too_small(self, tokens: int) -> int:
        """The models whose context is known to be smaller than so many tokens."""
        return self._too_small[bisect_left(self._contexts, tokens)]

    def band_for(self, score: float) -> Band | None:
        """The band that a score of complexity (0..1) lies in; None when it is below all of them."""
        number = bisect_right(self.band_starts, score)
        return self._bands[number - 1] if number else None

    def removed_by(self, number: int) -> int:
        """The models that a rule (by its number) takes away where it applies."""
        return self._own[number].removes

    def _consequence(self, rule: Rule) -> _Own:
        says = f"rule `{rule.name}`"
        lacking = self.unable(rule.needs) if rule.needs else 0
        outside = 0 if rule.only is None else self.everyone & ~self.mask(rule.only)
        avoided = self.mask(rule.avoid)
        reasons = (
            (outside, Reason.ONLY, f"excluded by `only` of {says}", rule.only_at or rule.span),
            (avoided, Reason.AVOID, f"excluded by `avoid` of {says}", rule.avoid_at or rule.span),
            (
                lacking,
                Reason.ABILITY,
                f"excluded by `needs` of {says}: {', '.join(sorted(rule.needs))}",
                rule.span,
            ),
        )
        first = tuple(self.order.put(self.at[name], says) for name in rule.first)
        skips = _Skips(self.models, reasons)
        return _Own(rule, outside | avoided | lacking, skips, first)

    # -- which rules apply -------------------------------------------------------------------

    def _boxes(self, patterns: set[int]) -> list[tuple[_Own, Mapping[int, int]]]:
        """Every rule's boxes, the last rule's first; a condition that boxes do not say in full (too
        many of them, or a pattern among its tests) is kept to be evaluated where they match."""
        boxes: list[tuple[_Own, Mapping[int, int]]] = []
        for own in reversed(self._own):
            when = own.rule.when
            if when is None:
                boxes.append((own, {}))
                continue
            try:
                found = self.space.boxes(when.tree)
                exact = not any(patterns & set(box) for box in found)
            except TooWide:
                found, exact = [{}], False
            for box in found:
                if not exact:
                    self._opaque[len(self.models) + len(boxes)] = when.holds
                boxes.append((own, {d: c for d, c in box.items() if d not in patterns}))
        return boxes

    def _build(self) -> None:
        patterns = {
            i
            for i, d in enumerate(self.space.dimensions)
            if d.detail is not None and d.fact != TAGS
        }
        self._opaque: dict[int, Callable[[Facts], bool]] = {}
        owned = self._boxes(patterns)
        # The models' bits come first, as boxes that leave every fact free.
        boxes: list[Mapping[int, int]] = [*({} for _ in self.models), *(box for _, box in owned)]
        # Lint lines the rules up as well as the cells.
        cells = sum(d.size for d in self.space.dimensions) + len(self.rules)
        if cells * len(boxes) > MAX_TABLE:
            raise TooLarge
        self._all = (1 << len(boxes)) - 1
        # Found by the bit length of a set, which is that of its models alone when no box is left.
        self._rows: list[_Row] = [(0, None)] * (len(self.models) + 1)
        self._explaining: list[tuple[int, str, int, _Skips]] = []
        later, before = 0, None
        for bit, (own, _) in enumerate(owned, len(self.models)):
            if own is not before:  # it applies once, however many of its boxes match
                later, before = (1 << bit) - 1, own
            keeps = later & ~own.removes
            self._rows.append((keeps, None if own.only_removes else own))
            self._explaining.append((keeps, own.rule.name, own.removes, own.skips))
        self._opaque_bits = sum(1 << bit for bit in self._opaque)
        self._numbers: list[tuple[int, Sequence[Any], Sequence[Any], list[int], int]] = []
        self._values: list[tuple[int, dict[object, int], int]] = []
        self._texts: list[_Text] = []
        self._tags: dict[str, tuple[int, int]] = {}
        every = admitting(self.space.dimensions, boxes)
        for at, (d, masks) in enumerate(zip(self.space.dimensions, every, strict=True)):
            if at in patterns:
                continue
            if d.fact == TAGS:
                self._tags[str(d.detail)] = (masks[0], masks[1])
            elif d.kind is FactType.NUMBER:
                self._numbers.append(
                    (d.fact, d.constants, (*d.constants, None), masks[:-1], masks[-1])
                )
            elif d.prefixes:
                self._texts.append(_text(d, masks))
            else:
                table: dict[object, int] = dict(zip(d.constants, masks, strict=False))
                self._values.append((d.fact, {**table, None: masks[-1]}, masks[-2]))
        self._tag_names = frozenset(self._tags)
        self._tag_sets: dict[frozenset[str], int] = {}

    def matching(self, facts: Facts) -> int:
        """The boxes that hold for a vector of facts."""
        found = self._tagged(self._tag_names & facts[TAGS]) if self._tags else self._all
        for at, constants, points, masks, absent in self._numbers:
            value = facts[at]
            if value is None:
                found &= absent
            else:
                cell = bisect_left(constants, value)
                found &= masks[2 * cell + (points[cell] == value)]
        for at, table, other in self._values:
            found &= table.get(facts[at], other)
        for text in self._texts:
            found &= text.admits(facts[text.fact])
        if found & self._opaque_bits:
            for bit in bits(found & self._opaque_bits):
                if not self._opaque[bit](facts):
                    found ^= 1 << bit
        return found

    def _tagged(self, tags: frozenset[str]) -> int:
        found = self._tag_sets.get(tags)
        if found is None:
            found = self._all
            for tag, (without, having) in self._tags.items():
                found &= having if tag in tags else without
            if len(self._tag_sets) >= KEPT:
                self._tag_sets.clear()
            self._tag_sets[tags] = found
        return found

    def effect(self, matching: int) -> Effect:
        """What the rules that own these boxes come to, in written order."""
        found = self._effects.get(matching)
        if found is not None:
            return found
        first: First = ()
        accept: tuple[Accept, ...] = ()
        floor, floor_by, denied = 0, None, None
        rows, models, left = self._rows, len(self.models), matching
        while (top := left.bit_length()) > models:
            keeps, own = rows[top]
            left &= keeps
            if own is not None:
                rule = own.rule
                first += own.first
                if rule.min_tier is not None and rule.min_tier > floor:
                    floor, floor_by = rule.min_tier, rule
                if rule.deny is not None and denied is None:
                    denied = rule
                if rule.accept is not None:
                    accept += (rule.accept,)
        reasons = RuleReasons.later(partial(self._reasons, matching))
        found = Effect(left, first, floor, floor_by, denied, accept, reasons)
        if len(self._effects) >= KEPT:
            self._effects.clear()
        self._effects[matching] = found
        return found

    def _reasons(self, matching: int) -> RulesAndSkips:
        """The names of the rules that own these boxes, and the models that they take away."""
        names: list[str] = []
        skipped: list[Skip] = []
        explaining, models, left = self._explaining, len(self.models), matching
        while (top := left.bit_length()) > models:
            keeps, name, removes, skips = explaining[top - models - 1]
            names.append(name)
            gone = left & removes
            if gone:
                skipped += skips[gone]
            left &= keeps
        return tuple(names), tuple(skipped)


def _text(dimension: Dimension, masks: list[int]) -> _Text:
    constants, prefixes = dimension.constants, dimension.prefixes
    begins: dict[int, dict[str, int]] = {}
    for prefix, mask in zip(prefixes, masks[len(constants) :], strict=False):
        begins.setdefault(len(prefix), {})[prefix] = mask
    equal = {str(c): mask for c, mask in zip(constants, masks, strict=False)}
    return _Text(dimension.fact, equal, tuple(begins.items()), masks[-2], masks[-1])
