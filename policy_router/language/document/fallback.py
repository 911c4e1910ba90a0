"""The section `fallback`: how a request continues when a model fails."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from policy_router.domain.fallback import FaultClass, OnBreak
from policy_router.language.document.types import (
    Duration,
    Factor,
    Percent,
    Reaction,
    Selectors,
    Shape,
    Wait,
    member_of,
)


class CooldownShape(Shape):
    """When a model that keeps failing is in cooldown."""

    failures: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Number of consecutive failures that open a model's breaker. Default: 5.",
        examples=[3],
    )] = None  # fmt: skip
    within: Annotated[Duration | None, Field(
        description="Time within which they happen; also the window of `share`. Default: 30s.",
        examples=["1m"],
    )] = None  # fmt: skip
    for_: Annotated[Duration | None, Field(
        alias="for",
        description="How long the breaker is open the first time, so that the model is not "
                    "called. Default: 10s.",
        examples=["15s"],
    )] = None  # fmt: skip
    longest: Annotated[Duration | None, Field(
        description="Longest time that the breaker is open; the time doubles while the model "
                    "fails. Default: 5m.",
        examples=["5m"],
    )] = None  # fmt: skip
    share: Annotated[Percent | None, Field(
        description="Share of failed calls that also opens the breaker. Default: 50%.",
        examples=["50%"],
    )] = None  # fmt: skip
    volume: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Minimum number of calls within the window for `share` to apply. Default: 20.",
        examples=[20],
    )] = None  # fmt: skip
    ramp: Annotated[Duration | None, Field(
        description="Time after a recovery over which the model's traffic ramps up. "
                    "Default: 30s.",
        examples=["30s"],
    )] = None  # fmt: skip
    rate_limit: Annotated[Wait | None, Field(
        description="First cooldown after a rate limit for which the provider gives no time; it "
                    "doubles, up to 5m. Default: 5s.",
        examples=["5s"],
    )] = None  # fmt: skip
    overloaded: Annotated[Wait | None, Field(
        description="The same, when the provider says that it is overloaded. Default: 10s.",
        examples=["10s"],
    )] = None  # fmt: skip
    quota: Annotated[Wait | None, Field(
        description="Cooldown after a used-up quota, if its reset time is unknown. Default: 15m.",
        examples=["15m"],
    )] = None  # fmt: skip
    auth: Annotated[Wait | None, Field(
        description="Cooldown of a key that was rejected. Default: 10m.",
        examples=["10m"],
    )] = None  # fmt: skip
    gone: Annotated[Wait | None, Field(
        description="Cooldown of a model that no longer exists at the provider. Default: 10m.",
        examples=["10m"],
    )] = None  # fmt: skip


class DegradedShape(Shape):
    """When a model that still answers counts as worse than usual."""

    success: Annotated[Percent | None, Field(
        description="It counts as degraded below this share of successful calls.",
        examples=["90%"],
    )] = None  # fmt: skip
    latency: Annotated[Factor | None, Field(
        description="It counts as degraded when its latency is this many times its average of the "
        "last days.",
        examples=["3x"],
    )] = None  # fmt: skip
    over: Annotated[Wait | None, Field(
        description="Time over which this is measured, in each process. Default: 15m.",
        examples=["15m"],
    )] = None  # fmt: skip
    min_samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Minimum number of calls before a model is judged. Default: 20.", examples=[20]
    )] = None  # fmt: skip
    then: Annotated[Literal["last", "skip"] | None, Field(
        description="`last`: tried after the others; `skip`: not tried. Default: last.",
        examples=["last"],
    )] = None  # fmt: skip


class ProbeShape(Shape):
    """Calls in the background that find out whether models answer."""

    every: Annotated[Wait, Field(description="Time between two probes.", examples=["30s"])]
    models: Annotated[Selectors | None, Field(
        description="Models that are probed; probes of paid ones are charged. Default: free "
        "models on servers of your own.",
        examples=[["local"]],
    )] = None  # fmt: skip


def _when(failure: str) -> str:
    return f"The reaction when {failure}."


class OnErrorShape(Shape):
    """The reaction to each class of failure."""

    rate_limit: Annotated[Reaction | None, Field(
        description=_when("the provider's rate limit is reached"), examples=["next"]
    )] = None  # fmt: skip
    timeout: Annotated[Reaction | None, Field(
        description=_when("the model takes too long"), examples=["next"]
    )] = None  # fmt: skip
    server_error: Annotated[Reaction | None, Field(
        description=_when("the provider fails or cannot be reached"), examples=["retry_then_next"]
    )] = None  # fmt: skip
    context_too_long: Annotated[Reaction | None, Field(
        description=_when("the request does not fit the model's context"),
        examples=["bigger_context"],
    )] = None  # fmt: skip
    content_filter: Annotated[Reaction | None, Field(
        description=_when("the provider filters the content"), examples=["stop"]
    )] = None  # fmt: skip
    auth: Annotated[Reaction | None, Field(
        description=_when("the provider rejects the key"), examples=["next"]
    )] = None  # fmt: skip
    bad_request: Annotated[Reaction | None, Field(
        description=_when("the provider rejects the request")
        + " Default: next, but stop where every model would reject it.",
        examples=["next"],
    )] = None  # fmt: skip


_CLASSES: Final = {fault.value for fault in FaultClass}
assert set(OnErrorShape.model_fields) == _CLASSES  # noqa: S101  a class has one field here


class FallbackShape(Shape):
    """What happens when a model fails."""

    max_attempts: Annotated[Annotated[int, Field(ge=1, le=100)] | None, Field(
        description="Maximum number of calls per request, including the first one.",
        examples=[4],
    )] = None  # fmt: skip
    deadline: Annotated[Wait | None, Field(
        description="Time for the whole request, all attempts together.", examples=["60s"]
    )] = None  # fmt: skip
    first_token_within: Annotated[Wait | None, Field(
        description="Longest wait for the first token of a stream.",
        examples=["15s"],
    )] = None  # fmt: skip
    stall: Annotated[Wait | None, Field(
        description="Longest pause between tokens of a stream.", examples=["20s"]
    )] = None  # fmt: skip
    patience: Annotated[Duration | None, Field(
        description="Longest wait that a provider may ask for, as in `Retry-After`, before the "
        "same model is called again; after a longer one, the next model is called.",
        examples=["5s"],
    )] = None  # fmt: skip
    on_stream_break: Annotated[Annotated[OnBreak, *member_of(OnBreak)] | None, Field(
        description="What to do when a stream breaks after its first token: `error` ends it, "
                    "`resume` continues with another answer, `buffer` sends nothing before the "
                    "answer is complete.",
        examples=["error"],
    )] = None  # fmt: skip
    step_down: Annotated[bool | None, Field(
        description="When no model of the required tier is left, try the weaker tiers.",
        examples=[True],
    )] = None  # fmt: skip
    on_error: Annotated[OnErrorShape | None, Field(
        description="The reaction to each class of failure.", examples=[{"rate_limit": "next"}]
    )] = None  # fmt: skip
    cooldown: Annotated[CooldownShape | None, Field(
        description="When a model that keeps failing is not called, and for how long.",
        examples=[{"failures": 3, "within": "1m", "for": "5m"}],
    )] = None  # fmt: skip
    degraded: Annotated[DegradedShape | None, Field(
        description="When a model that still answers counts as worse than usual.",
        examples=[{"success": "90%", "latency": "3x", "over": "15m", "then": "last"}],
    )] = None  # fmt: skip
    probe: Annotated[ProbeShape | None, Field(
        description="Calls in the background that find out whether models answer.",
        examples=[{"every": "30s", "models": ["local"]}],
    )] = None  # fmt: skip
