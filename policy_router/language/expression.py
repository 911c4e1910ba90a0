"""The `when` language: a mapping or an expression, read and type-checked into a Condition.

The expression form is the part of simpleeval's syntax that can be checked before it runs: `and`,
`or`, `not`, comparisons (chained too), `in`, literals, facts, `.startswith()` on a text, and the
functions any_of, all_of and matches. Every comparison is between one fact and constants, so what a
condition can mean is known in full when the policy is loaded.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.domain.condition import All, Any, Condition, Not, Op, Test, Tree, spell, tests_of
from policy_router.domain.facts import WEEKDAYS, Fact, FactType, Vocabulary
from policy_router.language.habits import BOOLEANS
from policy_router.language.habits import WEEKDAYS as DAYS
from policy_router.patterns import RE2, pattern_problem
from policy_router.suggest import Hints
from policy_router.units import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Constant: TypeAlias = str | float | bool
Locate: TypeAlias = Callable[[int, int], Span]
"""Characters [start, end) of the condition's text -> where they stand in the file."""

MAX_TEXT: Final = 4096
MAX_DEPTH: Final = 50
MAX_TESTS: Final = 200
FUNCTIONS: Final = ("any_of", "all_of", "matches")
_ALLOWED: Final = (
    "a condition has facts, constants, and/or/not, == != < <= > >=, in, "
    ".startswith(), any_of(), all_of(), matches()"
)


@dataclass(eq=False)
class _Wrong(Exception):  # noqa: N818  carries a diagnostic's parts to the one place that catches it
    rule: str
    message: str
    start: int
    end: int
    help: str


def read_expression(
    text: str, vocabulary: Vocabulary, locate: Locate, hints: Hints | None = None
) -> tuple[Condition | None, tuple[Diagnostic, ...]]:
    """An expression's condition, or what is wrong with it and where."""
    try:
        reader = _Reader(text, vocabulary, hints or Hints())
        tree = reader.tree()
    except _Wrong as wrong:
        at = locate(wrong.start, max(wrong.end, wrong.start + 1))
        found = Diagnostic(wrong.rule, Severity.ERROR, wrong.message, at, wrong.help)
        return None, (found,)
    places = tuple((test, locate(start, end)) for test, start, end in reader.places)
    return _condition(tree, reader.text, vocabulary, locate(0, len(text)), places), ()


def read_mapping(  # noqa: PLR0917  a mapping, what it may say, where it stands
    mapping: Mapping[str, object],
    vocabulary: Vocabulary,
    key_at: Callable[[str], Span],
    value_at: Callable[[str, int | None], Span],
    at: Span,
    hints: Hints | None = None,
) -> tuple[Condition | None, tuple[Diagnostic, ...]]:
    """A mapping's condition: every entry holds, a list means any of its values.

    key_at, value_at: where a key and its value (or one entry of its list) stand in the file.
    """
    hints = hints or Hints()
    parts: list[Tree] = []
    found: list[Diagnostic] = []
    places: list[tuple[Test, Span]] = []

    def note(wrong: _Wrong, span: Span) -> None:
        found.append(Diagnostic(wrong.rule, Severity.ERROR, wrong.message, span, wrong.help))

    for name, value in mapping.items():
        try:
            index = _fact(name, vocabulary, hints, 0, 0)
        except _Wrong as wrong:
            note(wrong, key_at(name))
            continue
        fact = vocabulary.facts[index]
        listed = isinstance(value, list)
        values: Sequence[object] = value if isinstance(value, list) else [value]
        good: list[Constant] = []
        for i, each in enumerate(values):
            try:
                good.append(_constant_for(fact, each, hints, 0, 0))
            except _Wrong as wrong:
                note(wrong, value_at(name, i if listed else None))
        if not good:
            continue
        if fact.kind is FactType.SET:
            tests = [Test(index, Op.HAS, (v,)) for v in good]
        else:
            tests = [Test(index, Op.IN, tuple(dict.fromkeys(good)))]
        places.extend((t, value_at(name, None)) for t in tests)
        parts.append(tests[0] if len(tests) == 1 else Any(tuple(tests)))
    if found:
        return None, tuple(found)
    tree = parts[0] if len(parts) == 1 else All(tuple(parts))
    return _condition(tree, spell(tree, vocabulary), vocabulary, at, tuple(places)), ()


