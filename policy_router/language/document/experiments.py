"""The sections `experiments`, `learning` and `prompts`: what is tried out to get better answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from policy_router.language.document.models import DefaultsShape, EffortWord
from policy_router.language.document.types import (
    LONGEST_PROMPT,
    Change,
    Name,
    Percent,
    Selectors,
    Shape,
    When,
)


class GuardShape(Shape):
    """How much worse an arm may be than the control before it ends, in percent of the control."""

    success: Annotated[Change | None, Field(
        description="Change of the share of successful requests.", examples=["-3%"]
    )] = None  # fmt: skip
    quality: Annotated[Change | None, Field(
        description="Change of the quality.", examples=["-5%"]
    )] = None  # fmt: skip
    cost: Annotated[Change | None, Field(
        description="Change of the cost of a request.", examples=["+20%"]
    )] = None  # fmt: skip
    latency: Annotated[Change | None, Field(
        description="Change of the latency.", examples=["+50%"]
    )] = None  # fmt: skip


class StopShape(Shape):
    """When an experiment ends before its last day."""

    confidence: Annotated[Percent | None, Field(
        description="Confidence that the result must have. You may look at the experiment at any "
        "time.",
        examples=["95%"],
    )] = None  # fmt: skip
    samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Number of requests after which it always stops.", examples=[2000]
    )] = None  # fmt: skip
    guard: Annotated[GuardShape | None, Field(
        description="How much worse an arm may be than the control before it ends.",
        examples=[{"success": "-3%"}],
    )] = None  # fmt: skip


_SOMETHING_ELSE: Final[dict[str, Any]] = {
    "if": {"not": {"anyOf": [{"required": ["prompt"]}, {"required": ["effort"]}]}},
    "then": {"required": ["first"], "properties": {"first": {"examples": [["haiku"]]}}},
}
"""An arm changes something; most change the order of models."""
_UNLESS_ARMS: Final[dict[str, Any]] = {
    "if": {"not": {"required": ["arms"]}},
    "then": {
        "required": ["share"],
        "properties": {"share": {"examples": ["10%"]}},
        **_SOMETHING_ELSE,
    },
}
"""Only an experiment with `arms` may leave these out."""
_NO_CHANGE: Final = "an arm needs `first`, `prompt` or `effort`"


class ArmShape(Shape):
    """A variant for a share of the requests."""

    model_config = ConfigDict(json_schema_extra=_SOMETHING_ELSE)

    share: Annotated[Percent, Field(
        description="Share of the requests that this arm gets.", examples=["10%"]
    )]  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="Models to try first, in this order, where they are allowed. Default: the "
        "usual order.",
        examples=[["haiku"]],
    )] = None  # fmt: skip
    prompt: Annotated[Name | None, Field(
        description="The prompt of `prompts` that is preferred to the others. Default: none.",
        examples=["terse-json"],
    )] = None  # fmt: skip
    effort: Annotated[EffortWord | None, Field(
        description="The effort of models that can reason. Default: as without the experiment.",
        examples=["high"],
    )] = None  # fmt: skip

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        """Refuse an arm that is no different from the rest of the requests."""
        if self.first is None and self.prompt is None and self.effort is None:
            raise ValueError(_NO_CHANGE)
        return self


class ExperimentShape(Shape):
    """Another order of models, another prompt or another effort for a share of the traffic."""

    model_config = ConfigDict(json_schema_extra=_UNLESS_ARMS)

    when: When | None = None
    arms: Annotated[
        Annotated[dict[Name, ArmShape], Field(min_length=1)] | None,
        Field(
            description="Several arms by name, in place of `share`, `first`, `prompt` and "
            "`effort`. What is left of 100% is the control. Default: one arm, named after the "
            "experiment.",
            examples=[
                {
                    "haiku": {"share": "10%", "first": ["haiku"]},
                    "think": {"share": "10%", "effort": "high"},
                }
            ],
        ),
    ] = None
    share: Annotated[Percent | None, Field(
        description="Share of the requests that the experiment changes. The rest is the control.",
        examples=["10%"],
    )] = None  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="Models to try first, in this order, where they are allowed. Default: the "
        "usual order.",
        examples=[["haiku"]],
    )] = None  # fmt: skip
    prompt: Annotated[Name | None, Field(
        description="The prompt of `prompts` that is preferred to the others. Default: none.",
        examples=["terse-json"],
    )] = None  # fmt: skip
    effort: Annotated[EffortWord | None, Field(
        description="The effort of models that can reason. Default: as without the experiment.",
        examples=["high"],
    )] = None  # fmt: skip
    stick_to: Annotated[Literal["user", "tenant", "team", "key", "session"] | None, Field(
        description="The kind of subject whose requests always get the same arm. Default: each "
        "request is "
                    "assigned individually.",
        examples=["user"],
    )] = None  # fmt: skip
    measure: Annotated[Literal["success", "quality", "cost", "latency"] | None, Field(
        description="What the arms are compared by.", examples=["quality"]
    )] = None  # fmt: skip
    stop: Annotated[StopShape | None, Field(
        description="When it ends before its last day.",
        examples=[{"confidence": "95%", "samples": 2000}],
    )] = None  # fmt: skip
    until: Annotated[str | None, Field(
        pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$",
        description="Last day, in the policy's time zone.",
        examples=["2026-12-31"],
    )] = None  # fmt: skip

    @model_validator(mode="after")
    def _has_arms(self) -> Self:
        """Refuse an experiment without any arm."""
        if self.arms is not None:
            return self
        if self.share is None:
            raise ValueError("an experiment needs `share`, or `arms`")
        if self.first is None and self.prompt is None and self.effort is None:
            raise ValueError(_NO_CHANGE)
        return self


class LearningShape(Shape):
    """How the outcomes of past requests are used."""

    mode: Annotated[Literal["off", "shadow", "suggest", "adjust"], Field(
        description="`off`; `shadow` only records; `suggest` also proposes changes for review; "
                    "`adjust` also changes the order of models.",
        examples=["suggest"],
    )]  # fmt: skip
    min_samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Minimum number of outcomes of a model before they count. Default: 30.",
        examples=[200],
    )] = None  # fmt: skip
    quality: Annotated[
        Annotated[list[Literal["accept", "feedback"]], Field(min_length=1)] | None,
        Field(
            description="Where the quality of an answer comes from: the checks of `accept`, or "
            "feedback.",
            examples=[["accept", "feedback"]],
        ),
    ] = None
    explore: Annotated[Percent | None, Field(
        description="Share of requests that try another model, to keep learning.",
        examples=["2%"],
    )] = None  # fmt: skip


class PromptShape(Shape):
    """Instructions and parameters for some models. The first prompt that matches model and request
    is used."""

    models: Annotated[Selectors, Field(
        description="Models that get this prompt.", examples=[["qwen-7b"]]
    )]  # fmt: skip
    when: When | None = None
    system: Annotated[
        Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT)] | None, Field(
        description="A text for the model, added to the caller's own system text. Its tokens "
        "count for estimates, budgets and the context. Default: none.",
        examples=["Answer with JSON only."]
    )] = None  # fmt: skip
    place: Annotated[Literal["before", "after", "replace"] | None, Field(
        description="Where the text goes: before or after the caller's own system text, or in its "
        "place. Default: `before`.",
        examples=["before"],
    )] = None  # fmt: skip
    params: Annotated[DefaultsShape | None, Field(
        description="Parameters of the call, where neither the request nor the `params` of the "
        "model set them; `force` changes that. Default: none.",
        examples=[{"temperature": 0}],
    )] = None  # fmt: skip
    force: Annotated[bool | None, Field(
        description="Whether `params` override those of the request and of the model. Default: "
        "false.",
        examples=[True],
    )] = None  # fmt: skip
