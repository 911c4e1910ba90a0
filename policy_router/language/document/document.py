"""A policy file, all its sections together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.classification import ComplexityShape, TaskShape
from policy_router.language.document.experiments import (
    ExperimentShape,
    LearningShape,
    PromptShape,
)
from policy_router.language.document.fallback import FallbackShape
from policy_router.language.document.insight import (
    AlertsShape,
    DiscoveryShape,
    OutcomesShape,
    ReportsShape,
)
from policy_router.language.document.limits import BudgetShape, LimitShape
from policy_router.language.document.models import ModelShape
from policy_router.language.document.policy_tests import TestShape
from policy_router.language.document.promises import InvariantShape
from policy_router.language.document.rules import RuleShape
from policy_router.language.document.sessions import SessionsShape
from policy_router.language.document.types import (
    ALIAS,
    ATTRIBUTE,
    MODEL_NAME,
    Ability,
    Name,
    PreferKey,
    Scalar,
    Selectors,
    SensitiveKind,
    Shape,
    Text,
    Word,
)

AttributeType = Literal["string", "number", "bool"]
AttributeValues = Annotated[list[Word], Field(min_length=1)]


class AttributeShape(Shape):
    """A fact in addition to the built-in ones, with a default."""

    type: Annotated[AttributeType | None, Field(
        description="The type of its value; instead of `values`.", examples=["bool"]
    )] = None  # fmt: skip
    values: Annotated[AttributeValues | None, Field(
        description="Its possible values; instead of `type`.", examples=[["free", "pro"]]
    )] = None  # fmt: skip
    default: Annotated[Scalar | None, Field(
        description="Its value in a request that does not set it. Default: it is absent, and "
        "every comparison with it is false.",
        examples=["free", False],
    )] = None  # fmt: skip


class Document(Shape):
    """A policy: which models may answer a request, in what order, at what cost."""

    version: Annotated[
        int, Field(ge=1, le=1, description="Version of the policy language.", examples=[1])
    ]
    name: Annotated[
        Name | None, Field(description="The policy's name.", examples=["team-default"])
    ] = None
    description: Annotated[
        Text | None, Field(description="What it is for.", examples=["Free and local first."])
    ] = None
    timezone: Annotated[
        Word | None,
        Field(
            description="Time zone of `hour`, `weekday` and calendar periods.",
            examples=["Europe/Berlin"],
        ),
    ] = None
    attributes: Annotated[
        dict[
            Annotated[str, Field(pattern=ATTRIBUTE)],
            AttributeType | AttributeValues | AttributeShape,
        ]
        | None,
        Field(
            description="Facts in addition to the built-in ones. Each is a list of values, or "
            "string, number or bool, or a mapping that adds a default.",
            examples=[{"plan": ["free", "pro"], "internal": {"type": "bool", "default": False}}],
        ),
    ] = None
    tags: Annotated[
        Annotated[list[Word], Field(min_length=1)] | None,
        Field(
            description="The tags that requests may have; any other tag makes a request invalid. "
            "Default: any string is a tag.",
            examples=[["private", "batch"]],
        ),
    ] = None
    abilities: Annotated[
        list[Ability] | None,
        Field(
            description="Abilities of models in addition to the built-in ones: tools, json, "
            "vision, audio, video, pdf, reasoning, image_output, audio_output, embeddings and "
            "hosted_tools.",
            examples=[["legal"]],
        ),
    ] = None
    detect: Annotated[
        Annotated[list[SensitiveKind], Field(min_length=1)] | None,
        Field(
            description="Kinds of sensitive text to search for in the messages of a request, "
            "locally; the fact `detected` holds the kinds that were found. Default: none.",
            examples=[["email", "card", "iban", "secret"]],
        ),
    ] = None
    tiers: Annotated[
        Annotated[list[Name], Field(min_length=1)] | None,
        Field(
            description="Levels of capability, weakest first; independent of price.",
            examples=[["light", "standard", "heavy"]],
        ),
    ] = None
    models: Annotated[
        dict[Annotated[str, Field(pattern=MODEL_NAME)], ModelShape] | None,
        Field(
            description="The models that may be called, by name.",
            examples=[
                {"small": {"model": "ollama_chat/llama3.2", "tier": "light", "price": "free"}}
            ],
        ),
    ] = None
    aliases: Annotated[
        dict[
            Annotated[str, Field(pattern=ALIAS)],
            Annotated[Selectors, Field(examples=[["light"], ["large", "small"]])],
        ]
        | None,
        Field(
            description="Names, or patterns of names, that clients may ask for in place of a "
            "model. The request gets only these models, in this order, if the rules allow "
            "them. Without an alias `auto`, that name leaves the choice to the policy.",
            examples=[{"fast": ["light"], "gpt-4o*": ["large", "small"]}],
        ),
    ] = None
    limits: Annotated[
        dict[Name, LimitShape] | None,
        Field(
            description="Rate limits shared by models or kept per caller.",
            examples=[{"each-user": {"per": "user", "requests": ["60/min"]}}],
        ),
    ] = None
    tasks: Annotated[
        dict[Name, TaskShape] | None,
        Field(
            description="Kinds of request; the first one that matches applies.",
            examples=[{"code": {"keywords": ["refactor"], "min_tier": "standard"}, "chat": {}}],
        ),
    ] = None
    complexity: Annotated[
        ComplexityShape | None,
        Field(description="How hard a request is.", examples=[{"bands": {"easy": {"from": 0.0}}}]),
    ] = None
    sessions: Annotated[
        SessionsShape | None,
        Field(
            description="What stays the same from one request of a session to the next.",
            examples=[{"keep": "model", "for": "1h"}],
        ),
    ] = None
    prefer: Annotated[
        list[PreferKey] | None,
        Field(
            description="Sort keys for models, most important first.",
            examples=[["free", "cheapest"]],
        ),
    ] = None
    rules: Annotated[
        list[RuleShape] | None,
        Field(
            description="Every rule that matches applies; it removes or reorders models.",
            examples=[[{"name": "private stays", "when": {"tags": "private"}, "only": ["local"]}]],
        ),
    ] = None
    budgets: Annotated[
        dict[Name, BudgetShape] | None,
        Field(
            description="Caps on money or tokens, reserved before each call.",
            examples=[{"team": {"cap": "$50/month", "then": "free_only"}}],
        ),
    ] = None
    fallback: Annotated[
        FallbackShape | None,
        Field(description="What happens when a model fails.", examples=[{"max_attempts": 4}]),
    ] = None
    experiments: Annotated[
        dict[Name, ExperimentShape] | None,
        Field(
            description="A different order of models, prompt or effort for a share of the traffic.",
            examples=[{"try-haiku": {"share": "10%", "first": ["haiku"]}}],
        ),
    ] = None
    learning: Annotated[
        LearningShape | None,
        Field(
            description="How the outcomes of past requests are used.",
            examples=[{"mode": "off"}],
        ),
    ] = None
    prompts: Annotated[
        dict[Name, PromptShape] | None,
        Field(
            description="Instructions and parameters that some models get with a request.",
            examples=[{"terse": {"models": ["small"], "system": "Be brief."}}],
        ),
    ] = None
    invariants: Annotated[
        list[InvariantShape] | None,
        Field(
            description="Promises about every request, whatever the runtime state.",
            examples=[[{"name": "private stays", "when": {"tags": "private"}, "never": ["paid"]}]],
        ),
    ] = None
    outcomes: Annotated[
        OutcomesShape | None,
        Field(
            description="How long the journal keeps a row for each call.",
            examples=[{"keep": "90d"}],
        ),
    ] = None
    reports: Annotated[
        ReportsShape | None,
        Field(
            description="What reports compare with.",
            examples=[{"baselines": {"fair": "cheapest_that_fits"}}],
        ),
    ] = None
    alerts: Annotated[
        AlertsShape | None,
        Field(
            description="Where to send an alert when a budget or a quota runs out, a model is "
            "degraded, or changed policy files are rejected. Default: metrics and logs only.",
            examples=[{"webhook_env": "ALERT_WEBHOOK"}],
        ),
    ] = None
    discovery: Annotated[
        DiscoveryShape | None,
        Field(
            description="Where to look for new models.",
            examples=[{"sources": ["ollama"], "every": "24h"}],
        ),
    ] = None
    tests: Annotated[
        list[TestShape] | None,
        Field(
            description="Example requests, with the expected decisions.",
            examples=[
                [{"name": "small talk", "request": {"tokens": 5}, "expect": {"first": "small"}}]
            ],
        ),
    ] = None
