"""The field `accept`: the checks that an answer must pass."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from policy_router.domain.acceptance import OnRejected
from policy_router.language.compile.functions import REFERENCE
from policy_router.language.document.types import Shape, Text, Word, member_of


class LlmCheck(Shape):
    """A model of the policy that judges the answer."""

    model: Annotated[Word, Field(description="The model that judges.", examples=["haiku"])]
    rubric: Annotated[Text, Field(
        description="What makes an answer good.",
        examples=["Answers every part of the question."],
    )]  # fmt: skip


class AcceptShape(Shape):
    """Checks that an answer must pass. When it fails one, a model of a higher tier is called."""

    not_empty: Annotated[bool | None, Field(
        description="It has text, or calls a tool.", examples=[True]
    )] = None  # fmt: skip
    # Not `json`: pydantic has a method of that name.
    json_: Annotated[bool | None, Field(
        alias="json", description="Its whole text is JSON.", examples=[True]
    )] = None  # fmt: skip
    json_schema: Annotated[dict[str, Any] | None, Field(
        description="It is JSON that fits this JSON Schema.", examples=[{"type": "object"}]
    )] = None  # fmt: skip
    pattern: Annotated[Text | None, Field(
        description="This RE2 pattern is found in it.", examples=["^\\{"]
    )] = None  # fmt: skip
    min_chars: Annotated[Annotated[int, Field(ge=0)] | None, Field(
        description="Smallest number of characters.", examples=[1]
    )] = None  # fmt: skip
    max_chars: Annotated[Annotated[int, Field(ge=0)] | None, Field(
        description="Largest number of characters.", examples=[8000]
    )] = None  # fmt: skip
    stop_reason: Annotated[Annotated[list[Word], Field(min_length=1)] | None, Field(
        description="It ended for one of these reasons.", examples=[["stop", "tool_calls"]]
    )] = None  # fmt: skip
    python: Annotated[str | None, Field(
        pattern=REFERENCE,
        description="Your own function accepts it: `module:function`. The program that opens the "
        "router must allow the function.",
        examples=["my_package.checks:good"],
    )] = None  # fmt: skip
    llm: Annotated[LlmCheck | None, Field(
        description="A model accepts it.",
        examples=[{"model": "haiku", "rubric": "Answers every part of the question."}],
    )] = None  # fmt: skip
    otherwise: Annotated[Annotated[OnRejected, *member_of(OnRejected)] | None, Field(
        description="When no answer passes: return the best one, or an error.",
        examples=["best"],
    )] = None  # fmt: skip
