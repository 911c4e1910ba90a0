"""The section `rules`: which models may answer, and which come first."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policy_router.language.document.acceptance import AcceptShape
from policy_router.language.document.criteria import (
    MaxCost,
    MaxLatency,
    MaxPrice,
    MinQuality,
    Prefer,
)
from policy_router.language.document.types import Ability, Name, Selectors, Shape, Text, When


class RuleShape(Shape):
    """A rule. Every rule that matches applies, and can only remove or reorder models."""

    name: Annotated[Text, Field(
        description="A sentence, which is shown as the reason wherever the rule decides.",
        examples=["private data stays on our machines"],
    )]  # fmt: skip
    when: When | None = None
    only: Annotated[Selectors | None, Field(
        description="Exclude all other models.", examples=[["local"]]
    )] = None  # fmt: skip
    avoid: Annotated[Selectors | None, Field(
        description="Exclude these models.", examples=[["paid"]]
    )] = None  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="Try these models before all others, in this order.", examples=[["sonnet"]]
    )] = None  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The lowest tier that may answer.", examples=["heavy"]
    )] = None  # fmt: skip
    needs: Annotated[list[Ability] | None, Field(
        description="Abilities that a model must have.", examples=[["tools"]]
    )] = None  # fmt: skip
    min_quality: MinQuality = None
    max_latency: MaxLatency = None
    max_price: MaxPrice = None
    max_cost: MaxCost = None
    prefer: Prefer = None
    deny: Annotated[Text | None, Field(
        description="Deny the request, with this text.", examples=["not on the free plan"]
    )] = None  # fmt: skip
    accept: Annotated[AcceptShape | None, Field(
        description="Checks that an answer must pass.", examples=[{"not_empty": True}]
    )] = None  # fmt: skip
    shadow: Annotated[bool | None, Field(
        description="Evaluate the rule and record what it would have done, but do not apply it. "
        "Default: false.",
        examples=[True],
    )] = None  # fmt: skip
