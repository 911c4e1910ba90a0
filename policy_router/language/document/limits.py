"""The sections `limits` and `budgets`: what is counted, and up to which amount."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    BudgetCap,
    Percent,
    PercentKey,
    RequestRate,
    Selectors,
    Shape,
    TokenRate,
    When,
    Word,
)

PerSubject = Annotated[Literal["user", "tenant", "team", "key", "session"] | None, Field(
    description="Counted separately for each of these. Default: one counter for everyone.",
    examples=["user"],
)]  # fmt: skip
Shadow = Annotated[bool | None, Field(
    description="Count, and record what would be refused, without enforcing it. Default: false.",
    examples=[True],
)]  # fmt: skip


class LimitOverrideShape(Shape):
    """Different numbers for one subject, in the windows of the limit."""

    requests: Annotated[list[RequestRate] | None, Field(
        description="Requests in a window of the limit.", examples=[["200/min"]]
    )] = None  # fmt: skip
    tokens: Annotated[list[TokenRate] | None, Field(
        description="Tokens in a window of the limit.", examples=[["1M/hour"]]
    )] = None  # fmt: skip
    concurrent: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Concurrent requests.", examples=[20]
    )] = None  # fmt: skip


class LimitShape(Shape):
    """A rate limit, shared by models or counted per caller."""

    models: Annotated[Selectors | None, Field(
        description="Models that share it. Default: all.", examples=[["openrouter/*:free"]]
    )] = None  # fmt: skip
    per: PerSubject = None
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
    overrides: Annotated[dict[Word, LimitOverrideShape] | None, Field(
        description="Different numbers for individual subjects by name: users, tenants, or "
        "whatever `per` "
                    "names.",
        examples=[{"acme": {"requests": ["200/min"]}}],
    )] = None  # fmt: skip
    shadow: Shadow = None


class BudgetShape(Shape):
    """Money or tokens that may be spent in a period, in a rolling window, or by a session."""

    models: Annotated[Selectors | None, Field(
        description="Models that it covers. Default: all.", examples=[["paid"]]
    )] = None  # fmt: skip
    per: PerSubject = None
    when: When | None = None
    cap: Annotated[BudgetCap, Field(
        description="How much may be spent, and in which period. With `per: session` the period "
        "may be left out: the cap then applies to the session, until nothing was charged to it for "
        "30 days.",
        examples=["$50/month"],
    )]  # fmt: skip
    warn_at: Annotated[list[Percent] | None, Field(
        description="Warn once per period when this share is spent.", examples=[["80%", "95%"]]
    )] = None  # fmt: skip
    narrow_at: Annotated[dict[PercentKey, Selectors] | None, Field(
        description="Once this share of the cap is spent or reserved, only these of the models "
        "that it covers are candidates. Default: all, until the budget is spent.",
        examples=[{"90%": ["free", "light"]}],
    )] = None  # fmt: skip
    overrides: Annotated[dict[Word, BudgetCap] | None, Field(
        description="Different caps for individual subjects by name: users, tenants, or whatever "
        "`per` "
                    "names.",
        examples=[{"acme": "$5/day"}],
    )] = None  # fmt: skip
    then: Annotated[Literal["free_only", "block", "warn"] | None, Field(
        description="What happens when it is spent.", examples=["free_only"]
    )] = None  # fmt: skip
    shadow: Shadow = None
