"""The section `tests`: requests, and what the policy is expected to decide for them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from policy_router.domain.decision import Reason
from policy_router.domain.sessions import SessionMove
from policy_router.language.document.types import (
    LONGEST_TEXT,
    NAME,
    Clock,
    Duration,
    Money,
    Name,
    Percent,
    Scalar,
    Selectors,
    Shape,
    Share,
    Text,
    Used,
    Word,
    member_of,
)

ARM: Final = f"{NAME.removesuffix('$')}(?:/{NAME.removeprefix('^').removesuffix('$')})?$"
SkipReason = Annotated[Reason, *member_of(Reason)]
SessionWord = Annotated[SessionMove, *member_of(SessionMove)]


class StatsShape(Shape):
    """Measured statistics of a model."""

    success: Annotated[Percent | None, Field(
        description="Share of its calls that gave a usable answer.", examples=["92%"]
    )] = None  # fmt: skip
    latency: Annotated[Duration | None, Field(
        description="Median time of its answers.", examples=["3s"]
    )] = None  # fmt: skip
    quality: Annotated[Share | None, Field(
        description="Mean of the verdicts on its answers, 0 to 1.", examples=[0.8]
    )] = None  # fmt: skip
    accepted: Annotated[Percent | None, Field(
        description="Share of its answers that passed the checks.", examples=["85%"]
    )] = None  # fmt: skip
    samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Number of outcomes behind these values. Default: enough to "
                    "count.",
        examples=[200],
    )] = None  # fmt: skip


class GivenShape(Shape):
    """The runtime state that a test assumes; everything else is unused and healthy."""

    spent: Annotated[dict[Name, Money] | None, Field(
        description="Money spent, by budget. For a budget per user (or tenant and so on), this is "
        "the spending of the request's own user.",
        examples=[{"team": "$50"}],
    )] = None  # fmt: skip
    used: Annotated[dict[Word, Used] | None, Field(
        description="Usage, by limit, by token budget, or by model with limits of its "
        "own.",
        examples=[{"openrouter-free": "50/day"}],
    )] = None  # fmt: skip
    session: Annotated[dict[Word, Word] | None, Field(
        description="The model that answered the last request of a session, by session.",
        examples=[{"s1": "haiku"}],
    )] = None  # fmt: skip
    arm: Annotated[Annotated[str, Field(pattern=ARM)] | None, Field(
        description="The experiment that the request takes part in, as `experiment` or, where it "
        "has several arms, as `experiment/arm`. Default: none.",
        examples=["haiku-for-chat"],
    )] = None  # fmt: skip
    cooling: Annotated[Selectors | None, Field(
        description="Models in cooldown after failures.", examples=[["haiku"]]
    )] = None  # fmt: skip
    clock: Annotated[Clock | None, Field(
        description="The time at which the request is decided, in the policy's time zone. Default: "
        "none, so that the facts `hour` and `weekday` are absent.",
        examples=["22:15"],
    )] = None  # fmt: skip
    stats: Annotated[dict[Word, StatsShape] | None, Field(
        description="Measured statistics, by model.",
        examples=[{"haiku": {"success": "70%"}}],
    )] = None  # fmt: skip


class ExpectShape(Shape):
    """What a test expects of the decision."""

    order: Annotated[list[Word] | None, Field(
        description="All candidates, in order.", examples=[["qwen-7b", "haiku"]]
    )] = None  # fmt: skip
    first: Annotated[Word | None, Field(
        description="The first candidate.", examples=["qwen-7b"]
    )] = None  # fmt: skip
    then: Annotated[list[Word] | None, Field(
        description="The candidates after the first, in order.", examples=[["haiku"]]
    )] = None  # fmt: skip
    never: Annotated[Selectors | None, Field(
        description="Models that are not candidates.", examples=[["paid"]]
    )] = None  # fmt: skip
    task: Annotated[Name | None, Field(description="The task.", examples=["chat"])] = None
    complexity: Annotated[Name | None, Field(
        description="The complexity band.", examples=["trivial"]
    )] = None  # fmt: skip
    rule: Annotated[Text | None, Field(
        description="A rule that applies.", examples=["private data stays on our machines"]
    )] = None  # fmt: skip
    cost: Annotated[Money | None, Field(
        description="Estimated cost of the first candidate.", examples=["$0"]
    )] = None  # fmt: skip
    max_cost: Annotated[Money | None, Field(
        description="The highest estimated cost of any candidate.", examples=["$0.01"]
    )] = None  # fmt: skip
    denied: Annotated[bool | Text | None, Field(
        description="Whether no model may answer, or the text with which a rule denies the "
        "request.",
        examples=[True],
    )] = None  # fmt: skip
    reasons: Annotated[dict[Word, SkipReason] | None, Field(
        description="Why models may not answer, by model.", examples=[{"haiku": "budget"}]
    )] = None  # fmt: skip
    alias: Annotated[Word | None, Field(
        description="The alias that the request asks for.", examples=["fast"]
    )] = None  # fmt: skip
    session: Annotated[SessionWord | None, Field(
        description="What the decision does with the model or the tier of the session.",
        examples=["stays"],
    )] = None  # fmt: skip


class TestShape(Shape):
    """A request, with the expected decision."""

    name: Annotated[Text, Field(
        description="What the test shows.", examples=["small talk is free"]
    )]  # fmt: skip
    given: Annotated[GivenShape | None, Field(
        description="The runtime state that it assumes.", examples=[{"spent": {"team": "$50"}}]
    )] = None  # fmt: skip
    request: Annotated[
        Annotated[str, Field(max_length=LONGEST_TEXT)] | dict[Word, Scalar | list[Scalar]],
        Field(
            description="A prompt, or facts about a request. Among these, `prompt` is the prompt, "
            "`system` a system message, `needs` are abilities that it needs, and max_cost, "
            "max_latency, min_quality, min_tier, only, avoid, prefer and max_candidates are its "
            "caller's constraints.",
            examples=["Hi! How are you?", {"task": "code", "tags": ["private"]}],
        ),
    ]
    expect: Annotated[ExpectShape, Field(
        description="The expected decision.", examples=[{"first": "qwen-7b"}]
    )]  # fmt: skip
