"""The fields of rules and tasks that say what a model must meet, and what models are sorted by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy_router.language.document.types import Money, PerTokens, PreferKey, Share, Wait

MinQuality = Annotated[Share | None, Field(
    description="Minimum quality of a model, 0 to 1. Default: any.", examples=[0.6]
)]  # fmt: skip
MaxLatency = Annotated[Wait | None, Field(
    description="Maximum latency of a typical answer; excludes models of unknown latency. Default: "
    "any.",
    examples=["5s"],
)]  # fmt: skip
MaxPrice = Annotated[PerTokens | None, Field(
    description="Maximum price per million tokens, for input and for output; excludes models "
    "of unknown price. Default: any.",
    examples=["$3/M"],
)]  # fmt: skip
MaxCost = Annotated[Money | None, Field(
    description="Maximum estimated cost of the answer; excludes models of unknown price. "
    " Default: any.",
    examples=["$0.01"],
)]  # fmt: skip
Prefer = Annotated[list[PreferKey] | None, Field(
    description="Sort keys for models, most important first, overriding the policy's "
    "`prefer`.",
    examples=[["quality", "cheapest"]],
)]  # fmt: skip
