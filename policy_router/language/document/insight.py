"""The sections `outcomes`, `reports` and `discovery`: what is kept and reported, and where to look
for new models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    Days,
    Name,
    PerHour,
    Selectors,
    Shape,
    Size,
    Wait,
    Word,
)


class OutcomesShape(Shape):
    """What the journal keeps of the calls that were made."""

    keep: Annotated[Days | None, Field(
        description="How long a row for each call is kept. Sums of days are kept for ever. "
        "Default: 90d.",
        examples=["90d"],
    )] = None  # fmt: skip


class GpuShape(Shape):
    """The graphics cards that models of your own run on."""

    memory: Annotated[Size, Field(description="Memory of one card.", examples=["80GB"])]
    price: Annotated[PerHour, Field(
        description="What one card costs per hour.", examples=["$2.50/hour"]
    )]  # fmt: skip


class ReportsShape(Shape):
    """What reports compare with."""

    baselines: Annotated[
        Annotated[dict[Name, Word], Field(min_length=1)] | None,
        Field(
            description="What savings are measured against, by name: always one model of the "
            "policy, or `cheapest_that_fits`.",
            examples=[{"always-heavy": "sonnet", "fair": "cheapest_that_fits"}],
        ),
    ] = None
    gpu: Annotated[GpuShape | None, Field(
        description="The graphics cards that models of your own run on.",
        examples=[{"memory": "80GB", "price": "$2.50/hour"}],
    )] = None  # fmt: skip


class DiscoveryShape(Shape):
    """Where new models are looked for."""

    sources: Annotated[
        Annotated[list[Literal["ollama", "lmstudio", "vllm", "openrouter"]], Field(min_length=1)],
        Field(description="Where to look.", examples=[["ollama", "openrouter"]]),
    ]
    only: Annotated[Selectors | None, Field(
        description="Models of interest. Default: all.", examples=[["free"]]
    )] = None  # fmt: skip
    every: Annotated[Wait | None, Field(
        description="Time between two looks. Default: only when asked.", examples=["24h"]
    )] = None  # fmt: skip
