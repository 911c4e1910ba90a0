"""The sections `tasks` and `complexity`: what kind of request it is, and how hard."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.compile.functions import REFERENCE
from policy_router.language.document.acceptance import AcceptShape
from policy_router.language.document.criteria import (
    MaxCost,
    MaxLatency,
    MaxPrice,
    MinQuality,
    Prefer,
)
from policy_router.language.document.types import (
    Ability,
    Money,
    Name,
    Percent,
    PerSecond,
    Selectors,
    Shape,
    Share,
    Text,
    Wait,
    Word,
)


class TaskShape(Shape):
    """A kind of request. The first one that matches applies; the last one, when it has no
    conditions of its own, applies to everything else. A task without conditions that is named like
    a built-in kind of work (math, code_generation, translation, ...) is recognized by the built-in
    definition."""

    keywords: Annotated[list[Word] | None, Field(
        description="Words that identify it.", examples=[["traceback", "refactor"]]
    )] = None  # fmt: skip
    pattern: Annotated[Text | None, Field(
        description="An RE2 pattern that identifies it.", examples=["```|\\bdef \\w+\\("]
    )] = None  # fmt: skip
    when_needs: Annotated[list[Ability] | None, Field(
        description="A request that needs all of these abilities is of this task.",
        examples=[["json"]],
    )] = None  # fmt: skip
    needs: Annotated[list[Ability] | None, Field(
        description="Abilities that a model must have to do it. They do not identify the task; "
        "`when_needs` does.",
        examples=[["json"]],
    )] = None  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The lowest tier that does it well.", examples=["standard"]
    )] = None  # fmt: skip
    criticality: Annotated[Share | None, Field(
        description="How much it raises the complexity score, 0 to 1.", examples=[0.6]
    )] = None  # fmt: skip
    confidence: Annotated[Share | None, Field(
        description="Minimum probability for the built-in definition to identify this task, 0 to "
        "1.",
        examples=[0.7],
    )] = None  # fmt: skip
    only: Annotated[Selectors | None, Field(
        description="Exclude all other models.", examples=[["local"]]
    )] = None  # fmt: skip
    avoid: Annotated[Selectors | None, Field(
        description="Exclude these models.", examples=[["paid"]]
    )] = None  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="Models to try first, in this order.", examples=[["qwen-7b", "coder-free"]]
    )] = None  # fmt: skip
    use: Annotated[Selectors | None, Field(
        description="The only models to try, in exactly this order. Models of one selector keep "
        "their usual order.",
        examples=[["qwen-7b", "coder-free"]],
    )] = None  # fmt: skip
    min_quality: MinQuality = None
    max_latency: MaxLatency = None
    max_price: MaxPrice = None
    max_cost: MaxCost = None
    prefer: Prefer = None
    worth: Annotated[Money | None, Field(
        description="The value of an accepted answer to you, for the key `value` of `prefer`. "
        "Default: none, so that `value` has no effect.",
        examples=["$0.02"],
    )] = None  # fmt: skip
    patience: Annotated[PerSecond | None, Field(
        description="The cost to you of each second of waiting for the answer, for the key "
        "`value` of "
        "`prefer`. Default: `$0/s`.",
        examples=["$0.001/s"],
    )] = None  # fmt: skip
    deadline: Annotated[Wait | None, Field(
        description="Time for the whole request, all attempts together. Default: `deadline` of "
        "`fallback`.",
        examples=["120s"],
    )] = None  # fmt: skip
    max_attempts: Annotated[int | None, Field(
        ge=1, le=100,
        description="Maximum number of calls per request, including the first one. Default: "
        "`max_attempts` of `fallback`.",
        examples=[2],
    )] = None  # fmt: skip
    accept: Annotated[AcceptShape | None, Field(
        description="Checks that an answer must pass.", examples=[{"json": True}]
    )] = None  # fmt: skip


class BandShape(Shape):
    """A range of the complexity score; it ends where the next one begins."""

    from_: Annotated[Share, Field(
        alias="from", description="The score at which it begins.", examples=[0.35]
    )]  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The lowest tier that may answer.", examples=["standard"]
    )] = None  # fmt: skip


class LlmEstimator(Shape):
    """A model of the policy rates the request."""

    llm: Annotated[Word, Field(description="The model that rates.", examples=["haiku"])]


class PythonEstimator(Shape):
    """Your own function rates the request."""

    python: Annotated[str, Field(
        pattern=REFERENCE,
        description="`module:function`. The program that opens the router must allow the "
        "function.",
        examples=["my_package.module:function"],
    )]  # fmt: skip


class WeightsShape(Shape):
    """What each factor contributes to the score; together 100%."""

    message: Annotated[Percent | None, Field(
        description="Weight of the text.", examples=["30%"]
    )] = None  # fmt: skip
    context: Annotated[Percent | None, Field(
        description="Weight of the size of the context.", examples=["15%"]
    )] = None  # fmt: skip
    capability: Annotated[Percent | None, Field(
        description="Weight of the required abilities.", examples=["25%"]
    )] = None  # fmt: skip
    depth: Annotated[Percent | None, Field(
        description="Weight of the length of the conversation.", examples=["10%"]
    )] = None  # fmt: skip
    keywords: Annotated[Percent | None, Field(
        description="Weight of words that suggest difficulty.", examples=["20%"]
    )] = None  # fmt: skip


class ComplexityShape(Shape):
    """How hard a request is, 0 to 1, and the bands that this score is divided into."""

    estimator: Annotated[
        Literal["heuristic", "learned"] | LlmEstimator | PythonEstimator | None,
        Field(
            description="What computes the score if the caller does not set it.",
            examples=["heuristic", {"llm": "haiku"}],
        ),
    ] = None
    weights: Annotated[WeightsShape | None, Field(
        description="What each factor contributes to the score; together 100%.",
        examples=[{"message": "100%"}],
    )] = None  # fmt: skip
    keywords: Annotated[list[Word] | None, Field(
        description="Words that suggest difficulty, in addition to the built-in ones.",
        examples=[["prove", "trade-off"]],
    )] = None  # fmt: skip
    bands: Annotated[
        Literal["three_tiers", "one_to_ten"]
        | Annotated[dict[Name, BandShape], Field(min_length=1)]
        | None,
        Field(
            description="Bands by name, easiest first; or `three_tiers`: light, standard and "
            "heavy, each requiring the tier of that name; or `one_to_ten`: level_1 to level_10, "
            "where callers may write 7 or 0.7 for level_7.",
            examples=[
                {"easy": {"from": 0.0}, "hard": {"from": 0.6, "min_tier": "heavy"}},
                "three_tiers",
            ],
        ),
    ] = None
