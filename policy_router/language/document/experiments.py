"""The sections `experiments`, `learning` and `prompts`: what is tried out to get better answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    Name,
    Percent,
    Scalar,
    Selectors,
    Shape,
    Text,
    When,
)


class ExperimentShape(Shape):
    """Another order of models for a share of the traffic."""

    when: When | None = None
    share: Annotated[Percent, Field(description="Share of the traffic.", examples=["10%"])]
    first: Annotated[Selectors, Field(
        description="Models to try first, in this order.", examples=[["haiku"]]
    )]  # fmt: skip
    stick_to: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="What always gets the same arm. Default: each request is assigned by itself.",
        examples=["user"],
    )] = None  # fmt: skip
    until: Annotated[str | None, Field(
        pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$",
        description="Last day, in the policy's time zone.",
        examples=["2026-12-31"],
    )] = None  # fmt: skip


class LearningShape(Shape):
    """What is done with the outcomes of past requests."""

    mode: Annotated[Literal["off", "shadow", "suggest", "adjust"], Field(
        description="off, shadow (only record), suggest (a patch to review), adjust (the order).",
        examples=["suggest"],
    )]  # fmt: skip
    min_samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Outcomes of a model that are needed before they count.", examples=[200]
    )] = None  # fmt: skip


class PromptShape(Shape):
    """Instructions and parameters that some models get with a request."""

    models: Annotated[Selectors, Field(
        description="Models that get them.", examples=[["qwen-7b"]]
    )]  # fmt: skip
    when: When | None = None
    system: Annotated[Text | None, Field(
        description="Text before the conversation.", examples=["Answer with JSON only."]
    )] = None  # fmt: skip
    params: Annotated[dict[Name, Scalar | list[Scalar]] | None, Field(
        description="Parameters of the call.", examples=[{"temperature": 0}]
    )] = None  # fmt: skip
