"""Conditions by simpleeval, an interpreter that is not ours: every part's value, and a second
opinion on the whole.

`Condition.holds` decides; this explains, and the tests hold the two against each other.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.language.expression import syntax
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.condition import Condition, Facts
    from policy_router.domain.facts import Vocabulary

Value: TypeAlias = bool | str | float | frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A part of an expression and what it comes to; of a fact that is absent, None."""

    text: str
    value: Value


def trace(condition: Condition, vocabulary: Vocabulary, facts: Facts) -> tuple[Evaluation, ...]:
    """Every part of a condition with its value, in reading order: a part after the parts it is
    made of, so the whole comes last. A fact stands where it is first read. Parts that `and` and
    `or` need not look at have their value too."""
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
    """A fact that is not there: every comparison with it is false, but `!=`."""

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
        """As a text's, for there is none."""
        return False


_ABSENT: Final = _Absent()


def _any_of(held: frozenset[str], *wanted: str) -> bool:
    return any(each in held for each in wanted)


def _all_of(held: frozenset[str], *wanted: str) -> bool:
    return all(each in held for each in wanted)


def _matches(text: str | _Absent, pattern: str) -> bool:
    return isinstance(text, str) and search(pattern)(text) is not None


def _evaluator(vocabulary: Vocabulary, facts: Facts) -> Any:
    """simpleeval over a vector of facts; one per call, as it keeps state between its runs."""
    from simpleeval import EvalWithCompoundTypes  # noqa: PLC0415  only explanations need it

    names = {
        fact.name: _ABSENT if value is None else value
        for fact, value in zip(vocabulary.facts, facts, strict=True)
    }
    evaluator = EvalWithCompoundTypes(
        names=names,
        functions={"any_of": _any_of, "all_of": _all_of, "matches": _matches},
        allowed_attrs={str: {"startswith"}, _Absent: {"startswith"}},
    )
    return lambda node: evaluator.eval("", previously_parsed=node)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The facts, tests and combinations of an expression, each after what it is made of."""
    match node:
        case ast.BoolOp(values=inner):
            pass
        case ast.UnaryOp(op=ast.Not(), operand=part):
            inner = [part]
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
    for each in inner:
        yield from _parts(each)
    yield node
