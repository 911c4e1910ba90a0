"""The sections `limits` and `budgets`: what is counted, and up to which amount."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    BudgetCap,
    Percent,
    RequestRate,
    Selectors,
    Shape,
    TokenRate,
    When,
)


class LimitShape(Shape):
    """A rate limit shared by the models it names, or kept per caller."""

    models: Annotated[Selectors | None, Field(
        description="Models that share it. Default: all.", examples=[["openrouter/*:free"]]
    )] = None  # fmt: skip
    per: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="Counted separately for each of these. Default: one count for everyone.",
        examples=["user"],
    )] = None  # fmt: skip
    when: When | None = None
    requests: Annotated[list[RequestRate] | None, Field(
        description="Requests per period.", examples=[["20/min", "50/day"]]
    )] = None  # fmt: skip
    tokens: Annotated[list[TokenRate] | None, Field(
        description="Tokens per period.", examples=[["200k/hour"]]
    )] = None  # fmt: skip
    concurrent: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Concurrent requests.", examples=[8]
    )] = None  # fmt: skip


class BudgetShape(Shape):
    """Money or tokens that may be spent in a calendar period."""

    models: Annotated[Selectors | None, Field(
        description="Models that it covers. Default: all.", examples=[["paid"]]
    )] = None  # fmt: skip
    per: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="Counted separately for each of these. Default: one count for everyone.",
        examples=["user"],
    )] = None  # fmt: skip
    when: When | None = None
    cap: Annotated[BudgetCap, Field(
        description="How much may be spent, and in which period.", examples=["$50/month"]
    )]  # fmt: skip
    warn_at: Annotated[list[Percent] | None, Field(
        description="Warn once per period when this share is spent.", examples=[["80%", "95%"]]
    )] = None  # fmt: skip
    then: Annotated[Literal["free_only", "block", "warn"] | None, Field(
        description="What happens when it is spent.", examples=["free_only"]
    )] = None  # fmt: skip
