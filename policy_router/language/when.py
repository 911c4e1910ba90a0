"""The `when` of a policy, an expression or a mapping, to a type-checked condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.domain.condition import All, Any, Condition, Op, Test, Tree, spell, tests_of
from policy_router.domain.facts import FactType, Vocabulary
from policy_router.language.condition_error import ConditionError
from policy_router.language.grammar import one_line, parse_condition
from policy_router.language.terms import Extent
from policy_router.language.typing import (
    Constant,
    TypeChecker,
    constant_for,
    not_a_fact,
    unknown_fact_help,
)
from policy_router.suggest import Hints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Locate: TypeAlias = Callable[[int, int], Span]
"""Characters [start, end) of the condition's text -> their position in the file."""


def read_expression(
    text: str, vocabulary: Vocabulary, locate: Locate, hints: Hints | None = None
) -> tuple[Condition | None, tuple[Diagnostic, ...]]:
    """The condition of an expression, or the first thing that is wrong with it.

    Args:
        text: The expression as decoded from YAML.
        vocabulary: The facts that it may name.
        locate: Returns the position in the file of characters of the text.
        hints: Suggestions for mistyped names, with the effort they may take.

    Returns:
        The condition and no diagnostics, or None and one diagnostic.
    """
    try:
        checker = TypeChecker(vocabulary, hints or Hints(), Extent(text, 0, len(text)))
        tree = checker.tree(parse_condition(text))
    except ConditionError as error:
        span = locate(error.start, max(error.end, error.start + 1))
        return None, (_diagnostic(error, span),)
    places = tuple((test, locate(extent.start, extent.end)) for test, extent in checker.places)
    return _condition(tree, one_line(text), vocabulary, locate(0, len(text)), places), ()


def read_mapping(  # noqa: PLR0917  a mapping, the facts it may name, and its position
    mapping: Mapping[str, object],
    vocabulary: Vocabulary,
    key_at: Callable[[str], Span],
    value_at: Callable[[str, int | None], Span],
    span: Span,
    hints: Hints | None = None,
) -> tuple[Condition | None, tuple[Diagnostic, ...]]:
    """The condition of a mapping: every entry holds, and a list means any of its values.

    Args:
        mapping: Names of facts -> a value, or a list of values.
        vocabulary: The facts that it may name.
        key_at: Returns the position of a key in the file.
        value_at: Returns the position of the value of a key, or of one entry of its list.
        span: The position of the mapping in the file.
        hints: Suggestions for mistyped names, with the effort they may take.

    Returns:
        The condition and no diagnostics, or None and everything that is wrong.
    """
    hints = hints or Hints()
    trees: list[Tree] = []
    problems: list[Diagnostic] = []
    places: list[tuple[Test, Span]] = []
    for name, value in mapping.items():
        position = vocabulary.by_name.get(name)
        if position is None:
            help_ = unknown_fact_help(name, vocabulary, hints)
            error = ConditionError("unknown-fact", not_a_fact(name), help_)
            problems.append(_diagnostic(error, key_at(name)))
            continue
        fact = vocabulary.facts[position]
        listed = isinstance(value, list)
        values: Sequence[object] = value if isinstance(value, list) else [value]
        constants: list[Constant] = []
        for i, constant in enumerate(values):
            try:
                constants.append(constant_for(fact, constant, hints, yaml=True))
            except ConditionError as error:
                problems.append(_diagnostic(error, value_at(name, i if listed else None)))
        if not constants:
            continue
        if fact.kind is FactType.SET:
            tests = [Test(position, Op.HAS, (constant,)) for constant in constants]
        else:
            tests = [Test(position, Op.IN, tuple(dict.fromkeys(constants)))]
        places.extend((test, value_at(name, None)) for test in tests)
        trees.append(tests[0] if len(tests) == 1 else Any(tuple(tests)))
    if problems:
        return None, tuple(problems)
    tree = trees[0] if len(trees) == 1 else All(tuple(trees))
    return _condition(tree, spell(tree, vocabulary), vocabulary, span, tuple(places)), ()


def _diagnostic(error: ConditionError, span: Span) -> Diagnostic:
    return Diagnostic(error.rule, Severity.ERROR, error.message, span, error.help)


def _condition(
    tree: Tree,
    text: str,
    vocabulary: Vocabulary,
    span: Span,
    places: tuple[tuple[Test, Span], ...],
) -> Condition:
    reads = frozenset(vocabulary.facts[test.fact].name for test in tests_of(tree))
    return Condition(tree, text, reads, span, places)
