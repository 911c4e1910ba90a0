"""The reference reading of a condition: simpleeval, part by part, slower than the compiled one and
independent of it. It shows people what each part of a condition came to."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simpleeval import EvalWithCompoundTypes

from policy_router.condition import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.condition import Condition, Facts, Vocabulary


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a condition as written, and its value; ABSENT for a fact that is not there."""

    text: str
    value: object


class _Absent:
    """A fact that is not there: every test on it is false."""

    __hash__ = None  # type: ignore[assignment]  # it equals nothing, itself included

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False

    def __eq__(self, _: object) -> bool:
        return False

    def __ne__(self, _: object) -> bool:
        return True

    def __lt__(self, _: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__

    def startswith(self, _: str) -> bool:
        """No text begins a text that is not there."""
        return False


ABSENT: Final = _Absent()


def _matches(text: Any, pattern: str) -> bool:
    return text is not ABSENT and search(pattern)(text) is not None


_FUNCTIONS: Final = {
    "any_of": lambda values, *wanted: any(w in values for w in wanted),
    "all_of": lambda values, *wanted: all(w in values for w in wanted),
    "matches": _matches,
}
_SHOWN: Final = (ast.BoolOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name)


def trace(condition: Condition, vocabulary: Vocabulary, facts: Facts) -> tuple[Step, ...]:
    """Every part of the condition with its value for these facts, in reading order: the whole
    before its parts."""
    text = re.sub(r"\s", " ", condition.text)
    names = {
        fact.name: ABSENT if value is None else value
        for fact, value in zip(vocabulary.facts, facts, strict=True)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # patterns are full of "\d"
        body = ast.parse(text, mode="eval").body
        evaluator = EvalWithCompoundTypes(functions=_FUNCTIONS, names=names)
        steps = {
            ast.get_source_segment(text, node) or text: evaluator.eval(text, previously_parsed=node)
            for node in _parts(body)
        }
    return tuple(Step(words, value) for words, value in steps.items())


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The parts worth a line of their own: no constants, no functions."""
    if isinstance(node, _SHOWN) and not _is_sign(node):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Call) and child is node.func:
            # The text asked is a part; the method's or function's own name is none.
            if isinstance(child, ast.Attribute):
                yield from _parts(child.value)
        elif isinstance(child, ast.expr):
            yield from _parts(child)


def _is_sign(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not)
