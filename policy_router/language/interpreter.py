"""The reference interpreter of conditions, simpleeval: the value of every part of a condition.

Decisions use `Condition.holds`; this explains them, and tests compare the two.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.language.grammar import syntax
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.condition import Condition, Facts
    from policy_router.domain.facts import Fact, Vocabulary

Value: TypeAlias = bool | str | float | frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A part of an expression and its value.

    Attributes:
        text: The part as it is written.
        value: Its value; None is a fact that is absent.
    """

    text: str
    value: Value


def trace(condition: Condition, vocabulary: Vocabulary, facts: Facts) -> tuple[Evaluation, ...]:
    """Every part of a condition with its value, by simpleeval.

    Parts that `and` and `or` would short-circuit are evaluated too.

    Args:
        condition: The condition.
        vocabulary: The facts that it may name.
        facts: Their values for one request.

    Returns:
        The parts in reading order, each after the parts it consists of, so the whole is the last
        one. What is written twice appears once, where it is first read.
    """
    evaluate = _evaluator(vocabulary, facts)
    root = syntax(condition.text)
    written = condition.text.encode()
    steps: dict[str, Evaluation] = {}
    for node in _parts(root):
        text = written[node.col_offset : node.end_col_offset].decode()
        if isinstance(node, ast.Name):
            value: Value = facts[vocabulary.by_name[node.id]]
        else:
            value = bool(evaluate(node))
        if node is root or text not in steps:
            steps.pop(text, None)
            steps[text] = Evaluation(text, value)
    return tuple(steps.values())


def holds(condition: Condition, vocabulary: Vocabulary, facts: Facts) -> bool:
    """Whether a condition holds, by simpleeval."""
    return bool(_evaluator(vocabulary, facts)(syntax(condition.text)))


class _Absent:
    """The value of a fact that is absent: every comparison with it is false, except `!=`."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__

    def __bool__(self) -> bool:
        return False

    def startswith(self, _: str) -> bool:
        """Never true: there is no string."""
        return False


_ABSENT: Final = _Absent()


class _Ascending(str):
    """A value of an enumeration in ascending order, compared by its place there."""

    __slots__ = ("_values",)

    _values: tuple[str, ...]

    def __new__(cls, value: str, values: tuple[str, ...]) -> _Ascending:
        made = super().__new__(cls, value)
        made._values = values
        return made

    def _above(self, other: str) -> int:
        return self._values.index(self) - self._values.index(other)

    def __lt__(self, other: str) -> bool:
        return self._above(other) < 0

    def __le__(self, other: str) -> bool:
        return self._above(other) <= 0

    def __gt__(self, other: str) -> bool:
        return self._above(other) > 0

    def __ge__(self, other: str) -> bool:
        return self._above(other) >= 0


def _any_of(held: frozenset[str], *wanted: str) -> bool:
    return any(one in held for one in wanted)


def _all_of(held: frozenset[str], *wanted: str) -> bool:
    return all(one in held for one in wanted)


def _matches(text: str | _Absent, pattern: str) -> bool:
    return isinstance(text, str) and search(pattern)(text) is not None


def _evaluator(vocabulary: Vocabulary, facts: Facts) -> Any:
    """simpleeval for one request. It keeps state between its runs, so each call gets its own."""
    from simpleeval import EvalWithCompoundTypes  # noqa: PLC0415  only explanations need it

    names = {
        fact.name: _value(fact, value) for fact, value in zip(vocabulary.facts, facts, strict=True)
    }
    evaluator = EvalWithCompoundTypes(
        names=names,
        functions={"any_of": _any_of, "all_of": _all_of, "matches": _matches},
        allowed_attrs={str: {"startswith"}, _Absent: {"startswith"}},
    )
    return lambda node: evaluator.eval("", previously_parsed=node)


def _value(fact: Fact, value: Any) -> Any:
    if value is None:
        return _ABSENT
    return _Ascending(value, fact.values) if fact.ascending else value


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The facts, tests and combinations of an expression, each after those it consists of."""
    match node:
        case ast.BoolOp(values=inner):
            pass
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = [operand]
        case ast.Compare(left=left, comparators=others):
            inner = [left, *others]
        case ast.Call(func=ast.Attribute(value=owner), args=arguments):
            inner = [owner, *arguments]
        case ast.Call(args=arguments):
            inner = arguments
        case ast.Name():
            inner = []
        case _:
            return  # a constant is its own value
    for child in inner:
        yield from _parts(child)
    yield node