def _condition(
    tree: Tree,
    text: str,
    vocabulary: Vocabulary,
    at: Span,
    places: tuple[tuple[Test, Span], ...],
) -> Condition:
    reads = frozenset(vocabulary.facts[test.fact].name for test in tests_of(tree))
    return Condition(tree, text, reads, at, places)


def syntax(text: str) -> ast.expr:
    """Python's tree of an expression; SyntaxError and its kin when it is none."""
    with warnings.catch_warnings():
        # Patterns are full of "\\d"; Python would rather have them raw.
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


class _Reader:
    """One pass over an expression's syntax tree. `places` collects where each test stands."""

    def __init__(self, text: str, vocabulary: Vocabulary, hints: Hints) -> None:
        self._vocabulary = vocabulary
        self._hints = hints
        self._lead = len(text) - len(text.lstrip())
        # One line, so that a column is all there is to a place; texts in quotes stay as they are.
        self._text = _SPACES.sub(lambda m: m[1].replace("\n", " ") if m[1] else " ", text.strip())
        self._bytes = self._text.encode("utf-8", "surrogatepass")
        self.places: list[tuple[Test, int, int]] = []

    @property
    def text(self) -> str:
        """The expression in one line, single spaces between its words."""
        return re.sub(r"(" + _QUOTED.pattern + r")|\s+", lambda m: m[1] or " ", self._text)

    def tree(self) -> Tree:
        if len(self._text) > MAX_TEXT:
            self._too_large()
        if not self._text:
            message, help_ = "the condition is empty", "leave `when` out"
            raise _Wrong("condition-syntax", message, 0, self._lead, help_)
        _look_for_slips(self._text, self._lead)
        try:
            parsed = syntax(self._text)
        except SyntaxError as error:
            message = "this is not a condition"
            at = min((error.offset or 0) - 1, len(self._text) - 1)
            if at < 0:  # Python has no place for what is missing
                message, at = "the condition breaks off here", len(self._text) - 1
            at += self._lead
            raise _Wrong("condition-syntax", message, at, at + 1, _ALLOWED) from None
        except (RecursionError, MemoryError, ValueError):
            self._too_large()
        return self._read(parsed, 0)

    def _too_large(self) -> NoReturn:
        raise _Wrong(
            "condition-too-large",
            f"the condition has more than {MAX_TESTS} tests, {MAX_DEPTH} levels or "
            f"{MAX_TEXT:,} characters",
            self._lead,
            self._lead + len(self._text),
            "write several rules",
        )

    def _span(self, node: ast.expr) -> tuple[int, int]:
        """Characters of the condition's text that a node spans; ast counts bytes."""
        start = len(self._bytes[: node.col_offset].decode("utf-8", "replace"))
        stop = len(self._bytes[: node.end_col_offset or 0].decode("utf-8", "replace"))
        return self._lead + start, self._lead + stop

    def _wrong(self, node: ast.expr, rule: str, message: str, help_: str = _ALLOWED) -> NoReturn:
        raise _Wrong(rule, message, *self._span(node), help_)

    def _words(self, node: ast.expr) -> str:
        start, stop = self._span(node)
        text = self._text[start - self._lead : stop - self._lead]
        return text if len(text) <= 40 else text[:37] + "..."

    def _test(self, node: ast.expr, fact: int, op: Op, *values: Constant) -> Test:
        test = Test(fact, op, values)
        if len(self.places) >= MAX_TESTS:
            self._too_large()
        self.places.append((test, *self._span(node)))
        return test

    def _read(self, node: ast.expr, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            self._too_large()
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return All(tuple(self._read(p, depth + 1) for p in parts))
            case ast.BoolOp(values=parts):
                return Any(tuple(self._read(p, depth + 1) for p in parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return Not(self._read(part, depth + 1))
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return self._call(node)
            case ast.Name():
                return self._bare(node)
            case ast.Constant(value=value):
                self._wrong(
                    node,
                    "constant-condition",
                    f"`{self._words(node)}` is always {'true' if value else 'false'}",
                    "compare a fact with it, or leave `when` out",
                )
        self._wrong(node, "condition-syntax", f"`{self._words(node)}` is not part of a condition")

    def _bare(self, node: ast.Name) -> Tree:
        index = self._fact(node)
        fact = self._vocabulary.facts[index]
        if fact.kind is not FactType.BOOL:
            example = {
                FactType.NUMBER: f"{fact.name} > 100",
                FactType.SET: f"'a-tag' in {fact.name}",
            }.get(fact.kind, f"{fact.name} == '...'")
            self._wrong(
                node,
                "condition-type",
                f"`{fact.name}` is {_a(fact)}, not true or false",
                f"compare it: {example}",
            )
        return self._test(node, index, Op.IN, True)

    def _comparison(self, node: ast.Compare) -> Tree:
        parts: list[Tree] = []
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self._pair(node, left, op, right))
            left = right
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _pair(self, node: ast.expr, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Tree:
        for side in (left, right):
            self._something(side)
        match op:
            case ast.In():
                return self._membership(node, left, right)
            case ast.NotIn():
                return Not(self._membership(node, left, right, negated=True))
            case ast.Is() | ast.IsNot():
                said, meant = ("is", "==") if isinstance(op, ast.Is) else ("is not", "!=")
                message = f"`{said}` compares objects"
                self._wrong(node, "condition-syntax", message, f"write {meant}")
        name = _OPERATORS[type(op)]
        if isinstance(left, ast.Name) and isinstance(right, ast.Name):
            self._two_facts(node, left, right)
        if isinstance(right, ast.Name):
            left, right, name = right, left, _FLIPPED.get(name, name)
        if not isinstance(left, ast.Name):
            if self._literal(left) and self._literal(right):
                self._wrong(
                    node,
                    "constant-condition",
                    f"`{self._words(node)}` compares two constants",
                    "one side must be a fact",
                )
            odd = right if self._literal(left) else left
            self._wrong(
                odd, "condition-syntax", f"`{self._words(odd)}` is neither fact nor constant"
            )
        index = self._fact(left)
        fact = self._vocabulary.facts[index]
        value = self._constant(fact, right)
        if name in ("==", "!="):
            if fact.kind is FactType.SET:
                self._wrong(
                    node,
                    "condition-type",
                    f"`{fact.name}` is a set, it cannot be compared with one value",
                    f"write {self._words(right)} {'in' if name == '==' else 'not in'} {fact.name}",
                )
            test = self._test(node, index, Op.IN, value)
            return test if name == "==" else Not(test)
        if fact.kind is not FactType.NUMBER:
            self._wrong(
                node,
                "condition-type",
                f"`{fact.name}` is {_a(fact)}, it has no order",
                "use `score` for how hard a request is" if fact.name == "complexity" else _ALLOWED,
            )
        return self._test(node, index, Op(name), value)

    def _two_facts(self, node: ast.expr, left: ast.Name, right: ast.Name) -> NoReturn:
        index = self._fact(left)
        fact = self._vocabulary.facts[index]
        if right.id in self._vocabulary.by_name:
            self._wrong(
                node,
                "condition-syntax",
                f"`{left.id}` and `{right.id}` are both facts",
                "one side must be a constant",
            )
        help_ = _unknown_fact(right.id, self._vocabulary, self._hints)
        if fact.kind in (FactType.ENUM, FactType.STRING):
            help_ = f"a text stands in quotes: '{right.id}'"
        message = f"`{right.id}` is not a fact about a request"
        self._wrong(right, "unknown-fact", message, help_)

    def _membership(
        self, node: ast.expr, left: ast.expr, right: ast.expr, *, negated: bool = False
    ) -> Tree:
        # What is proposed instead has to say the same, so `not` is carried along.
        equal, within, no = ("!=", "not in", "not ") if negated else ("==", "in", "")
        if isinstance(right, ast.Name):
            index = self._fact(right)
            fact = self._vocabulary.facts[index]
            if fact.kind is not FactType.SET:
                wanted = self._words(left)
                help_ = f"write {fact.name} {equal} {wanted}"
                if fact.kind is FactType.STRING:
                    part = f"{no}matches({fact.name}, {_as_pattern(wanted)})"
                    help_ = (
                        f"for a part of it write {part}, for all of it {fact.name} {equal} {wanted}"
                    )
                self._wrong(
                    node, "condition-type", f"`{fact.name}` is {_a(fact)}, nothing is in it", help_
                )
            return self._test(node, index, Op.HAS, self._constant(fact, left))
        if not isinstance(left, ast.Name):
            self._wrong(left, "condition-syntax", f"`{self._words(left)}` is not a fact")
        index = self._fact(left)
        fact = self._vocabulary.facts[index]
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            self._wrong(
                node,
                "substring",
                f"`in {self._words(right)}` looks for a piece of that text",
                f"write {left.id} {equal} {self._words(right)} or {left.id} {within} "
                f"[{self._words(right)}]",
            )
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            self._wrong(
                right, "condition-syntax", f"`{self._words(right)}` is not a list of constants"
            )
        if fact.kind is FactType.SET:
            self._wrong(
                node,
                "condition-type",
                f"`{fact.name}` is a set",
                f"write {no}any_of({fact.name}, {', '.join(self._words(e) for e in right.elts)})",
            )
        values = dict.fromkeys(self._constant(fact, each) for each in right.elts)
        return self._test(node, index, Op.IN, *values)

    def _call(self, node: ast.Call) -> Tree:
        if node.keywords:
            self._wrong(node, "condition-syntax", "functions take no named arguments here")
        match node.func:
            case ast.Attribute(value=ast.Name() as owner, attr="startswith"):
                index = self._fact(owner)
                return self._text_test(node, index, Op.STARTS, node.args)
            case ast.Attribute(attr=attr):
                self._wrong(
                    node,
                    "condition-syntax",
                    f"`.{attr}()` is not part of a condition",
                    self._call_help(attr, [node.func.value, *node.args])
                    or self._hints.help_line(attr, ["startswith"]),
                )
            case ast.Name(id="matches") if len(node.args) == 2:
                return self._text_test(node, self._fact(node.args[0]), Op.MATCHES, node.args[1:])
            case ast.Name(id="any_of" | "all_of" as name) if len(node.args) > 1:
                index = self._fact(node.args[0])
                fact = self._vocabulary.facts[index]
                if fact.kind is not FactType.SET:
                    self._wrong(
                        node,
                        "condition-type",
                        f"`{fact.name}` is {_a(fact)}, {name} takes a set",
                        f"write {fact.name} in [...]"
                        if name == "any_of" or len(node.args) == 2
                        else f"`{fact.name}` has one value, which cannot equal several",
                    )
                tests = tuple(
                    self._test(node, index, Op.HAS, self._constant(fact, each))
                    for each in node.args[1:]
                )
                return Any(tests) if name == "any_of" else All(tests)
            case ast.Name(id=name) if name in FUNCTIONS:
                self._wrong(
                    node,
                    "condition-syntax",
                    f"`{name}` takes a fact and " + ("a pattern" if name == "matches" else "texts"),
                    "write "
                    + (
                        "matches(user, '^bot-')" if name == "matches" else f"{name}(tags, 'a', 'b')"
                    ),
                )
            case ast.Name(id=name):
                self._wrong(
                    node,
                    "unknown-function",
                    f"`{name}` is not a function",
                    self._call_help(name, node.args) or self._hints.help_line(name, FUNCTIONS),
                )
        self._wrong(node, "condition-syntax", f"`{self._words(node)}` is not part of a condition")

    def _call_help(self, name: str, arguments: Sequence[ast.expr]) -> str:
        """What to write instead of a call that conditions do not have."""
        if not arguments:
            return ""
        said, *others = (self._words(each) for each in arguments)
        index = self._vocabulary.by_name.get(said)
        kind = None if index is None else self._vocabulary.facts[index].kind
        return _call_help(name, said, others[0] if others else "'...'", kind)

    def _text_test(self, node: ast.Call, index: int, op: Op, args: Sequence[ast.expr]) -> Tree:
        fact = self._vocabulary.facts[index]
        if fact.kind not in (FactType.STRING, FactType.ENUM):
            self._wrong(node, "condition-type", f"`{fact.name}` is {_a(fact)}, not a text")
        if fact.kind is FactType.ENUM:
            self._wrong(
                node,
                "condition-type",
                f"`{fact.name}` has a fixed list of values",
                f"list the ones you mean: {fact.name} in [...]",
            )
        if len(args) != 1 or not (
            isinstance(args[0], ast.Constant) and isinstance(args[0].value, str)
        ):
            self._wrong(node, "condition-syntax", f"`{self._words(node)}` needs one text in quotes")
        text = args[0].value
        if not text:
            self._wrong(
                args[0], "constant-condition", "every text holds the empty one", "write a text"
            )
        if op is Op.MATCHES:
            problem = pattern_problem(text)
            if problem is not None:
                self._wrong(args[0], "bad-pattern", f"the pattern cannot be read: {problem}", RE2)
        return self._test(node, index, op, text)

    def _fact(self, node: ast.expr) -> int:
        start, stop = self._span(node)
        if not isinstance(node, ast.Name):
            self._wrong(node, "condition-syntax", f"`{self._words(node)}` is not a fact")
        return _fact(node.id, self._vocabulary, self._hints, start, stop)

    def _something(self, node: ast.expr) -> None:
        """Refuse what stands for nothing, and would never be found as the text of that name."""
        named = isinstance(node, ast.Name) and node.id in ("null", "none")
        if named or (isinstance(node, ast.Constant) and node.value is None):
            self._wrong(
                node,
                "condition-type",
                f"`{self._words(node)}`: a condition cannot ask whether a fact is absent",
                "every comparison with an absent fact is false; `!=` and `not in` are true",
            )

    def _literal(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
        )

    def _constant(self, fact: Fact, node: ast.expr) -> Constant:
        sign = 1
        inner = node
        self._something(node)
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub):
            sign, inner = -1, inner.operand
        if isinstance(inner, ast.Name):
            _fact(inner.id, self._vocabulary, self._hints, *self._span(inner))
        if not isinstance(inner, ast.Constant):
            self._wrong(node, "condition-syntax", f"`{self._words(node)}` is not a constant")
        value: object = inner.value
        if sign < 0:
            if isinstance(value, bool) or not isinstance(value, int | float):
                self._wrong(node, "condition-syntax", f"`{self._words(node)}` is not a constant")
            value = -value
        return _constant_for(fact, value, self._hints, *self._span(node))


_PARTS_OF: Final = frozenset({
    "contains", "includes", "has", "holds", "include", "contain", "index", "find", "some", "exists",
})  # fmt: skip
_AS_PATTERN: Final = frozenset({"regex", "match", "search", "re_match", "regexp", "like"})
_FOLDING: Final = frozenset({"lower", "upper", "casefold", "tolowercase", "touppercase"})


def _call_help(name: str, said: str, wanted: str, kind: FactType | None) -> str:
    """How a condition says what a function or method of another language does; "" where it is not
    known what it does. said, wanted: what it is asked of, and for. kind: of the fact."""
    bare = name.casefold().replace("_", "")
    if bare in _PARTS_OF:
        in_set, in_text = f"{wanted} in {said}", f"matches({said}, {_as_pattern(wanted)})"
        if kind in (FactType.SET, FactType.STRING):
            return f"write {in_set if kind is FactType.SET else in_text}"
        return f"of a set write {in_set}; of a text, {in_text}"
    if bare in _AS_PATTERN:
        return f"write matches({said}, {wanted})"
    if bare in ("startswith", "beginswith"):
        return f"write {said}.startswith({wanted})"
    if bare == "endswith":
        return f"write matches({said}, {_as_pattern(wanted, end='$')})"
    if bare in _FOLDING:
        return f"texts are compared as they are; matches({said}, '(?i)...') takes either case"
    return ""


def _as_pattern(constant: str, end: str = "") -> str:
    """A constant, as it is written, as a pattern that finds it."""
    quote, text = constant[:1], constant[1:-1]
    return f"{quote}{re.escape(text)}{end}{quote}" if quote in ("'", '"') else constant


_OPERATORS: Final = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _a(fact: Fact) -> str:
    words = {
        FactType.ENUM: "an enumeration",
        FactType.STRING: "a text",
        FactType.BOOL: "true or false",
    }
    return words.get(fact.kind, f"a {fact.kind}")


def _fact(name: str, vocabulary: Vocabulary, hints: Hints, start: int, end: int) -> int:
    found = vocabulary.by_name.get(name)
    if found is None:
        help_ = _unknown_fact(name, vocabulary, hints)
        raise _Wrong("unknown-fact", f"`{name}` is not a fact about a request", start, end, help_)
    return found


def _unknown_fact(name: str, vocabulary: Vocabulary, hints: Hints) -> str:
    """What to say of a name that is no fact."""
    if name in ("true", "false"):
        return f"write {name.title()}, or just the fact or `not` and the fact"
    if name in FUNCTIONS:
        return f"`{name}` is a function: {name}(...)"
    return hints.help_line(name, vocabulary.by_name, what="facts")


def _constant_for(fact: Fact, value: object, hints: Hints, start: int, end: int) -> Constant:
    """The constant, when it can be compared with the fact."""
    shown = f"'{value}'" if isinstance(value, str) else f"{value}"
    match fact.kind, value:
        case (FactType.ENUM, str()):
            if value not in fact.values:
                what = {"task": "task", "complexity": "complexity band"}.get(
                    fact.name, f"value of `{fact.name}`"
                )
                help_ = hints.help_line(value, fact.values)
                if fact.values == WEEKDAYS and value.casefold() in DAYS:
                    help_ = f"write {DAYS[value.casefold()]}"
                raise _Wrong("unknown-value", f"`{value}` is not a {what}", start, end, help_)
            return value
        case (FactType.STRING | FactType.SET, str()):
            return value
        case (FactType.BOOL, bool()):
            return value
        case (FactType.NUMBER, int() | float()) if not isinstance(value, bool):
            if abs(value) <= 10**15:
                return value
            raise _Wrong("condition-type", f"`{shown}` is too large", start, end, "")
    help_ = f"compare it with {_EXAMPLES[fact.kind]}"
    if fact.kind is FactType.NUMBER and isinstance(value, str):
        number = re.sub(r"\.0$", "", str(value))
        is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) is not None
        help_ = f"write {number} without quotes" if is_number else help_
        if _SCALED.fullmatch(value):
            help_ = f"write {count(value)}: a condition has no units"
    elif fact.kind is FactType.BOOL and str(value).casefold() in BOOLEANS:
        means = str(BOOLEANS[str(value).casefold()])
        help_ = f"write {means if end else means.lower()}, without quotes"
    elif fact.kind in (FactType.STRING, FactType.SET, FactType.ENUM) and not isinstance(value, str):
        close = hints.did_you_mean(str(value), fact.values)
        help_ = f"a text stands in quotes: '{close or value}'"
    verdict = "neither" if fact.kind is FactType.BOOL else "not"
    message = f"`{fact.name}` is {_a(fact)}, {shown} is {verdict}"
    raise _Wrong("condition-type", message, start, end, help_)


_EXAMPLES: Final = {
    FactType.ENUM: "one of its values in quotes",
    FactType.STRING: "a text in quotes",
    FactType.SET: "a text in quotes",
    FactType.NUMBER: "a number such as 1000",
    FactType.BOOL: "True or False",
}

_QUOTED: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_SPACES: Final = re.compile(rf"({_QUOTED.pattern})|\s")
_UNREADABLE: Final = (
    # What Python would read in a way that nobody means.
    (re.compile(r"[\x00-\x08\x0b-\x1f\x7f]"), "a control character stands here", "take it out"),
    (re.compile(r"\'{3}|\"{3}"), "three quotes in a row", "use one kind of quotes, once"),
)
_SCALED: Final = re.compile(r"(?<![\w.])[0-9]{1,9}(?:\.[0-9]{1,6})?[kKM]\b")
_PATTERN: Final = "a pattern is looked for like this: matches(user, '^bot-')"
_SLIPS: Final = (
    # What people write by habit of other languages, and what to write instead.
    (re.compile(r"(?<![=!<>])=>"), "condition-syntax", "`=>` is not an operator here", "write >="),
    (re.compile(r"(?<![=!<>])=<"), "condition-syntax", "`=<` is not an operator here", "write <="),
    (re.compile(r"<>"), "condition-syntax", "`<>` is not an operator here", "write !="),
    (re.compile(r"(?<![=!<>~])=(?![=~])"), "assignment", "`=` sets a value", "compare with =="),
    (re.compile(r"!=="), "condition-syntax", "`!==` is not an operator here", "write !="),
    (re.compile(r"=~|(?<![\w)])~|~="), "condition-syntax", "`~` is not an operator here", _PATTERN),
    (re.compile(r"==="), "condition-syntax", "`===` is not an operator here", "compare with =="),
    (
        re.compile(r"#"),
        "condition-syntax",
        "a comment cannot stand in a condition",
        "what follows it would be lost; write it above `when`",
    ),
    (re.compile(r"&&"), "condition-syntax", "`&&` is not an operator here", "write `and`"),
    (re.compile(r"\|\|"), "condition-syntax", "`||` is not an operator here", "write `or`"),
    (re.compile(r"\bAND\b"), "condition-syntax", "`AND` is not a word here", "write `and`"),
    (re.compile(r"\bOR\b"), "condition-syntax", "`OR` is not a word here", "write `or`"),
    (re.compile(r"\bNOT\b"), "condition-syntax", "`NOT` is not a word here", "write `not`"),
    (
        re.compile(r"(?<=[\w)] )(?:contains?|includes?|has)(?= ['\" ])"),
        "condition-syntax",
        "a condition has no word for `contains`",
        "of a set write 'x' in tags; of a text, matches(user, 'x')",
    ),
    (
        re.compile(r"(?<=[\w)] )(?:like|LIKE|regex|matches)(?= ['\" ])"),
        "condition-syntax",
        "a text is compared with a pattern by a function",
        _PATTERN,
    ),
    (
        re.compile(r"(?<=\w )(?:between|BETWEEN)(?= [0-9])"),
        "condition-syntax",
        "a condition has no word for `between`",
        "write it like  100 <= tokens <= 500",
    ),
    (re.compile(r"!(?!=)"), "condition-syntax", "`!` is not an operator here", "write `not`"),
)


def _look_for_slips(text: str, lead: int) -> None:
    bare = _QUOTED.sub(lambda m: " " * len(m.group()), text)
    for pattern, message, help_ in _UNREADABLE:
        found = pattern.search(text)
        if found:
            at = lead + found.start()
            raise _Wrong("condition-syntax", message, at, lead + found.end(), help_)
    scaled = _SCALED.search(bare)
    if scaled:
        message, help_ = f"`{scaled[0]}` is not a number here", f"write {count(scaled[0]):_}"
        raise _Wrong("condition-syntax", message, lead + scaled.start(), lead + scaled.end(), help_)
    for pattern, rule, message, help_ in _SLIPS:
        found = pattern.search(bare)
        if found:
            raise _Wrong(rule, message, lead + found.start(), lead + found.end(), help_)
