"""The terms of conditions: what the grammar reads, before anything is known about the facts.

They are not frozen, because every condition makes many of them and none is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from policy_router.language.condition_error import ConditionError

ALLOWED: Final = (
    "a condition consists of facts, constants, and/or/not, == != < <= > >=, in, "
    ".startswith(), any_of(), all_of(), matches()"
)
_LONGEST: Final = 40
"""Characters of a term that a message repeats."""


@dataclass(slots=True)
class Extent:
    """The place of a term in a condition.

    Attributes:
        text: The term as written, on one line.
        start: Its first character in the text of the condition.
        end: The character after its last one.
    """

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        """The term as written, short enough for a message."""
        return self.text if len(self.text) <= _LONGEST else self.text[: _LONGEST - 3] + "..."

    def refuse(self, rule: str, message: str, help_: str = ALLOWED) -> NoReturn:
        """Report something wrong with this term. Raises ConditionError."""
        raise ConditionError(rule, message, help_, self.start, self.end)


@dataclass(slots=True)
class FactTerm:
    """A name, which the grammar reads as that of a fact.

    Attributes:
        extent: Where it is written.
        name: The name.
    """

    extent: Extent
    name: str


@dataclass(slots=True)
class ConstantTerm:
    """A constant.

    Attributes:
        extent: Where it is written.
        value: Its value as Python reads it, of any type.
    """

    extent: Extent
    value: object


Operand: TypeAlias = FactTerm | ConstantTerm


@dataclass(slots=True)
class ComparisonTerm:
    """A fact compared with an operand.

    When the constant was on the left, the sides are exchanged and the operator is mirrored.

    Attributes:
        extent: Where it is written.
        fact: The left side.
        operator: The operator, such as `<=`.
        operand: The right side.
    """

    extent: Extent
    fact: FactTerm
    operator: str
    operand: Operand


@dataclass(slots=True)
class ChoiceTerm:
    """A fact `in` a list of operands, or `not in` it.

    Attributes:
        extent: Where it is written.
        fact: The fact.
        items: The operands of the list.
        negated: Whether the operator is `not in`.
    """

    extent: Extent
    fact: FactTerm
    items: tuple[Operand, ...]
    negated: bool


@dataclass(slots=True)
class MembershipTerm:
    """An operand `in` a fact, or `not in` it.

    Attributes:
        extent: Where it is written.
        item: The operand.
        fact: The fact, a set.
        negated: Whether the operator is `not in`.
    """

    extent: Extent
    item: Operand
    fact: FactTerm
    negated: bool


@dataclass(slots=True)
class CallTerm:
    """A call of a function or method that conditions have.

    Attributes:
        extent: Where it is written.
        function: The name of the function or method.
        fact: Its first argument, or the owner of the method.
        arguments: The other arguments.
    """

    extent: Extent
    function: str
    fact: FactTerm
    arguments: tuple[Operand, ...]


@dataclass(slots=True)
class UnknownCallTerm:
    """A call of a function or method that conditions do not have.

    Attributes:
        extent: Where it is written.
        function: The name of the function or method.
        is_method: Whether it is a method.
        arguments: Its arguments as written; the first one is the owner of a method.
    """

    extent: Extent
    function: str
    is_method: bool
    arguments: tuple[str, ...]


@dataclass(slots=True)
class JunctionTerm:
    """Terms joined by `and` or by `or`.

    Attributes:
        is_and: Whether they are joined by `and`.
        terms: The terms.
    """

    is_and: bool
    terms: tuple[Term, ...]


@dataclass(slots=True)
class NegationTerm:
    """`not` before a term.

    Attributes:
        term: The negated term.
    """

    term: Term


Term: TypeAlias = (
    FactTerm | ComparisonTerm | ChoiceTerm | MembershipTerm | CallTerm | UnknownCallTerm
    | JunctionTerm | NegationTerm
)  # fmt: skip
