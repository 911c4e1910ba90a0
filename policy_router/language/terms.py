"""The terms of conditions: what the grammar reads, before anything is known of the facts.

They are not frozen, since every condition makes many of them and nothing keeps them.
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
    """Where a term is written: characters [start, end) of the condition's text."""

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
    """A name, of a fact as far as the grammar knows."""

    extent: Extent
    name: str


@dataclass(slots=True)
class ConstantTerm:
    """A constant. value: as Python reads it, of any type."""

    extent: Extent
    value: object


Operand: TypeAlias = FactTerm | ConstantTerm


@dataclass(slots=True)
class ComparisonTerm:
    """A fact compared with an operand. When the constant was on the left, the sides are exchanged
    and the operator is mirrored."""

    extent: Extent
    fact: FactTerm
    operator: str
    operand: Operand


@dataclass(slots=True)
class ChoiceTerm:
    """A fact `in`, or when negated `not in`, a list of operands."""

    extent: Extent
    fact: FactTerm
    items: tuple[Operand, ...]
    negated: bool


@dataclass(slots=True)
class MembershipTerm:
    """An operand `in`, or when negated `not in`, a fact."""

    extent: Extent
    item: Operand
    fact: FactTerm
    negated: bool


@dataclass(slots=True)
class CallTerm:
    """A call of a function that conditions have. fact: its first argument, or what the method
    belongs to. arguments: the others."""

    extent: Extent
    function: str
    fact: FactTerm
    arguments: tuple[Operand, ...]


@dataclass(slots=True)
class UnknownCallTerm:
    """A call of a function or method that conditions do not have. arguments: as written; the
    owner of a method comes first."""

    extent: Extent
    function: str
    is_method: bool
    arguments: tuple[str, ...]


@dataclass(slots=True)
class JunctionTerm:
    """Terms joined by `and`, else by `or`."""

    is_and: bool
    terms: tuple[Term, ...]


@dataclass(slots=True)
class NegationTerm:
    """`not` before a term."""

    term: Term


Term: TypeAlias = (
    FactTerm | ComparisonTerm | ChoiceTerm | MembershipTerm | CallTerm | UnknownCallTerm
    | JunctionTerm | NegationTerm
)  # fmt: skip
