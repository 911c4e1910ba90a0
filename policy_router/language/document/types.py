"""The types of fields in a policy file, and the base of its mappings.

Every field has a description and examples, for the readers of the schema and the hover help of
editors. Values with a unit arrive as numbers. What a type cannot express (a name that exists, a
condition that type-checks) is checked when the policy is compiled.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from policy_router import units
from policy_router.decision.abilities import ABILITIES
from policy_router.domain.detection import Sensitive
from policy_router.domain.fallback import Action
from policy_router.domain.ordering import SortKey
from policy_router.language.compile.functions import REFERENCE
from policy_router.units import Cap, Rate, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

NAME: Final = "^[a-z0-9][a-z0-9_-]{0,63}$"
ATTRIBUTE: Final = "^[a-z][a-z0-9_]{0,63}$"
MODEL_NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
ALIAS: Final = r"^[A-Za-z0-9*?\[][A-Za-z0-9._:/@+*?\[\]!-]{0,199}$"
LONGEST_TEXT: Final = 4096
LONGEST_PROMPT: Final = 65_536


def _with_unit(unit: Unit, description: str, *, or_integer: bool = False) -> tuple[Any, ...]:
    """The metadata of a field whose values have a unit.

    Args:
        unit: The unit.
        description: What the field holds.
        or_integer: Whether a positive whole number is accepted as well as a string.
    """

    def read(value: object) -> object:
        if isinstance(value, str):
            return unit.parse(value)
        if or_integer and isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        # A value is read once: what a document already holds is not a value of a file.
        raise ValueError(f"`{value}` is not a {unit.name}")

    schema: dict[str, Any] = {
        "x-kind": unit.name,
        "description": description,
        "examples": list(unit.examples),
        "pattern": unit.pattern,
        "type": ["string", "integer"] if or_integer else "string",
    }
    if or_integer:
        schema["minimum"] = 1
    return BeforeValidator(read), WithJsonSchema(schema)


_count = _with_unit(
    units.SOME_TOKENS, "A number of tokens; k is a thousand, M a million.", or_integer=True
)
Count = Annotated[int, *_count]
Money = Annotated[int, *_with_unit(units.MONEY, "An amount in US dollars.")]
PerTokens = Annotated[
    int, *_with_unit(units.PRICE, "US dollars per million (/M) or per thousand (/K) tokens.")
]
Duration = Annotated[
    float, *_with_unit(units.DURATION, "A duration in milliseconds, seconds, minutes or hours.")
]
Wait = Annotated[
    float,
    *_with_unit(units.WAIT, "A duration in milliseconds, seconds, minutes or hours; never zero."),
]
Days = Annotated[float, *_with_unit(units.DAYS, "A number of whole days.")]
Percent = Annotated[float, *_with_unit(units.PERCENT, "A percentage from 0% to 100%.")]
PercentKey = Annotated[str, Field(pattern=units.PERCENT.pattern)]
Change = Annotated[float, *_with_unit(units.CHANGE, "A change in percent, with its sign.")]
Factor = Annotated[float, *_with_unit(units.FACTOR, "How many times as much.")]
PerSecond = Annotated[int, *_with_unit(units.SECONDLY, "US dollars per second.")]
PerHour = Annotated[int, *_with_unit(units.HOURLY, "US dollars per hour.")]
Size = Annotated[int, *_with_unit(units.SIZE, "An amount of memory.")]
RequestRate = Annotated[
    Rate,
    *_with_unit(
        units.REQUESTS, "Requests per min, hour, day, week, month, or any duration up to 31d."
    ),
]
TokenRate = Annotated[
    Rate,
    *_with_unit(units.TOKENS, "Tokens per min, hour, day, week, month, or any duration up to 31d."),
]
ModelLimit = Annotated[
    Rate,
    *_with_unit(
        units.LIMIT,
        "Requests or tokens per min, hour, day, week, month or any duration up to 31d, or "
        "concurrent "
        "requests.",
    ),
]
BudgetCap = Annotated[
    Cap,
    *_with_unit(
        units.CAP,
        "Dollars or tokens per day, week, month or any duration up to 31d, or `unlimited`. With "
        "`per: session`, without a period, it is for the life of the session.",
    ),
]
Used = Annotated[str, *_with_unit(units.USED, "How much of a quota is used.")]

HourRange = Annotated[
    tuple[int, int],
    *_with_unit(units.HOUR_RANGE, "From one time of day to another, on a 24-hour clock."),
]
DayRange = Annotated[
    tuple[int, ...], *_with_unit(units.DAY_RANGE, "A day of the week, or a range of days.")
]

Clock = Annotated[
    datetime,
    *_with_unit(
        units.CLOCK,
        "A time in the policy's time zone, with a weekday or a date before it if needed. A time "
        "without a day is on a Monday.",
    ),
]

Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$", examples=["ANTHROPIC_API_KEY"])]
SELECTOR: Final = "A model, a tier, a tag, `free`, `paid`, or a pattern such as `openrouter/*`."
"""The description of every word that selects models."""
Selector = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description=SELECTOR,
        examples=["free", "local", "openrouter/*:free"],
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]
Scalar = Annotated[str, Field(max_length=LONGEST_TEXT)] | bool | int | float


def one_of(words: Iterable[str]) -> tuple[Any, ...]:
    """The metadata of a field that holds one of the given words."""
    allowed = tuple(words)

    def read(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"`{value}` is not one of {', '.join(allowed)}")
        return value

    return BeforeValidator(read), WithJsonSchema({"type": "string", "enum": list(allowed)})


def member_of(enumeration: type[StrEnum]) -> tuple[Any, ...]:
    """The metadata of a field that holds the value of a member of an enumeration."""
    known, schema = one_of(enumeration)

    # pydantic wants a function of one value. From Python 3.12 on, an enumeration takes any number.
    def read(value: Any) -> StrEnum:
        return enumeration(value)

    return BeforeValidator(read), known, schema


Ability = Annotated[
    str,
    Field(
        pattern="^[a-z][a-z0-9_-]{0,63}$",
        description="A built-in ability, or one of the policy's `abilities`.",
        examples=list(ABILITIES),
    ),
]
SensitiveKind = Annotated[Sensitive, *member_of(Sensitive)]
Reaction = Annotated[Action, *member_of(Action)]
When = Annotated[
    Text
    | Annotated[
        # An empty list would mean never, and an empty mapping always: neither is allowed.
        dict[Word, Scalar | Annotated[list[Scalar], Field(min_length=1)]], Field(min_length=1)
    ],
    Field(
        description="The condition: a mapping of facts (all must hold; a list means any of), or an "
        "expression in quotes.",
        examples=[{"tags": "private"}, "tokens > 24_000 and 'batch' in tags"],
    ),
]
Selectors = Annotated[list[Selector], Field(min_length=1)]


class Shape(BaseModel):
    """The base of every mapping of a document: closed, strict, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, data: object) -> object:
        """Refuse a key without a value: `only:` with nothing after it would allow all models."""
        if isinstance(data, dict):
            for key, value in data.items():
                if value is None:
                    raise ValueError(f"`{key}` is empty")
        return data


class PythonKey(Shape):
    """Your own function returns the numbers that models are sorted by."""

    python: Annotated[str, Field(
        pattern=REFERENCE,
        description="`module:function`. It is called with the request and the models, and returns "
        "a mapping of names of models to numbers, smaller first. The program that opens the "
        "router must allow the function.",
        examples=["my_package.module:function"],
    )]  # fmt: skip


PreferKey = Annotated[SortKey, *member_of(SortKey)] | PythonKey
