"""Conditions as values: the tree of a `when`, the facts it reads, and the function it compiles to.

A condition is a tree of tests on facts. Logic is two-valued: a test on an absent fact is false, and
`not` is plain negation, so `plan != 'pro'` is true for a request without a plan.
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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.diagnostics import Span


# Positions of the built-in facts in a vector of facts; declared attributes follow.
(
    TASK, COMPLEXITY, SCORE, TOKENS, MAX_TOKENS, TAGS, USER, TEAM, TENANT, KEY, HOUR, WEEKDAY,
    HAS_TOOLS, HAS_IMAGES, WANTS_JSON, STREAM, LANGUAGE, MODEL, SESSION, CLIENT, SUBAGENT,
    HOUSEKEEPING, TURN, TOOL_ERRORS, DETECTED,
) = range(25)  # fmt: skip


class Op(StrEnum):
    """The operator of a test, by its token. `OPERATORS` says what each means."""

    IN = "in"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    HAS = "has"
    STARTS = "startswith"
    MATCHES = "matches"


@dataclass(frozen=True, slots=True)
class Operator:
    """The meaning of an operator, in every form that the package needs.

    Attributes:
        meaning: When a test holds, as text for people. No test holds for a fact that is absent.
        text: The test as an expression writes it, from the name of the fact and its constant.
        source: The test as Python, from the position of the fact and the name of its constant.
        cells: The cells in which it holds, from the cells of its constant (those equal to it; for
            `startswith` the texts that begin with it) and all cells in which the fact is present.
            Cells of numbers ascend.
    """

    meaning: str
    text: str
    source: str
    cells: Callable[[int, int], int] = lambda own, _: own


OPERATORS: Final[Mapping[Op, Operator]] = {
    Op.IN: Operator("the fact is one of the values", "{0} in [{1}]", "(f[{0}] in {1})"),
    Op.LT: Operator(
        "the number is below the constant",
        "{0} < {1}",
        "(f[{0}] is not None and f[{0}] < {1})",
        lambda own, _: own - 1,
    ),
    Op.LE: Operator(
        "the number is at most the constant",
        "{0} <= {1}",
        "(f[{0}] is not None and f[{0}] <= {1})",
        lambda own, _: own | own - 1,
    ),
    Op.GT: Operator(
        "the number is above the constant",
        "{0} > {1}",
        "(f[{0}] is not None and f[{0}] > {1})",
        lambda own, present: present & ~(own | own - 1),
    ),
    Op.GE: Operator(
        "the number is at least the constant",
        "{0} >= {1}",
        "(f[{0}] is not None and f[{0}] >= {1})",
        lambda own, present: present & ~(own - 1),
    ),
    Op.HAS: Operator("the set contains the value", "{1} in {0}", "({1} in f[{0}])"),
    Op.STARTS: Operator(
        "the text begins with the constant",
        "{0}.startswith({1})",
        "(f[{0}] is not None and f[{0}].startswith({1}))",
    ),
    Op.MATCHES: Operator(
        "the pattern (RE2) is found in the text",
        "matches({0}, {1})",
        "(f[{0}] is not None and {1}(f[{0}]) is not None)",
    ),
}
"""Every operator. Compiling, indexing and printing conditions all use this table. The reference
interpreter in `language.interpreter` does not read it, so that tests can compare the two."""


@dataclass(frozen=True, slots=True)
class Test:
    """One fact compared with constants.

    Attributes:
        fact: Its position in the vocabulary.
        op: How they are compared.
        values: The constants: at least one; more than one only for `Op.IN`.
    """

    fact: int
    op: Op
    values: tuple[str | float | bool, ...]


@dataclass(frozen=True, slots=True)
class All:
    """True when every part holds.

    Attributes:
        parts: The parts.
    """

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when at least one part holds.

    Attributes:
        parts: The parts.
    """

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the part does not hold.

    Attributes:
        part: The part.
    """

    part: Tree


Tree: TypeAlias = Test | All | Any | Not
Facts: TypeAlias = "Sequence[Anything]"
"""One value per fact of the vocabulary, in its order; None where absent."""


@dataclass(frozen=True)
class Condition:
    """A `when`, parsed and type-checked.

    Attributes:
        tree: Its tests and how they are combined.
        text: The same as an expression; the mapping form is written as one, too.
        reads: Names of the facts that it reads.
        span: Its position in the policy files.
        places: The position of each of its tests in the policy files.
    """

    tree: Tree
    text: str
    reads: frozenset[str] = field(compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)
    places: tuple[tuple[Test, Span], ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def holds(self) -> Callable[[Facts], bool]:
        """The condition as a function of a vector of facts, compiled when first used."""
        return compile_tree(self.tree)


def tests_of(tree: Tree) -> Iterator[Test]:
    """Every test of a tree, in written order."""
    match tree:
        case Test():
            yield tree
        case Not(part):
            yield from tests_of(part)
        case _:
            for part in tree.parts:
                yield from tests_of(part)


def compile_tree(tree: Tree) -> Callable[[Facts], bool]:
    """Compile a tree to one function of a vector of facts.

    Constants are passed by name, so that no text of a policy is ever part of the source.
    """
    names: dict[str, object] = {}

    def constant(value: object) -> str:
        names[f"k{len(names)}"] = value
        return f"k{len(names) - 1}"

    def source(node: Tree) -> str:
        match node:
            case Test(fact, Op.IN, values):
                if len(values) == 1:
                    return f"(f[{fact}] == {constant(values[0])})"
                return OPERATORS[Op.IN].source.format(fact, constant(frozenset(values)))
            case Test(fact, op, values):
                value: object = values[0]
                if op is Op.MATCHES:
                    value = search(str(value))
                return OPERATORS[op].source.format(fact, constant(value))
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
    """Write a tree as an expression with the same meaning."""
    return _spell(tree, vocabulary, nested=False)


def _spell(node: Tree, vocabulary: Vocabulary, *, nested: bool = True) -> str:
    match node:
        case Test():
            return _spell_test(node, vocabulary.facts[node.fact])
        case Not(part):
            return f"not {_spell(part, vocabulary)}"
        case _:
            joint = " and " if isinstance(node, All) else " or "
            text = joint.join(_spell(part, vocabulary) for part in node.parts)
            return f"({text})" if nested else text


def _spell_test(test: Test, fact: Fact) -> str:
    value = test.values[0]
    if test.op is Op.IN and len(test.values) == 1:
        if fact.kind is FactType.BOOL:
            return fact.name if value else f"{fact.name} == False"
        return f"{fact.name} == {quote(value)}"
    return OPERATORS[test.op].text.format(fact.name, ", ".join(map(quote, test.values)))


_PLAIN: Final = frozenset(string.ascii_letters + string.digits + string.punctuation + " ") - set(
    "'\\"
)


def quote(value: str | float | bool) -> str:
    """Write a constant as an expression contains it."""
    if isinstance(value, str) and _PLAIN.issuperset(value):
        return f"'{value}'"
    return repr(value)
