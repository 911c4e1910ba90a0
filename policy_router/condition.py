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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.diagnostics import Span


class Kind(StrEnum):
    """The type of a fact."""

    ENUM = "enumeration"
    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a condition may ask of a request.

    values: what an enumeration may hold, in written order. low, high: bounds of a number,
    inclusive. optional: may be absent (a set never is: it is empty instead).
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    integer: bool = False
    low: float | None = None
    high: float | None = None
    optional: bool = True


WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Positions of the built-in facts in a vector of facts; declared attributes follow.
(
    TASK, COMPLEXITY, SCORE, TOKENS, MAX_TOKENS, TAGS, USER, TEAM, TENANT, KEY, HOUR, WEEKDAY,
    HAS_TOOLS, HAS_IMAGES, WANTS_JSON, STREAM, LANGUAGE,
) = range(17)  # fmt: skip


class Vocabulary:
    """The facts a policy may speak of: the built-in ones, then its declared attributes."""

    __slots__ = ("attributes", "by_name", "declared", "facts")

    def __init__(
        self,
        tasks: Sequence[str],
        bands: Sequence[str],
        attributes: Sequence[Fact] = (),
        *,
        default_task: bool = False,
    ) -> None:
        # With a default task every request has one.
        text, flag = Kind.STRING, Kind.BOOL
        builtin = (
            Fact("task", Kind.ENUM, tuple(tasks), optional=not default_task),
            Fact("complexity", Kind.ENUM, tuple(bands)),
            Fact("score", Kind.NUMBER, low=0, high=1),
            Fact("tokens", Kind.NUMBER, integer=True, low=0, optional=False),
            Fact("max_tokens", Kind.NUMBER, integer=True, low=1),
            Fact("tags", Kind.SET, optional=False),
            *(Fact(name, text) for name in ("user", "team", "tenant", "key")),
            Fact("hour", Kind.NUMBER, integer=True, low=0, high=23),
            Fact("weekday", Kind.ENUM, WEEKDAYS),
            *(
                Fact(name, flag, optional=False)
                for name in ("has_tools", "has_images", "wants_json", "stream")
            ),
            Fact("language", text),
        )
        self.declared = tuple(attributes)
        self.attributes: Mapping[str, Fact] = {fact.name: fact for fact in attributes}
        self.facts: tuple[Fact, ...] = (*builtin, *attributes)
        self.by_name: Mapping[str, int] = {f.name: i for i, f in enumerate(self.facts)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.facts == other.facts

    def __hash__(self) -> int:
        return hash(self.facts)


BUILT_IN: Final = frozenset(Vocabulary((), ()).by_name)


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
    at: Span | None = field(default=None, compare=False, repr=False)
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


MAX_MATCHED: Final = 65_536
"""`matches` looks at no more than so many characters of a fact."""


def search(pattern: str, most: int | None = MAX_MATCHED) -> Callable[[str], object]:
    """The search function of an RE2 pattern: time linear in the text, whatever the pattern.
    most: characters of the text that it looks at; None is all."""
    import re2  # noqa: PLC0415  few policies need it

    quiet = re2.Options()
    quiet.log_errors = False  # they would go to stderr, from C++
    compiled = re2.compile(pattern, options=quiet)

    def find(text: str) -> object:
        try:
            return compiled.search(text[:most])
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can carry: read as `?`
            return compiled.search(text[:most].encode("utf-8", "replace").decode())

    return find


def literals(words: Sequence[str]) -> Callable[[str], Sequence[int]]:
    """Which of the words occur anywhere in a text, by their places in the list: in one pass over
    the text, however many words there are. No word is empty."""
    if not words:
        return lambda _: ()
    import re2  # noqa: PLC0415  as above

    options = re2.Options()
    options.log_errors = False
    options.literal = True
    # Bytes are looked for, so that half of a surrogate pair is found as well; within UTF-8 no word
    # begins in the middle of a sign.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _AUTOMATON
    found = re2.Set.SearchSet(options)
    spelt = [word.encode("utf-8", "surrogatepass") for word in words]
    for word in spelt:
        found.Add(word)
    try:
        found.Compile()
        whole = len(found.Match(b"\n".join(spelt)) or ()) == len(words)
    except re2.error:
        whole = False
    if not whole:  # more words than the automaton has memory for
        return lambda text: [number for number, word in enumerate(words) if word in text]

    def find(text: str) -> Sequence[int]:
        return found.Match(text.encode("utf-8", "surrogatepass")) or ()

    return find


_AUTOMATON: Final = 1 << 26
"""Bytes that the automaton for words may take."""

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
        case Op.IN if fact.kind is Kind.BOOL and len(test.values) == 1:
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
