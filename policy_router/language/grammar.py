"""The grammar of conditions: parses text to terms, without knowledge of the facts in them.

    condition   = conjunction, { "or", conjunction } ;
    conjunction = negation, { "and", negation } ;
    negation    = "not", negation | primary ;
    primary     = comparison | membership | call | fact | "(", condition, ")" ;
    comparison  = operand, relation, operand, { relation, operand } ;
    relation    = "==" | "!=" | "<" | "<=" | ">" | ">=" ;
    membership  = fact, [ "not" ], "in", list | constant, [ "not" ], "in", fact ;
    call        = ( "any_of" | "all_of" ), "(", fact, ",", constant, { ",", constant }, ")"
                | "matches", "(", fact, ",", string, ")"
                | fact, ".startswith", "(", string, ")" ;
    operand     = fact | constant ;
    list        = "[", constant, { ",", constant }, "]" ;        (* ( ) and { } do as well *)
    constant    = string | [ "-" ], number | "True" | "False" ;
    fact        = a name that the policy knows ;

It is a subset of simpleeval's syntax, so Python's parser can read it. Semantics:

- A comparison is between one fact and constants; a chain `a < b < c` is `a < b and b < c`.
- `in` a list: the fact equals one of its constants. A constant `in` a fact: the set holds it.
- `any_of`, `all_of`: the set holds one, or all, of the constants.
- `matches`: the RE2 pattern is found in the string.
- `startswith`: the string begins with the constant.
- Every test of an absent fact is false; `!=` and `not in` are plain negations, so they are true.
- `and`, `or`, `not` are two-valued, as in Python; a fact alone is a test only when it is a bool.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Final, NoReturn

from policy_router.domain.condition import Op
from policy_router.language.condition_error import ConditionError
from policy_router.language.slips import QUOTED, refuse_slips
from policy_router.language.terms import (
    ALLOWED,
    CallTerm,
    ChoiceTerm,
    ComparisonTerm,
    ConstantTerm,
    Extent,
    FactTerm,
    JunctionTerm,
    MembershipTerm,
    NegationTerm,
    Operand,
    Term,
    UnknownCallTerm,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TEXT: Final = 4096
MAX_DEPTH: Final = 50
MAX_TESTS: Final = 200
FUNCTIONS: Final = ("any_of", "all_of", "matches")
SYNTAX: Final = "condition-syntax"


def syntax(text: str) -> ast.expr:
    """Python's tree of an expression.

    Raises:
        SyntaxError: It is not an expression of Python.
        ValueError: It is too large for Python's parser; also RecursionError and MemoryError.
    """
    with warnings.catch_warnings():
        # Patterns are full of "\\d", for which Python warns outside of raw strings.
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


def one_line(text: str) -> str:
    """An expression on one line, single spaces between its words; strings stay as they are."""
    return _RUN_OF_SPACES.sub(_space, text.strip())


def _joined(text: str) -> str:
    """An expression with its line breaks as spaces, so that a column identifies a place."""
    return _SPACE.sub(_space, text.strip())


def _space(match: re.Match[str]) -> str:
    """A space for a space, and a string with its line breaks as spaces."""
    return match[1].replace("\n", " ") if match[1] else " "


_SPACE: Final = re.compile(rf"({QUOTED.pattern})|\s")
_RUN_OF_SPACES: Final = re.compile(rf"({QUOTED.pattern})|\s+")


def parse_condition(text: str) -> Term:
    """The term that an expression stands for.

    Args:
        text: The expression as decoded from YAML.

    Raises:
        ConditionError: The text is no condition; its places are those in `text`.
    """
    lead = len(text) - len(text.lstrip())
    joined = _joined(text)
    whole = Extent(joined, lead, lead + len(joined))
    if len(joined) > MAX_TEXT:
        too_large(whole)
    if not joined:
        raise ConditionError(SYNTAX, "the condition is empty", "leave `when` out", 0, lead)
    try:
        refuse_slips(joined)
    except ConditionError as slip:
        slip.start, slip.end = slip.start + lead, slip.end + lead
        raise
    try:
        node = syntax(joined)
    except SyntaxError as error:
        message = "this is not a condition"
        column = min((error.offset or 0) - 1, len(joined) - 1)
        if column < 0:  # Python gives no place to what is missing
            message, column = "the condition is incomplete", len(joined) - 1
        column += lead
        raise ConditionError(SYNTAX, message, ALLOWED, column, column + 1) from None
    except (RecursionError, MemoryError, ValueError):
        too_large(whole)
    return _Reader(joined, lead).condition(node, 0)


def too_large(whole: Extent) -> NoReturn:
    """Report a condition beyond the bounds. Raises ConditionError."""
    whole.refuse(
        "condition-too-large",
        f"the condition has more than {MAX_TESTS} tests, {MAX_DEPTH} levels or "
        f"{MAX_TEXT:,} characters",
        "split it into several rules",
    )


class _Reader:
    """Python's tree of one expression to terms: a method per production."""

    def __init__(self, text: str, lead: int) -> None:
        self._text = text
        self._lead = lead
        self._bytes = b"" if text.isascii() else text.encode("utf-8", "surrogatepass")

    def condition(self, node: ast.expr, depth: int) -> Term:
        """condition, conjunction, negation and primary"""
        if depth > MAX_DEPTH:
            too_large(Extent(self._text, self._lead, self._lead + len(self._text)))
        match node:
            case ast.BoolOp(op=operator, values=nodes):
                terms = tuple(self.condition(each, depth + 1) for each in nodes)
                return JunctionTerm(isinstance(operator, ast.And), terms)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return NegationTerm(self.condition(operand, depth + 1))
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return self._call(node)
            case ast.Name():
                return FactTerm(self._extent(node), node.id)
        extent = self._extent(node)
        if isinstance(node, ast.Constant):
            extent.refuse(
                "constant-condition",
                f"`{extent}` is always {'true' if node.value else 'false'}",
                "compare a fact with it, or leave `when` out",
            )
        extent.refuse(SYNTAX, f"`{extent}` is not part of a condition")

    def _comparison(self, node: ast.Compare) -> Term:
        """comparison and membership; a chain becomes a conjunction"""
        extent = self._extent(node)
        sides = [node.left, *node.comparators]
        terms = tuple(
            self._relation(extent, left, operator, right)
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False)
        )
        return terms[0] if len(terms) == 1 else JunctionTerm(is_and=True, terms=terms)

    def _relation(
        self, extent: Extent, left_node: ast.expr, operator: ast.cmpop, right_node: ast.expr
    ) -> Term:
        match operator:
            case ast.In() | ast.NotIn():
                return self._membership(
                    extent, left_node, right_node, negated=isinstance(operator, ast.NotIn)
                )
            case ast.Is() | ast.IsNot():
                self._operand(left_node), self._operand(right_node)
                written, meant = ("is", "==") if isinstance(operator, ast.Is) else ("is not", "!=")
                extent.refuse(SYNTAX, f"`{written}` compares objects", f"write {meant}")
        token = _TOKENS[type(operator)]
        left, right = self._operand(left_node), self._operand(right_node)
        if isinstance(left, FactTerm):
            return ComparisonTerm(extent, left, token, right)
        if isinstance(right, FactTerm):
            return ComparisonTerm(extent, right, _MIRRORED.get(token, token), left)
        extent.refuse(
            "constant-condition", f"`{extent}` compares two constants", "one side must be a fact"
        )

    def _membership(
        self, extent: Extent, left: ast.expr, right: ast.expr, *, negated: bool
    ) -> Term:
        """membership"""
        item = self._operand(left)
        if isinstance(right, ast.Name):
            return MembershipTerm(extent, item, self._fact(right), negated)
        if isinstance(right, ast.List | ast.Tuple | ast.Set) and right.elts:
            items = tuple(self._operand(each) for each in right.elts)
            if isinstance(item, FactTerm):
                return ChoiceTerm(extent, item, items, negated)
            item.extent.refuse(SYNTAX, f"`{item.extent}` is not a fact")
        inside = self._extent(right)
        if isinstance(right, ast.Constant) and isinstance(right.value, str):
            equal, within = ("!=", "not in") if negated else ("==", "in")
            extent.refuse(
                "substring",
                f"`in {inside}` searches for a part of that string",
                f"write {item.extent} {equal} {inside} or {item.extent} {within} [{inside}]",
            )
        inside.refuse(SYNTAX, f"`{inside}` is not a list of constants")

    def _call(self, node: ast.Call) -> Term:
        """call"""
        extent = self._extent(node)
        if node.keywords:
            extent.refuse(SYNTAX, "functions take no named arguments here")
        match node.func:
            case ast.Attribute(value=ast.Name() as owner, attr="startswith"):
                return self._known_call(extent, "startswith", [owner, *node.args])
            case ast.Attribute(value=subject, attr=name):
                return self._unknown_call(extent, name, [subject, *node.args], is_method=True)
            case ast.Name(id=name) if name in FUNCTIONS:
                return self._known_call(extent, name, node.args)
            case ast.Name(id=name):
                return self._unknown_call(extent, name, node.args, is_method=False)
        extent.refuse(SYNTAX, f"`{extent}` is not part of a condition")

    def _known_call(self, extent: Extent, name: str, nodes: Sequence[ast.expr]) -> CallTerm:
        if not (len(nodes) == 2 or (len(nodes) > 2 and name in ("any_of", "all_of"))):
            message, example = _USAGE[name]
            extent.refuse(SYNTAX, f"`{name}` takes {message}", f"write {example}")
        listed = nodes[1]
        if name in ("any_of", "all_of") and isinstance(listed, ast.List | ast.Tuple | ast.Set):
            items = ", ".join(str(self._extent(each)) for each in listed.elts) or "..."
            self._extent(listed).refuse(
                SYNTAX,
                f"`{name}` takes no list",
                f"write {name}({self._extent(nodes[0])}, {items})",
            )
        arguments = tuple(self._operand(each) for each in nodes[1:])
        return CallTerm(extent, name, self._fact(nodes[0]), arguments)

    def _unknown_call(
        self, extent: Extent, name: str, nodes: Sequence[ast.expr], *, is_method: bool
    ) -> UnknownCallTerm:
        arguments = tuple(str(self._extent(each)) for each in nodes)
        return UnknownCallTerm(extent, name, is_method, arguments)

    def _fact(self, node: ast.expr) -> FactTerm:
        """fact"""
        extent = self._extent(node)
        if not isinstance(node, ast.Name):
            extent.refuse(SYNTAX, f"`{extent}` is not a fact")
        self._refuse_absence(extent, node)
        return FactTerm(extent, node.id)

    def _operand(self, node: ast.expr) -> Operand:
        """operand, and constant: a name in its place is found by the types"""
        extent = self._extent(node)
        self._refuse_absence(extent, node)
        match node:
            case ast.Name(id=name):
                return FactTerm(extent, name)
            case ast.Constant(value=value):
                return ConstantTerm(extent, value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                if not isinstance(value, bool):
                    return ConstantTerm(extent, -value)
        extent.refuse(SYNTAX, f"`{extent}` is neither a fact nor a constant")

    def _refuse_absence(self, extent: Extent, node: ast.expr) -> None:
        """Refuse `None`, `none` and `null`: no fact would ever equal them."""
        named = isinstance(node, ast.Name) and node.id in ("null", "none")
        if named or (isinstance(node, ast.Constant) and node.value is None):
            extent.refuse(
                "condition-type",
                f"`{extent}`: a condition cannot test whether a fact is absent",
                "every comparison with an absent fact is false; `!=` and `not in` are true",
            )

    def _extent(self, node: ast.expr) -> Extent:
        """Where a node is written; ast counts bytes of UTF-8."""
        start, end = node.col_offset, node.end_col_offset or 0
        if self._bytes:
            start = len(self._bytes[:start].decode("utf-8", "replace"))
            end = len(self._bytes[:end].decode("utf-8", "replace"))
        return Extent(self._text[start:end], self._lead + start, self._lead + end)


_TOKENS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: Op.LT, ast.LtE: Op.LE, ast.Gt: Op.GT, ast.GtE: Op.GE,
}  # fmt: skip
"""Relations of the grammar. `==` and `!=` become tests with `in`; the others are operators."""
_MIRRORED: Final[Mapping[str, str]] = {
    Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE,
}  # fmt: skip
"""The operator that means the same when the sides are exchanged."""
_USAGE: Final = {
    "any_of": ("a set and strings", "any_of(tags, 'a', 'b')"),
    "all_of": ("a set and strings", "all_of(tags, 'a', 'b')"),
    "matches": ("a fact and a pattern", "matches(user, '^bot-')"),
    "startswith": ("one string in quotes", "user.startswith('bot-')"),
}
