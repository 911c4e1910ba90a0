"""What a policy's rules come to, looked up instead of evaluated.

Every box of every rule's condition owns one bit. For each dimension and each of its cells there is
an int that holds the bits of the boxes which admit that cell; the boxes that match a request are
the AND over the dimensions, so the cost does not grow with the number of rules. Boxes are numbered
in the written order of their rules. What one set of matching boxes comes to is computed once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.condition import HOUR, TAGS, WEEKDAY, Kind
from policy_router.decide.cells import Space, TooWide, admitting, bits
from policy_router.decide.metering import Metering
from policy_router.decide.order import Order
from policy_router.model import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from policy_router.condition import Facts, Vocabulary
    from policy_router.decide.cells import Dimension
    from policy_router.decide.order import First
    from policy_router.meter import Meter
    from policy_router.model import Accept, Band, Key, Model, Rule, Task

ABILITIES: Final = ("tools", "json", "vision", "audio", "pdf", "reasoning")
"""What a request may need and a model may be able to do."""

KEPT_PER_RULE: Final = 256
KEPT: Final = 4096
"""Results kept per table; when full, a table starts over."""


class Effect(NamedTuple):
    """What a set of matching rules comes to.

    allowed: bit i is model i. skipped: the models taken away, each by the first rule to do so.
    floor: the lowest rank asked for, and who asks. denied: the first rule that denies, if any.
    accept: the checks that the rules ask for.
    """

    rules: tuple[str, ...]
    allowed: int
    skipped: tuple[Skip, ...]
    first: First
    floor: int
    floor_by: Rule | None
    denied: Rule | None
    accept: tuple[Accept, ...] = ()


class _Own:
    """What one rule does.

    removes: bit i is model i. first: the models it puts first. orders: it does more than remove.
    """

    __slots__ = ("_known", "_skips", "first", "orders", "removes", "rule")

    def __init__(self, rule: Rule, skips: Mapping[int, Skip], first: First) -> None:
        self.rule = rule
        self.removes = sum(1 << i for i in skips)
        self.first = first
        self.orders = bool(first or rule.min_tier or rule.deny is not None or rule.accept)
        self._skips = skips
        self._known: dict[int, list[Skip]] = {}

    def reasons(self, gone: int) -> list[Skip]:
        """The reasons for the models in `gone`, each of which the rule removes."""
        found = self._known.get(gone)
        if found is None:
            if len(self._known) >= KEPT_PER_RULE:
                self._known.clear()
            found = self._known[gone] = [self._skips[i] for i in bits(gone)]
        return found


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


class Index:
    """The compiled form of a policy's models and rules that `decide` works on."""

    def __init__(  # noqa: PLR0917  the parts of a policy, in its order
        self,
        models: Sequence[Model],
        tiers: Sequence[str],
        tasks: Sequence[Task],
        bands: Sequence[Band],
        prefer: tuple[Key, ...],
        rules: Sequence[Rule],
        vocabulary: Vocabulary,
        meters: Sequence[Meter] = (),
    ) -> None:
        self.metering = Metering(models, meters)
        self.models = tuple(models)
        self.by_name: Mapping[str, Model] = {m.name: m for m in models}
        self.at: Mapping[str, int] = {m.name: i for i, m in enumerate(models)}
        self.abilities: Final = frozenset(ABILITIES)
        self.everyone = (1 << len(models)) - 1
        self.tasks: Mapping[str, Task] = {t.name: t for t in tasks}
        self.default_task = next((t for t in tasks if t.default), None)
        self.bands: Mapping[str, Band] = {b.name: b for b in bands}
        self.band_starts = tuple(b.start for b in bands)
        self.order = Order(models, tiers, prefer)
        self.below = self.order.below
        self.too_long = [
            Skip(
                m.name, Reason.CONTEXT, f"its context holds only {m.context or 0:,} tokens", at=m.at
            )
            for m in models
        ]
        self._lacking: dict[frozenset[str], list[Skip]] = {}
        self._unable: dict[frozenset[str], int] = {}
        self._contexts = tuple(sorted({m.context for m in models if m.context is not None}))
        self._too_small = (0, *(
            sum(1 << i for i, m in enumerate(models) if m.context is not None and m.context <= size)
            for size in self._contexts
        ))  # fmt: skip
        self.rules = tuple(rules)
        conditions = [r.when.tree for r in rules if r.when is not None]
        self.space = Space(vocabulary, bands, conditions)
        self.reads_clock = any(d.fact in (HOUR, WEEKDAY) for d in self.space.dimensions)
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
            self._unable[needs] = found  # at most one entry per subset of six abilities
        return found

    def lacking(self, needs: frozenset[str]) -> list[Skip]:
        """For each model the Skip that says what it cannot do."""
        found = self._lacking.get(needs)
        if found is None:
            found = self._lacking[needs] = [
                Skip(
                    m.name,
                    Reason.ABILITY,
                    "cannot do " + ", ".join(sorted(needs - m.abilities)),
                    at=m.at,
                )
                for m in self.models
            ]
        return found

    def too_small(self, tokens: int) -> int:
        """The models whose context is known to be smaller than so many tokens."""
        return self._too_small[bisect_left(self._contexts, tokens)]

    def removed_by(self, number: int) -> int:
        """The models that a rule (by its number) takes away where it applies."""
        return self._own[number].removes

    def _consequence(self, rule: Rule) -> _Own:
        skips: dict[int, Skip] = {}
        says = f"rule `{rule.name}`"
        lacking = self.unable(rule.needs) if rule.needs else 0
        outside = 0 if rule.only is None else self.everyone & ~self.mask(rule.only)
        for gone, reason, words, at in (
            (outside, Reason.ONLY, f"{says} allows only others", rule.only_at),
            (self.mask(rule.avoid), Reason.AVOID, f"{says} avoids it", rule.avoid_at),
            (lacking, Reason.ABILITY, f"{says} needs {', '.join(sorted(rule.needs))}", rule.at),
        ):
            for i in bits(gone):
                skips.setdefault(i, Skip(self.models[i].name, reason, words, at=at or rule.at))
        return _Own(rule, skips, tuple((self.at[name], says) for name in rule.first))

    # -- which rules apply -------------------------------------------------------------------

    def _boxes(self, patterns: set[int]) -> list[tuple[_Own, Mapping[int, int]]]:
        """Every rule's boxes, in written order; a condition that boxes do not say in full (too
        many of them, or a pattern among its tests) is kept to be evaluated where they match."""
        boxes: list[tuple[_Own, Mapping[int, int]]] = []
        for own in self._own:
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
                    self._opaque[len(boxes)] = when.holds
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
        boxes = [box for _, box in owned]
        self._of_box = [own for own, _ in owned]
        self._repeats = sum(
            1 << bit
            for bit, (before, own) in enumerate(pairwise(self._of_box), start=1)
            if own is before
        )
        self._removes = [own.removes for own, _ in owned]
        self._all_of = [own.reasons(own.removes) for own, _ in owned]
        self._names = [own.rule.name for own, _ in owned]
        self._ordering = {bit for bit, own in enumerate(self._of_box) if own.orders}
        self._all = (1 << len(boxes)) - 1
        self._opaque_bits = sum(1 << bit for bit in self._opaque)
        self._numbers: list[tuple[int, Sequence[Any], list[int], int]] = []
        self._values: list[tuple[int, dict[object, int]]] = []
        self._texts: list[_Text] = []
        self._tags: dict[str, tuple[int, int]] = {}
        for at, d in enumerate(self.space.dimensions):
            if at in patterns:
                continue
            masks = admitting(d, at, boxes)
            if d.fact == TAGS:
                self._tags[str(d.detail)] = (masks[0], masks[1])
            elif d.kind is Kind.NUMBER:
                self._numbers.append((d.fact, d.constants, masks[:-1], masks[-1]))
            elif d.kind is Kind.STRING:
                self._texts.append(_text(d, masks))
            else:
                table: dict[object, int] = dict(zip(d.constants, masks, strict=False))
                self._values.append((d.fact, {**table, None: masks[-1]}))
        self._tag_names = frozenset(self._tags)
        self._tag_sets: dict[frozenset[str], int] = {}

    def matching(self, facts: Facts) -> int:
        """The boxes that hold for a vector of facts."""
        found = self._all
        for at, constants, masks, absent in self._numbers:
            value = facts[at]
            if value is None:
                found &= absent
            else:
                found &= masks[bisect_left(constants, value) + bisect_right(constants, value)]
        for at, table in self._values:
            found &= table[facts[at]]
        for text in self._texts:
            found &= text.admits(facts[text.fact])
        if self._tags:
            found &= self._tagged(self._tag_names & facts[TAGS])
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
        if found is None:
            found = self._combine(matching)
            if len(self._effects) >= KEPT:
                self._effects.clear()
            self._effects[matching] = found
        return found

    def _combine(self, matching: int) -> Effect:
        found = bits(matching)
        removes, all_of, of_box = self._removes, self._all_of, self._of_box
        skipped: list[Skip] = []
        allowed = self.everyone
        for bit in found:
            gone = allowed & removes[bit]
            if gone:
                allowed ^= gone
                # Mostly nobody was before it, and its list is ready.
                skipped += all_of[bit] if gone == removes[bit] else of_box[bit].reasons(gone)
        names: Iterable[str] = map(self._names.__getitem__, found)
        if matching & self._repeats:
            # Another box of a rule whose name may be there already.
            names = dict.fromkeys(names)
        first: list[tuple[int, str]] = []
        accept: list[Accept] = []
        floor, floor_by, denied = 0, None, None
        ordering = self._ordering
        for own in [of_box[bit] for bit in found if bit in ordering]:
            rule = own.rule
            first += own.first
            if rule.min_tier is not None and rule.min_tier > floor:
                floor, floor_by = rule.min_tier, rule
            if rule.deny is not None and denied is None:
                denied = rule
            if rule.accept is not None and rule.accept not in accept:
                accept.append(rule.accept)
        return Effect(
            tuple(names), allowed, tuple(skipped), tuple(first), floor, floor_by, denied,
            tuple(accept),
        )  # fmt: skip


def _text(dimension: Dimension, masks: list[int]) -> _Text:
    constants, prefixes = dimension.constants, dimension.prefixes
    begins: dict[int, dict[str, int]] = {}
    for prefix, mask in zip(prefixes, masks[len(constants) :], strict=False):
        begins.setdefault(len(prefix), {})[prefix] = mask
    equal = {str(c): mask for c, mask in zip(constants, masks, strict=False)}
    return _Text(dimension.fact, equal, tuple(begins.items()), masks[-2], masks[-1])
