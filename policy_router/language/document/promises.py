"""The sections `invariants` and `tests`: what must hold of the policy's decisions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.types import (
    LONGEST_TEXT,
    Money,
    Name,
    Scalar,
    Selectors,
    Shape,
    Text,
    Used,
    When,
    Word,
)


class InvariantShape(Shape):
    """A promise about every request, whatever the state of the world."""

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
            description="How many models or providers the policy allows for every such request.",
            examples=["2 candidates", "2 providers"],
        ),
    ] = None
    even_if: Annotated[Literal["one model is down", "one provider is down"] | None, Field(
        description="`at_least` also holds without any one of these.",
        examples=["one provider is down"],
    )] = None  # fmt: skip
    max_cost: Annotated[Money | None, Field(
        description="What no such request is ever estimated to cost more than.",
        examples=["$0.01"],
    )] = None  # fmt: skip
    always_denied: Annotated[bool | None, Field(
        description="Every such request is refused.", examples=[True]
    )] = None  # fmt: skip


class GivenShape(Shape):
    """The state that a test assumes."""

    spent: Annotated[dict[Name, Money] | None, Field(
        description="Money spent, by budget.", examples=[{"team": "$50"}]
    )] = None  # fmt: skip
    used: Annotated[dict[Name, Used] | None, Field(
        description="Quota used up, by limit.", examples=[{"openrouter-free": "50/day"}]
    )] = None  # fmt: skip
    session: Annotated[dict[Word, Word] | None, Field(
        description="The model that answered the last request of a session, by session.",
        examples=[{"s1": "haiku"}],
    )] = None  # fmt: skip
    arm: Annotated[Name | None, Field(
        description="The experiment that the request takes part in.", examples=["haiku-for-chat"]
    )] = None  # fmt: skip


class ExpectShape(Shape):
    """What a test expects of the decision."""

    first: Annotated[Word | None, Field(
        description="The first candidate.", examples=["qwen-7b"]
    )] = None  # fmt: skip
    then: Annotated[list[Word] | None, Field(
        description="The candidates after the first, in order.", examples=[["haiku"]]
    )] = None  # fmt: skip
    never: Annotated[Selectors | None, Field(
        description="Models that are no candidates.", examples=[["paid"]]
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
    denied: Annotated[bool | None, Field(
        description="Whether the request is refused.", examples=[True]
    )] = None  # fmt: skip


class TestShape(Shape):
    """A request, and what the policy is expected to decide for it."""

    name: Annotated[Text, Field(
        description="What the test shows.", examples=["small talk is free"]
    )]  # fmt: skip
    given: Annotated[GivenShape | None, Field(
        description="The state that it assumes.", examples=[{"spent": {"team": "$50"}}]
    )] = None  # fmt: skip
    request: Annotated[
        Annotated[str, Field(max_length=LONGEST_TEXT)] | dict[Word, Scalar | list[Scalar]],
        Field(
            description="A prompt, or facts about a request.",
            examples=["Hi! How are you?", {"task": "code", "tags": ["private"]}],
        ),
    ]
    expect: Annotated[ExpectShape, Field(
        description="What it expects of the decision.", examples=[{"first": "qwen-7b"}]
    )]  # fmt: skip
