"""The section `invariants`: what must hold of every decision of the policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    Money,
    Selectors,
    Shape,
    Text,
    When,
)


class InvariantShape(Shape):
    """A promise about every request, whatever the runtime state."""

    name: Annotated[Text, Field(
        description="The promise as a sentence.", examples=["private data never leaves"]
    )]  # fmt: skip
    when: When | None = None
    never: Annotated[Selectors | None, Field(
        description="Models that no such request ever reaches.", examples=[["openrouter/*"]]
    )] = None  # fmt: skip
    only: Annotated[Selectors | None, Field(
        description="The only models that such a request ever reaches.", examples=[["local"]]
    )] = None  # fmt: skip
    at_least: Annotated[
        Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2} (?:candidates?|providers?)$")] | None,
        Field(
            description="Minimum number of models or providers that the policy allows for every "
            "such request.",
            examples=["2 candidates", "2 providers"],
        ),
    ] = None
    even_if: Annotated[Literal["one model is down", "one provider is down"] | None, Field(
        description="`at_least` holds even without any one of these.",
        examples=["one provider is down"],
    )] = None  # fmt: skip
    max_cost: Annotated[Money | None, Field(
        description="Maximum estimated cost of such a request.",
        examples=["$0.01"],
    )] = None  # fmt: skip
    always_denied: Annotated[bool | None, Field(
        description="Every such request is denied.", examples=[True]
    )] = None  # fmt: skip
