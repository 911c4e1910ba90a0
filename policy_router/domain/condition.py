"""Conditions as values: what a `when` means, what it reads, and the function it compiles to.

A condition is a tree of tests on facts. Its logic is two-valued: a test on an absent fact is
false, and `not` is plain negation, so `plan != 'pro'` is true for a caller who names no plan.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias
from typing import Any as Anything

from policy_router.domain.facts import Fact, FactType, Vocabulary
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policy_router.diagnostics import Span


# Positions of the built-in facts in a vector of facts; declared attributes follow.
(
    TASK, COMPLEXITY, SCORE, TOKENS, MAX_TOKENS, TAGS, USER, TEAM, TENANT, KEY, HOUR, WEEKDAY,
    HAS_TOOLS, HAS_IMAGES, WANTS_JSON, STREAM, LANGUAGE,
) = range(17)  # fmt: skip


class Op(StrEnum):
    """How a test compares. Every one is false on an absent fact."""

    IN = "in"  # the fact is one of the values
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    HAS = "has"  # a set fact holds the value
    STARTS = "startswith"
    MATCHES = "matches"  # an RE2 pattern is found in the text


@dataclass(frozen=True, slots=True)
class Test:
    """One fact compared with constants. fact: its position in the vocabulary."""

    fact: int
    op: Op
    values: tuple[str | float | bool, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Tree


Tree: TypeAlias = Test | All | Any | Not
Facts: TypeAlias = "Sequence[Anything]"
"""One value per fact of the vocabulary, in its order; None where absent."""


@dataclass(frozen=True)
class Condition:
    """A `when`, read and type-checked.

    text: the expression it stands for; the mapping form is spelled as one too.
    reads: names of the facts it looks at. places: where each of its tests is written.
    """

    tree: Tree
    text: str
    reads: frozenset[str] = field(compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)
    places: tuple[tuple[Test, Span], ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def holds(self) -> Callable[[Facts], bool]:
        """The condition as a function of a vector of facts."""
        return compile_tree(self.tree)


def tests_of(tree: Tree) -> Iterator[Test]:
    """Every test in the tree, in written order."""
    match tree:
        case Test():
            yield tree
        case Not(part):
            yield from tests_of(part)
        case _:
            for part in tree.parts:
                yield from tests_of(part)


_SOURCE: Final = {
    Op.LT: "(f[{0}] is not None and f[{0}] < {1})",
    Op.LE: "(f[{0}] is not None and f[{0}] <= {1})",
    Op.GT: "(f[{0}] is not None and f[{0}] > {1})",
    Op.GE: "(f[{0}] is not None and f[{0}] >= {1})",
    Op.HAS: "({1} in f[{0}])",
    Op.STARTS: "(f[{0}] is not None and f[{0}].startswith({1}))",
    Op.MATCHES: "(f[{0}] is not None and {1}(f[{0}]) is not None)",
}


def compile_tree(tree: Tree) -> Callable[[Facts], bool]:
    """One code object for the tree. Constants are passed by name, so no text of the policy is
    ever part of the source."""
    names: dict[str, object] = {}

    def constant(value: object) -> str:
        names[f"k{len(names)}"] = value
        return f"k{len(names) - 1}"

    def source(node: Tree) -> str:
        match node:
            case Test(fact, Op.IN, values):
                if len(values) == 1:
                    return f"(f[{fact}] == {constant(values[0])})"
                return f"(f[{fact}] in {constant(frozenset(values))})"
            case Test(fact, op, values):
                value: object = values[0]
                if op is Op.MATCHES:
                    value = search(str(value))
                return _SOURCE[op].format(fact, constant(value))
            case Not(part):
                return f"(not {source(part)})"
            case All(parts):
                return "(" + (" and ".join(map(source, parts)) or "True") + ")"
            case _:
                return "(" + (" or ".join(map(source, node.parts)) or "False") + ")"

    code = compile(f"lambda f: {source(tree)}", "<condition>", "eval")
    function: Callable[[Facts], bool] = eval(code, {"__builtins__": {}, **names})  # noqa: S307  our own source, see above
    return function


def spell(tree: Tree, vocabulary: Vocabulary) -> str:
    """The tree as an expression that reads the same."""

    def words(node: Tree, *, nested: bool = False) -> str:
        match node:
            case Test():
                return _spell_test(node, vocabulary.facts[node.fact])
            case Not(part):
                return f"not {words(part, nested=True)}"
            case _:
                joint = " and " if isinstance(node, All) else " or "
                text = joint.join(words(p, nested=True) for p in node.parts)
                return f"({text})" if nested else text

    return words(tree)


def _spell_test(test: Test, fact: Fact) -> str:
    value = test.values[0]
    match test.op:
        case Op.IN if fact.kind is FactType.BOOL and len(test.values) == 1:
            return fact.name if value else f"{fact.name} == False"
        case Op.IN if len(test.values) == 1:
            return f"{fact.name} == {quote(value)}"
        case Op.IN:
            return f"{fact.name} in [{', '.join(map(quote, test.values))}]"
        case Op.HAS:
            return f"{quote(value)} in {fact.name}"
        case Op.STARTS:
            return f"{fact.name}.startswith({quote(value)})"
        case Op.MATCHES:
            return f"matches({fact.name}, {quote(value)})"
        case _:
            return f"{fact.name} {test.op} {quote(value)}"


_PLAIN: Final = frozenset(string.ascii_letters + string.digits + string.punctuation + " ") - set(
    "'\\"
)


def quote(value: str | float | bool) -> str:
    """A constant as an expression writes it."""
    if isinstance(value, str) and _PLAIN.issuperset(value):
        return f"'{value}'"
    return repr(value)
