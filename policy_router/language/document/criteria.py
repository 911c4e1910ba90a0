"""The fields of rules and tasks that say what a model must meet, and what models are sorted by."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy_router.language.document.types import Money, PerTokens, PreferKey, Share, Wait

MinQuality = Annotated[Share | None, Field(
    description="The lowest quality of a model, 0 to 1. Default: any.", examples=[0.6]
)]  # fmt: skip
MaxLatency = Annotated[Wait | None, Field(
    description="The longest typical answer; a model without a known `latency` is out. Default: "
    "any.",
    examples=["5s"],
)]  # fmt: skip
MaxPrice = Annotated[PerTokens | None, Field(
    description="The most that a million tokens may cost, of input and of output alike; a model "
    "of unknown price is out. Default: any.",
    examples=["$3/M"],
)]  # fmt: skip
MaxCost = Annotated[Money | None, Field(
    description="The most that the answer may cost, as estimated; a model of unknown price is "
    "out. Default: any.",
    examples=["$0.01"],
)]  # fmt: skip
Prefer = Annotated[list[PreferKey] | None, Field(
    description="What models are sorted by, most important first, in place of the policy's "
    "`prefer`.",
    examples=[["quality", "cheapest"]],
)]  # fmt: skip
