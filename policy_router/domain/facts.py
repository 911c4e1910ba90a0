"""The facts that conditions can read of a request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FactType(StrEnum):
    """The type of a fact."""

    ENUM = "enumeration"
    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that conditions can read of a request.

    Attributes:
        name: Its name in expressions.
        kind: Its type.
        values: The possible values of an enumeration, or members of a set, in written order. For a
            set, none means that any string can be a member.
        integer: Whether a number is always an integer.
        low: The lowest possible number, if there is one.
        high: The highest possible number, if there is one.
        optional: Whether it can be absent. A set never is: it is empty instead.
        ascending: Whether the values of an enumeration are in ascending order, so that conditions
            can compare them with `<` and the like.
        default: The value of a declared fact that the request does not set; None leaves it absent.
    """

    name: str
    kind: FactType
    values: tuple[str, ...] = ()
    integer: bool = False
    low: float | None = None
    high: float | None = None
    optional: bool = True
    ascending: bool = False
    default: str | float | bool | None = None


WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Vocabulary:
    """The facts that a policy can read: the built-in ones, then those it declares."""

    __slots__ = ("attributes", "by_name", "declared", "defaults", "facts", "tags")

    def __init__(
        self,
        tasks: Sequence[str],
        bands: Sequence[str],
        attributes: Sequence[Fact] = (),
        *,
        tags: Sequence[str] = (),
        default_task: bool = False,
    ) -> None:
        # With a default task every request has one.
        text, flag = FactType.STRING, FactType.BOOL
        builtin = (
            Fact("task", FactType.ENUM, tuple(tasks), optional=not default_task),
            Fact("complexity", FactType.ENUM, tuple(bands), ascending=True),
            Fact("score", FactType.NUMBER, low=0, high=1),
            Fact("tokens", FactType.NUMBER, integer=True, low=0, optional=False),
            Fact("max_tokens", FactType.NUMBER, integer=True, low=1),
            Fact("tags", FactType.SET, tuple(tags), optional=False),
            *(Fact(name, text) for name in ("user", "team", "tenant", "key")),
            Fact("hour", FactType.NUMBER, integer=True, low=0, high=23),
            Fact("weekday", FactType.ENUM, WEEKDAYS),
            *(
                Fact(name, flag, optional=False)
                for name in ("has_tools", "has_images", "wants_json", "stream")
            ),
            Fact("language", text),
            Fact("model", text),
            Fact("session", text),
            Fact("client", text),
            *(Fact(name, flag, optional=False) for name in ("subagent", "housekeeping")),
            Fact("turn", FactType.NUMBER, integer=True, low=1),
            Fact("tool_errors", FactType.NUMBER, integer=True, low=0, optional=False),
            Fact("detected", FactType.SET, optional=False),
        )
        self.declared = tuple(attributes)
        self.attributes: Mapping[str, Fact] = {fact.name: fact for fact in attributes}
        self.defaults: Mapping[str, str | float | bool] = {
            fact.name: fact.default for fact in attributes if fact.default is not None
        }
        self.tags = frozenset(tags)
        self.facts: tuple[Fact, ...] = (*builtin, *attributes)
        self.by_name: Mapping[str, int] = {f.name: i for i, f in enumerate(self.facts)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.facts == other.facts

    def __hash__(self) -> int:
        return hash(self.facts)


BUILT_IN: Final = frozenset(Vocabulary((), ()).by_name)
