"""The facts of two policies in one vocabulary, so that their conditions can be compared.

Only requests that are valid for both policies are compared, so a task, an attribute or a value that
one of them does not know is a fact of no such request. Bands are ranges of the score. Where the
policies assume different values of what a request leaves open, such as another default task, their
conditions say what they mean for such a request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.condition import (
    COMPLEXITY,
    MODEL,
    SCORE,
    TAGS,
    TASK,
    All,
    Any,
    Not,
    Op,
    Test,
    Tree,
    compile_tree,
    tests_of,
)
from policy_router.domain.facts import Fact, FactType, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.decision.policy import Policy

    Plain = str | float | bool | None

TRUE: Final = All(())
FALSE: Final = Any(())


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one policy reads a fact of the common vocabulary.

    Attributes:
        position: The position of the fact there; None where no valid request states it.
        assumed: The value that the policy assumes where a request does not state it.
        fills: Whether that value is to be filled in, since the other policy assumes another.
    """

    position: int | None
    assumed: Plain
    fills: bool


class CommonFacts:
    """The facts of two policies in one vocabulary.

    Attributes:
        vocabulary: The vocabulary.
    """

    def __init__(self, old: Policy, new: Policy) -> None:
        self._policies = old, new
        tasks = list(dict.fromkeys([*_names(old.tasks), *_names(new.tasks)]))
        defaults = _default_task(old), _default_task(new)
        shared = [fact for name in old.vocabulary.attributes if (fact := _shared(name, old, new))]
        same = defaults[0] == defaults[1]
        self.vocabulary = Vocabulary(
            tasks, (), shared, default_task=same and defaults[0] is not None
        )
        self._readings = [
            self._of(policy, defaults[i], fills=not same) for i, policy in enumerate((old, new))
        ]

    def _of(self, policy: Policy, default: str | None, *, fills: bool) -> list[_Reading]:
        readings = []
        for i, fact in enumerate(policy.vocabulary.facts):
            if i == TASK:
                readings.append(_Reading(i, default, fills))
            elif fact.name not in policy.vocabulary.attributes:
                readings.append(_Reading(i, None, fills=False))
            else:
                position = self.vocabulary.by_name.get(fact.name)
                common = None if position is None else self.vocabulary.facts[position]
                differs = common is not None and common.default is None
                filled = differs and fact.default is not None
                readings.append(_Reading(position, fact.default, filled))
        return readings

    def tree(self, which: int, tree: Tree) -> Tree:
        """A condition of a policy in the common vocabulary.

        Args:
            which: 0 for the old policy, 1 for the new one.
            tree: The condition, in the vocabulary of that policy.
        """
        match tree:
            case Not(part):
                return Not(self.tree(which, part))
            case All(parts):
                return All(tuple(self.tree(which, part) for part in parts))
            case Any(parts):
                return Any(tuple(self.tree(which, part) for part in parts))
            case Test():
                return self._test(which, tree)

    def _test(self, which: int, test: Test) -> Tree:
        if test.fact == COMPLEXITY:
            ranges = [self.band(which, str(name)) for name in test.values]
            return ranges[0] if len(ranges) == 1 else Any(tuple(ranges))
        reading = self._readings[which][test.fact]
        if reading.position is None:
            return TRUE if _holds(test, reading.assumed) else FALSE
        known = replace(test, fact=reading.position)
        if reading.fills and _holds(test, reading.assumed):
            return Any((known, Not(self.stated(reading.position))))
        return known

    def band(self, which: int, name: str) -> Tree:
        """The condition of a band of a policy, as a range of the score."""
        bands = self._policies[which].bands
        number = _names(bands).index(name)
        parts: list[Tree] = [Test(SCORE, Op.GE, (bands[number].start,))]
        if number + 1 < len(bands):
            parts.append(Test(SCORE, Op.LT, (bands[number + 1].start,)))
        return All(tuple(parts))

    def stated(self, position: int) -> Tree:
        """The condition that a fact of the common vocabulary is stated."""
        fact = self.vocabulary.facts[position]
        match fact.kind:
            case FactType.NUMBER:
                return Any((Test(position, Op.LT, (0,)), Test(position, Op.GE, (0,))))
            case FactType.STRING:
                return Test(position, Op.STARTS, ("",))
            case FactType.BOOL:
                return Test(position, Op.IN, (True, False))
            case _:
                return Test(position, Op.IN, fact.values)

    def invalid(self, trees: Iterable[Tree]) -> list[Tree]:
        """Conditions that no request meets which is valid for both policies.

        Args:
            trees: Every condition that is compared, in the common vocabulary.
        """
        old, new = self._policies
        conditions: list[Tree] = []
        strange = sorted(set(_names(old.tasks)) ^ set(_names(new.tasks)))
        if strange:
            conditions.append(Test(TASK, Op.IN, tuple(strange)))
        for name in self.vocabulary.attributes:
            values = [set(p.vocabulary.attributes[name].values) for p in self._policies]
            if values[0] ^ values[1]:
                position = self.vocabulary.by_name[name]
                conditions.append(Test(position, Op.IN, tuple(sorted(values[0] ^ values[1]))))
        tests = {test for tree in trees for test in tests_of(tree)}
        for tag in sorted({str(t.values[0]) for t in tests if t.fact == TAGS and t.op is Op.HAS}):
            closed = [policy.vocabulary.tags for policy in self._policies]
            if any(tags and tag not in tags for tags in closed):
                conditions.append(Test(TAGS, Op.HAS, (tag,)))
        if any(test.fact == MODEL for test in tests):
            names = [n for n in _asked_for(old) if new.models_asked_for(n)]
            known: Tree = Test(MODEL, Op.IN, tuple(names)) if names else FALSE
            conditions.append(All((self.stated(MODEL), Not(known))))
        return conditions


def _names(parts: Iterable[object]) -> list[str]:
    return [part.name for part in parts]  # type: ignore[attr-defined]  # all of them have one


def _asked_for(policy: Policy) -> list[str]:
    return [*policy.models_by_name, *(a.name for a in policy.aliases if not a.is_pattern), "auto"]


def _default_task(policy: Policy) -> str | None:
    return next((task.name for task in policy.tasks if task.default), None)


def _shared(name: str, old: Policy, new: Policy) -> Fact | None:
    """The common form of an attribute; None where no request states it under both policies."""
    one, other = old.vocabulary.attributes[name], new.vocabulary.attributes.get(name)
    if other is None or one.kind is not other.kind or bool(one.values) != bool(other.values):
        return None
    values = tuple(dict.fromkeys((*one.values, *other.values)))
    if one.default == other.default:
        return replace(one, values=values, ascending=False)
    return replace(one, values=values, ascending=False, optional=True, default=None)


def _holds(test: Test, value: Plain) -> bool:
    return value is not None and compile_tree(replace(test, fact=0))([value])
