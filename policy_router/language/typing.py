"""The types of conditions: terms to a tree of tests, checked against the facts of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from policy_router.domain.condition import All, Any, Not, Op, Test, Tree
from policy_router.domain.facts import WEEKDAYS, Fact, FactType, Vocabulary
from policy_router.language.condition_error import ConditionError
from policy_router.language.grammar import FUNCTIONS, MAX_TESTS, SYNTAX, too_large
from policy_router.language.habits import BOOLEANS
from policy_router.language.habits import WEEKDAYS as DAYS
from policy_router.language.slips import as_pattern, function_help, unquoted_number
from policy_router.language.terms import (
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
from policy_router.patterns import RE2, pattern_problem

if TYPE_CHECKING:
    from policy_router.suggest import Hints

Constant: TypeAlias = str | float | bool
TYPE: Final = "condition-type"
_TYPES: Final = {
    FactType.ENUM: "an enumeration",
    FactType.STRING: "a string",
    FactType.NUMBER: "a number",
    FactType.BOOL: "true or false",
    FactType.SET: "a set",
}
"""The type of a fact in a message."""
_CONSTANTS: Final = {
    FactType.ENUM: "one of its values in quotes",
    FactType.STRING: "a string in quotes",
    FactType.SET: "a string in quotes",
    FactType.NUMBER: "a number such as 1000",
    FactType.BOOL: "True or False",
}
"""What a fact of a type is compared with."""
LARGEST: Final = 10**15
"""The largest number, up or down, that a condition may have."""


class TypeChecker:
    """Turns the terms of one expression into a tree.

    Attributes:
        places: Every test of the tree, with where it is written, in written order.
    """

    def __init__(self, vocabulary: Vocabulary, hints: Hints, whole: Extent) -> None:
        """Prepare for one expression.

        Args:
            vocabulary: The facts that it may name.
            hints: Suggestions for mistyped names.
            whole: The extent of the expression.
        """
        self._vocabulary = vocabulary
        self._hints = hints
        self._whole = whole
        self.places: list[tuple[Test, Extent]] = []

    def tree(self, term: Term) -> Tree:
        """The tree of a term. Raises ConditionError for the first thing that has a wrong type."""
        match term:
            case JunctionTerm(is_and, terms):
                trees = tuple(self.tree(each) for each in terms)
                return All(trees) if is_and else Any(trees)
            case NegationTerm(inner):
                return Not(self.tree(inner))
            case FactTerm():
                return self._bool(term)
            case ComparisonTerm():
                return self._comparison(term)
            case ChoiceTerm():
                test = self._choice(term)
                return Not(test) if term.negated else test
            case MembershipTerm():
                test = self._membership(term)
                return Not(test) if term.negated else test
            case CallTerm():
                return self._call(term)
            case _:
                self._unknown_call(term)

    def _test(self, extent: Extent, fact: int, op: Op, *values: Constant) -> Test:
        if len(self.places) >= MAX_TESTS:
            too_large(self._whole)
        test = Test(fact, op, values)
        self.places.append((test, extent))
        return test

    def _fact(self, term: FactTerm) -> tuple[int, Fact]:
        """The position and the type of a fact."""
        position = self._vocabulary.by_name.get(term.name)
        if position is None:
            help_ = unknown_fact_help(term.name, self._vocabulary, self._hints)
            term.extent.refuse("unknown-fact", not_a_fact(term.name), help_)
        return position, self._vocabulary.facts[position]

    def _constant(self, fact: Fact, operand: Operand) -> Constant:
        if isinstance(operand, FactTerm):
            self._fact(operand)
            operand.extent.refuse(SYNTAX, f"`{operand.extent}` is not a constant")
        try:
            return constant_for(fact, operand.value, self._hints)
        except ConditionError as error:
            operand.extent.refuse(error.rule, error.message, error.help)

    def _bool(self, term: FactTerm) -> Test:
        position, fact = self._fact(term)
        if fact.kind is not FactType.BOOL:
            example = {
                FactType.NUMBER: f"{fact.name} > 100",
                FactType.SET: f"'a-tag' in {fact.name}",
            }.get(fact.kind, f"{fact.name} == '...'")
            message = f"`{fact.name}` is {_TYPES[fact.kind]}, not true or false"
            term.extent.refuse(TYPE, message, f"compare it: {example}")
        return self._test(term.extent, position, Op.IN, True)

    def _comparison(self, term: ComparisonTerm) -> Tree:
        extent = term.extent
        if isinstance(term.operand, FactTerm):
            self._two_facts(extent, term.fact, term.operand)
        position, fact = self._fact(term.fact)
        value = self._constant(fact, term.operand)
        if term.operator in ("==", "!="):
            if fact.kind is FactType.SET:
                within = "in" if term.operator == "==" else "not in"
                extent.refuse(
                    TYPE,
                    f"`{fact.name}` is a set and cannot equal one value",
                    f"write {term.operand.extent} {within} {fact.name}",
                )
            test = self._test(extent, position, Op.IN, value)
            return test if term.operator == "==" else Not(test)
        if fact.ascending:
            return self._ordered(extent, position, str(value), Op(term.operator))
        if fact.kind is not FactType.NUMBER:
            message = f"`{fact.name}` is {_TYPES[fact.kind]}, which has no order"
            extent.refuse(TYPE, message, "compare it with == or in")
        return self._test(extent, position, Op(term.operator), value)

    def _ordered(self, extent: Extent, position: int, value: str, op: Op) -> Test:
        """A comparison of an enumeration in ascending order: which of its values it allows."""
        values = self._vocabulary.facts[position].values
        at = values.index(value)
        chosen = {
            Op.LT: values[:at], Op.LE: values[: at + 1], Op.GT: values[at + 1 :], Op.GE: values[at:]
        }[op]  # fmt: skip
        if not chosen:
            side, end = ("below", "lowest") if op is Op.LT else ("above", "highest")
            extent.refuse(
                "constant-condition",
                f"`{extent}` is never true: no band is {side} `{value}`",
                f"`{value}` is the {end} band",
            )
        return self._test(extent, position, Op.IN, *chosen)

    def _two_facts(self, extent: Extent, left: FactTerm, right: FactTerm) -> NoReturn:
        _, fact = self._fact(left)
        if right.name in self._vocabulary.by_name:
            message = f"`{left.name}` and `{right.name}` are both facts"
            extent.refuse(SYNTAX, message, "one side must be a constant")
        help_ = unknown_fact_help(right.name, self._vocabulary, self._hints)
        if fact.kind in (FactType.ENUM, FactType.STRING):
            help_ = f"put a string in quotes: '{right.name}'"
        right.extent.refuse("unknown-fact", not_a_fact(right.name), help_)

    def _choice(self, term: ChoiceTerm) -> Test:
        position, fact = self._fact(term.fact)
        if fact.kind is FactType.SET:
            no = "not " if term.negated else ""
            items = ", ".join(str(item.extent) for item in term.items)
            message = f"`{fact.name}` is a set and cannot equal one value"
            term.extent.refuse(TYPE, message, f"write {no}any_of({fact.name}, {items})")
        values = dict.fromkeys(self._constant(fact, item) for item in term.items)
        return self._test(term.extent, position, Op.IN, *values)

    def _membership(self, term: MembershipTerm) -> Test:
        position, fact = self._fact(term.fact)
        if fact.kind is not FactType.SET:
            message = f"`{fact.name}` is {_TYPES[fact.kind]}, not a set"
            term.extent.refuse(TYPE, message, _membership_help(fact, term))
        value = self._constant(fact, term.item)
        return self._test(term.extent, position, Op.HAS, value)

    def _call(self, term: CallTerm) -> Tree:
        position, fact = self._fact(term.fact)
        if term.function in ("startswith", "matches"):
            return self._string_test(term, position, fact)
        if fact.kind is not FactType.SET:
            help_ = f"write {fact.name} in [...]"
            if term.function == "all_of" and len(term.arguments) > 1:
                help_ = f"`{fact.name}` has one value, which cannot equal several"
            message = f"`{fact.name}` is {_TYPES[fact.kind]}, but `{term.function}` takes a set"
            term.extent.refuse(TYPE, message, help_)
        tests = tuple(
            self._test(term.extent, position, Op.HAS, self._constant(fact, argument))
            for argument in term.arguments
        )
        return Any(tests) if term.function == "any_of" else All(tests)

    def _string_test(self, term: CallTerm, position: int, fact: Fact) -> Test:
        if fact.kind is FactType.ENUM:
            message = f"`{fact.name}` is an enumeration, not a string"
            term.extent.refuse(TYPE, message, f"list the values you mean: {fact.name} in [...]")
        if fact.kind is not FactType.STRING:
            message = f"`{fact.name}` is {_TYPES[fact.kind]}, not a string"
            term.extent.refuse(TYPE, message, f"`{term.function}` takes a fact that is a string")
        (argument,) = term.arguments
        text = argument.value if isinstance(argument, ConstantTerm) else None
        if not isinstance(text, str):
            message = f"`{term.function}` takes one string in quotes"
            term.extent.refuse(SYNTAX, message, f"`{argument.extent}` is not one")
        if not text:
            message = "the empty string is in every string"
            argument.extent.refuse("constant-condition", message, "write what to look for")
        if term.function == "startswith":
            return self._test(term.extent, position, Op.STARTS, text)
        problem = pattern_problem(text)
        if problem is not None:
            argument.extent.refuse("bad-pattern", f"invalid pattern: {problem}", RE2)
        return self._test(term.extent, position, Op.MATCHES, text)

    def _unknown_call(self, term: UnknownCallTerm) -> NoReturn:
        help_ = ""
        if term.arguments:
            subject, *others = term.arguments
            position = self._vocabulary.by_name.get(subject)
            kind = None if position is None else self._vocabulary.facts[position].kind
            help_ = function_help(term.function, subject, others[0] if others else "'...'", kind)
        if term.is_method:
            term.extent.refuse(
                SYNTAX,
                f"`.{term.function}()` is not part of a condition",
                help_ or self._hints.help_line(term.function, ["startswith"]),
            )
        term.extent.refuse(
            "unknown-function",
            f"`{term.function}` is not a function",
            help_ or self._hints.help_line(term.function, FUNCTIONS),
        )


def _membership_help(fact: Fact, term: MembershipTerm) -> str:
    """What to write instead of `in` a fact that is no set; `not` is kept."""
    wanted = str(term.item.extent)
    whole = f"{fact.name} {'!=' if term.negated else '=='} {wanted}"
    if fact.kind is not FactType.STRING:
        return f"write {whole}"
    no = "not " if term.negated else ""
    part = f"{no}matches({fact.name}, {as_pattern(wanted)})"
    return f"for a part of it write {part}, for all of it {whole}"


def not_a_fact(name: str) -> str:
    """The message about a name that is no fact."""
    return f"`{name}` is not a fact about a request"


def unknown_fact_help(name: str, vocabulary: Vocabulary, hints: Hints) -> str:
    """What to do about a name that is no fact."""
    if name in ("true", "false"):
        return f"write {name.title()}, or just the fact or `not` and the fact"
    if name in FUNCTIONS:
        return f"`{name}` is a function: {name}(...)"
    return hints.help_line(name, vocabulary.by_name, what="the facts")


def constant_for(fact: Fact, value: object, hints: Hints, *, yaml: bool = False) -> Constant:
    """The value, when the fact can be compared with it.

    Args:
        fact: The fact.
        value: A constant of an expression, or a value of a mapping.
        hints: Suggestions for mistyped values.
        yaml: The value is written as YAML, whose booleans are `true` and `false`.

    Raises:
        ConditionError: It cannot; the error has no place.
    """
    match fact.kind, value:
        case (FactType.ENUM | FactType.SET, str()):
            if value in fact.values or (fact.kind is FactType.SET and not fact.values):
                return value
            raise _unknown_value(fact, value, hints)
        case (FactType.STRING, str()):
            return value
        case (FactType.BOOL, bool()):
            return value
        case (FactType.NUMBER, int() | float()) if not isinstance(value, bool):
            if abs(value) <= LARGEST:
                return value
            raise ConditionError(TYPE, f"`{value}` is too large", f"at most {LARGEST:,}")
    shown = f"'{value}'" if isinstance(value, str) else f"{value}"
    verdict = "neither" if fact.kind is FactType.BOOL else "not"
    message = f"`{fact.name}` is {_TYPES[fact.kind]}, {shown} is {verdict}"
    raise ConditionError(TYPE, message, _type_help(fact, value, hints, yaml=yaml))


def _unknown_value(fact: Fact, value: str, hints: Hints) -> ConditionError:
    what = {"task": "task", "complexity": "complexity band", "tags": "declared tag"}.get(
        fact.name, f"value of `{fact.name}`"
    )
    help_ = hints.help_line(value, fact.values)
    if fact.values == WEEKDAYS and value.casefold() in DAYS:
        help_ = f"write {DAYS[value.casefold()]}"
    return ConditionError("unknown-value", f"`{value}` is not a {what}", help_)


def _type_help(fact: Fact, value: object, hints: Hints, *, yaml: bool) -> str:
    if fact.kind is FactType.NUMBER and isinstance(value, str):
        number = unquoted_number(value)
        if number is not None:
            return f"write {number}"
    elif fact.ascending and not isinstance(value, str):
        return "`score` is the complexity as a number"
    elif fact.kind is FactType.BOOL and str(value).casefold() in BOOLEANS:
        meant = str(BOOLEANS[str(value).casefold()])
        return f"write {meant.lower() if yaml else meant}, without quotes"
    elif fact.kind in (FactType.STRING, FactType.SET, FactType.ENUM):
        close = hints.did_you_mean(str(value), fact.values)
        return f"put a string in quotes: '{close or value}'"
    return f"compare it with {_CONSTANTS[fact.kind]}"
