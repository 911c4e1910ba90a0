"""The sections `outcomes`, `reports`, `alerts` and `discovery`: what is kept and reported, where
alerts are sent, and where to look for new models.
"""

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
    Variable,
    Wait,
    Word,
)


class OutcomesShape(Shape):
    """What the journal keeps."""

    keep: Annotated[Days | None, Field(
        description="How long a row for each call is kept. Daily sums are kept forever. Default: "
        "90d.",
        examples=["90d"],
    )] = None  # fmt: skip


class GpuShape(Shape):
    """The GPUs of self-hosted models."""

    memory: Annotated[Size, Field(description="Memory of one GPU.", examples=["80GB"])]
    price: Annotated[PerHour, Field(
        description="Price of one GPU per hour.", examples=["$2.50/hour"]
    )]  # fmt: skip


class ReportsShape(Shape):
    """What reports compare with."""

    baselines: Annotated[
        Annotated[dict[Name, Word], Field(min_length=1)] | None,
        Field(
            description="What savings are measured against, by name: always one model of the "
            "policy; or `cheapest_that_fits`, the cheapest paid model that the policy allows for "
            "each request.",
            examples=[{"always-heavy": "sonnet", "fair": "cheapest_that_fits"}],
        ),
    ] = None
    gpu: Annotated[GpuShape | None, Field(
        description="The GPUs of self-hosted models.",
        examples=[{"memory": "80GB", "price": "$2.50/hour"}],
    )] = None  # fmt: skip


class AlertsShape(Shape):
    """Where alerts are sent."""

    webhook_env: Annotated[Variable, Field(
        description="Environment variable with the webhook URL that alerts are sent to, by POST as "
        "JSON.",
        examples=["ALERT_WEBHOOK"],
    )]  # fmt: skip


class DiscoveryShape(Shape):
    """Where to look for new models."""

    sources: Annotated[
        Annotated[list[Literal["ollama", "lmstudio", "vllm", "openrouter"]], Field(min_length=1)],
        Field(description="Where to look.", examples=[["ollama", "openrouter"]]),
    ]
    only: Annotated[Selectors | None, Field(
        description="Which new models to report: `free`, `paid`, `local`, an ability, a source or "
        "a pattern over names. Default: all.",
        examples=[["free"]],
    )] = None  # fmt: skip
    every: Annotated[Wait | None, Field(
        description="How long the response of a source is cached. "
        "If it is set, `serve` also polls at this interval, at most once a minute. Default: 1h for "
        "`discover`, and `serve` does not poll.",
        examples=["24h"],
    )] = None  # fmt: skip
