"""The key `price` of a model: what it costs, also at certain hours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy_router.language.document.types import (
    DayRange,
    HourRange,
    Money,
    PerTokens,
    Shape,
    Word,
)


class RatesShape(Shape):
    """Rates and fees in addition to those of input and output."""

    cached: Annotated[PerTokens | None, Field(
        description="Price of input that is read from the provider's prompt cache. Default: the "
        "price of other input.",
        examples=["$0.03/M"],
    )] = None  # fmt: skip
    written: Annotated[PerTokens | None, Field(
        description="Price of input that is written to the prompt cache. Default: more than other "
        "input by the same factor as in LiteLLM's table of models, else the price of other input.",
        examples=["$0.35/M"],
    )] = None  # fmt: skip
    audio: Annotated[PerTokens | None, Field(
        description="Price of audio input, where it is higher. Default: the price of other input.",
        examples=["$1/M"],
    )] = None  # fmt: skip
    request: Annotated[Money | None, Field(
        description="Fee per request, in addition to its tokens. Default: $0.",
        examples=["$0.005"],
    )] = None  # fmt: skip
    image: Annotated[Money | None, Field(
        description="Fee per image in a request, in addition to its tokens. Default: $0.",
        examples=["$0.002"],
    )] = None  # fmt: skip


class HoursShape(RatesShape):
    """The price at certain hours of the week. Prices that are left out are the usual ones."""

    hours: Annotated[HourRange | None, Field(
        description="Start and end, on a 24-hour clock; 22:00-06:00 ends on the next day. "
        "Default: the whole day.",
        examples=["01:00-04:00", "22:00-06:00"],
    )] = None  # fmt: skip
    days: Annotated[DayRange | Annotated[list[DayRange], Field(min_length=1)] | None, Field(
        description="The days on which the hours begin. Default: every day.",
        examples=["mon-fri", ["sat", "sun"]],
    )] = None  # fmt: skip
    zone: Annotated[Word | None, Field(
        description="Time zone of hours and days. Default: the policy's `timezone`.",
        examples=["UTC", "Asia/Shanghai"],
    )] = None  # fmt: skip
    input: Annotated[PerTokens | None, Field(
        description="Price of input at these hours. Default: the usual price.",
        examples=["$0.56/M"],
    )] = None  # fmt: skip
    output: Annotated[PerTokens | None, Field(
        description="Price of output at these hours. Default: the usual price.",
        examples=["$0.84/M"],
    )] = None  # fmt: skip


class PriceShape(RatesShape):
    """The price of a model."""

    input: PerTokens
    output: PerTokens
    at: Annotated[list[HoursShape] | None, Field(
        description="Prices at certain hours of the week; the first match applies.",
        examples=[[{"hours": "01:00-04:00", "days": "mon-fri", "zone": "UTC", "input": "$0.56/M"}]],
    )] = None  # fmt: skip
