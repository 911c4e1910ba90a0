"""The shape of a policy file: what may stand where. The JSON Schema is generated from this.

Every field carries its description and an example, for the reader of the schema and the hover help
of editors. Values with a unit arrive as integers. What a shape cannot say (a name that exists, a
condition that type-checks) is checked when the policy is compiled.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from policy_router import units
from policy_router.decision.abilities import ABILITIES
from policy_router.domain.acceptance import OnRejected
from policy_router.domain.fallback import Action, FaultClass, OnBreak
from policy_router.domain.ordering import SortKey
from policy_router.language.compile.functions import REFERENCE
from policy_router.units import Cap, Rate, Unit

NAME: Final = "^[a-z0-9][a-z0-9_-]{0,63}$"
ATTRIBUTE: Final = "^[a-z][a-z0-9_]{0,63}$"
MODEL_NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
TEXT: Final = 4096


def _text(unit: Unit, description: str, *, or_integer: bool = False) -> tuple[Any, ...]:
    """The metadata of a field that holds one kind of value with a unit."""

    def read(value: object) -> object:
        if isinstance(value, str):
            return unit.parse(value)
        if or_integer and isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        # The models are their own reading of a value; reading one again changes nothing.
        raise ValueError(f"`{value}` is not a {unit.name}")

    schema: dict[str, Any] = {
        "x-kind": unit.name,
        "description": description,
        "examples": list(unit.examples),
        "pattern": unit.pattern,
        "type": ["string", "integer"] if or_integer else "string",
    }
    if or_integer:
        schema["minimum"] = 1
    return BeforeValidator(read), WithJsonSchema(schema)


_count = _text(
    units.SOME_TOKENS, "A number of tokens; k is a thousand, M a million.", or_integer=True
)
Count = Annotated[int, *_count]
Money = Annotated[int, *_text(units.MONEY, "An amount in US dollars.")]
PerTokens = Annotated[
    int, *_text(units.PRICE, "US dollars per million (/M) or per thousand (/K) tokens.")
]
Duration = Annotated[
    float, *_text(units.DURATION, "A duration in milliseconds, seconds, minutes or hours.")
]
Wait = Annotated[
    float,
    *_text(units.WAIT, "A duration in milliseconds, seconds, minutes or hours; never zero."),
]
Percent = Annotated[float, *_text(units.PERCENT, "A percentage from 0% to 100%.")]
Size = Annotated[int, *_text(units.SIZE, "An amount of memory.")]
RequestRate = Annotated[Rate, *_text(units.REQUESTS, "So many requests per min, hour or day.")]
TokenRate = Annotated[Rate, *_text(units.TOKENS, "So many tokens per min, hour or day.")]
ModelLimit = Annotated[
    Rate, *_text(units.LIMIT, "Requests or tokens per min, hour or day, or requests at a time.")
]
BudgetCap = Annotated[
    Cap, *_text(units.CAP, "Dollars or tokens per calendar day, week or month, or `unlimited`.")
]
Used = Annotated[str, *_text(units.USED, "How much of a quota is used up.")]

Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1, max_length=TEXT)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Selector = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="A model, a tier, a tag, `free`, `paid`, or a pattern such as `openrouter/*`.",
        examples=["free", "local", "openrouter/*:free"],
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]
Ability = Annotated[str, Field(json_schema_extra={"enum": list(ABILITIES)}), BeforeValidator(
    lambda v: _one_of(v, ABILITIES)
)]  # fmt: skip
Scalar = Annotated[str, Field(max_length=TEXT)] | bool | int | float


def _one_of(value: object, known: tuple[str, ...]) -> object:
    if value not in known:
        raise ValueError(f"`{value}` is not one of {', '.join(known)}")
    return value


def _member(kind: type[SortKey | Action | OnBreak | OnRejected]) -> tuple[Any, ...]:
    """A field that holds the text of an enumeration's member."""

    def read(value: object) -> object:
        return kind(str(_one_of(value, tuple(member.value for member in kind))))

    return (
        BeforeValidator(read),
        WithJsonSchema({"type": "string", "enum": [member.value for member in kind]}),
    )


PreferKey = Annotated[SortKey, *_member(SortKey)]
Reaction = Annotated[Action, *_member(Action)]
When = Annotated[
    Text
    | Annotated[
        # Any of nothing would be never, and an entry left out would be always.
        dict[Word, Scalar | Annotated[list[Scalar], Field(min_length=1)]], Field(min_length=1)
    ],
    Field(
        description="The condition: a mapping of facts (all must hold; a list means any of), or an "
        "expression in quotes.",
        examples=[{"tags": "private"}, "tokens > 24_000 and 'batch' in tags"],
    ),
]
Selectors = Annotated[list[Selector], Field(min_length=1)]


class Shape(BaseModel):
    """What every part of a document shares: closed, strict, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, data: object) -> object:
        """A key without a value is refused: `only:` with nothing behind it would allow all."""
        if isinstance(data, dict):
            for key, value in data.items():
                if value is None:
                    raise ValueError(f"`{key}` is empty")
        return data


class PriceShape(Shape):
    """What a model costs."""

    input: PerTokens
    output: PerTokens


class DefaultsShape(Shape):
    """Parameters that a request gets when it does not set them itself."""

    max_tokens: Annotated[Count | None, Field(
        description="Tokens an answer may have. Left out: as many as the model can give.",
        examples=["8k"],
    )] = None  # fmt: skip


class ModelShape(Shape):
    """A model that may be called."""

    model: Annotated[str, Field(
        pattern=r"^[^\s]{1,200}$",
        description="The name LiteLLM calls it by.",
        examples=["ollama_chat/qwen2.5:7b", "anthropic/claude-haiku-4-5"],
    )]  # fmt: skip
    api_base: Annotated[str | None, Field(
        pattern=r"^https?://[^\s]{1,500}$",
        description="Where its server listens, when that is not the provider's default.",
        examples=["http://localhost:11434"],
    )] = None  # fmt: skip
    api_key_env: Annotated[str | None, Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,99}$",
        description="Name of the environment variable that holds the key. Never the key.",
        examples=["ANTHROPIC_API_KEY"],
    )] = None  # fmt: skip
    tier: Annotated[Name, Field(
        description="How able it is: one of the policy's tiers.", examples=["standard"]
    )]  # fmt: skip
    price: Annotated[Literal["free"] | PriceShape | None, Field(
        description="`free`, or dollars per million tokens. Left out: LiteLLM's own table.",
        examples=["free", {"input": "$0.10/M", "output": "$0.40/M"}],
    )] = None  # fmt: skip
    context: Annotated[Count | None, Field(
        description="Tokens its context holds. Left out: LiteLLM's own table.", examples=["128k"]
    )] = None  # fmt: skip
    max_output: Annotated[Count | None, Field(
        description="Tokens an answer may have. Left out: LiteLLM's own table.", examples=["8k"]
    )] = None  # fmt: skip
    defaults: Annotated[DefaultsShape | None, Field(
        description="What is sent where a request does not say it.",
        examples=[{"max_tokens": "8k"}],
    )] = None  # fmt: skip
    can: Annotated[list[Ability] | None, Field(
        description="What it can do. Left out: LiteLLM's own table, which never says "
        "`hosted_tools`: tools that run at the provider, whose cost no price covers.",
        examples=[["tools", "json"]],
    )] = None  # fmt: skip
    tags: Annotated[list[Word] | None, Field(
        description="Words that rules select it by.", examples=[["local"], ["eu"]]
    )] = None  # fmt: skip
    quality: Annotated[Share | None, Field(
        description="How good its answers are, 0 to 1. Left out: by its tier.", examples=[0.55]
    )] = None  # fmt: skip
    latency: Annotated[Duration | None, Field(
        description="How long a typical answer takes.", examples=["2s"]
    )] = None  # fmt: skip
    gpu_memory: Annotated[Size | None, Field(
        description="Memory it takes on our own GPUs, for reports.", examples=["8GB"]
    )] = None  # fmt: skip
    via: Annotated[Literal["auto", "direct", "litellm"] | None, Field(
        description="How it is called: over LiteLLM, or straight in the OpenAI wire format.",
        examples=["direct"],
    )] = None  # fmt: skip
    limits: Annotated[list[ModelLimit] | None, Field(
        description="What its provider allows.", examples=[["50/min", "400k tokens/min"]]
    )] = None  # fmt: skip


class LimitShape(Shape):
    """A quota shared by the models it names, or kept per caller."""

    models: Annotated[Selectors | None, Field(
        description="Models that share it. Left out: all.", examples=[["openrouter/*:free"]]
    )] = None  # fmt: skip
    per: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="Counted apart for each of these.", examples=["user"]
    )] = None  # fmt: skip
    when: When | None = None
    requests: Annotated[list[RequestRate] | None, Field(
        description="Requests per period.", examples=[["20/min", "50/day"]]
    )] = None  # fmt: skip
    tokens: Annotated[list[TokenRate] | None, Field(
        description="Tokens per period.", examples=[["200k/hour"]]
    )] = None  # fmt: skip
    concurrent: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Requests at a time.", examples=[8]
    )] = None  # fmt: skip


class LlmCheck(Shape):
    """An answer judged by a model of the policy."""

    model: Annotated[Word, Field(description="The model that judges.", examples=["haiku"])]
    rubric: Annotated[Text, Field(
        description="What a good answer has.", examples=["Answers every part of the question."]
    )]  # fmt: skip


class AcceptShape(Shape):
    """Checks an answer must pass. When it fails one, a model of a higher tier is asked."""

    not_empty: Annotated[bool | None, Field(
        description="It has text, or calls a tool.", examples=[True]
    )] = None  # fmt: skip
    # Not `json`: pydantic has a method of that name.
    json_: Annotated[bool | None, Field(
        alias="json", description="The whole of its text is JSON.", examples=[True]
    )] = None  # fmt: skip
    json_schema: Annotated[dict[str, Any] | None, Field(
        description="It is JSON and fits this JSON Schema.", examples=[{"type": "object"}]
    )] = None  # fmt: skip
    pattern: Annotated[Text | None, Field(
        description="This RE2 pattern is found in it.", examples=["^\\{"]
    )] = None  # fmt: skip
    min_chars: Annotated[Annotated[int, Field(ge=0)] | None, Field(
        description="At least so many characters.", examples=[1]
    )] = None  # fmt: skip
    max_chars: Annotated[Annotated[int, Field(ge=0)] | None, Field(
        description="At most so many characters.", examples=[8000]
    )] = None  # fmt: skip
    stop_reason: Annotated[Annotated[list[Word], Field(min_length=1)] | None, Field(
        description="It ended for one of these reasons.", examples=[["stop", "tool_calls"]]
    )] = None  # fmt: skip
    python: Annotated[str | None, Field(
        pattern=REFERENCE,
        description="A function of ours says so: `module:function`. The program that opens the "
        "router must allow it.",
        examples=["my_package.checks:good"],
    )] = None  # fmt: skip
    llm: Annotated[LlmCheck | None, Field(
        description="A model says so.",
        examples=[{"model": "haiku", "rubric": "Answers every part of the question."}],
    )] = None  # fmt: skip
    otherwise: Annotated[Annotated[OnRejected, *_member(OnRejected)] | None, Field(
        description="When no answer passes: the best that came (unless said), or an error.",
        examples=["best"],
    )] = None  # fmt: skip


class TaskShape(Shape):
    """A kind of request. The first that matches is taken; the last one, when it has no conditions
    of its own, takes the rest. One without conditions that is named like a built-in kind of work
    (math, code_generation, translation, ...) is told by the built-in definition."""

    keywords: Annotated[list[Word] | None, Field(
        description="Words that give it away.", examples=[["traceback", "refactor"]]
    )] = None  # fmt: skip
    pattern: Annotated[Text | None, Field(
        description="An RE2 pattern that gives it away.", examples=["```|\\bdef \\w+\\("]
    )] = None  # fmt: skip
    needs: Annotated[list[Ability] | None, Field(
        description="Abilities that give it away, when the request asks for them.",
        examples=[["json"]],
    )] = None  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The weakest tier that does it well.", examples=["standard"]
    )] = None  # fmt: skip
    criticality: Annotated[Share | None, Field(
        description="How much it weighs in the complexity score, 0 to 1.", examples=[0.6]
    )] = None  # fmt: skip
    confidence: Annotated[Share | None, Field(
        description="How sure a built-in definition must be of it, 0 to 1. Left out: 0.4.",
        examples=[0.7],
    )] = None  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="Models to ask first, in this order.", examples=[["qwen-7b", "coder-free"]]
    )] = None  # fmt: skip
    accept: Annotated[AcceptShape | None, Field(
        description="Checks an answer must pass.", examples=[{"json": True}]
    )] = None  # fmt: skip


class BandShape(Shape):
    """A stretch of the complexity score; it ends where the next begins."""

    from_: Annotated[Share, Field(
        alias="from", description="The score it begins at.", examples=[0.35]
    )]  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The weakest tier that may answer.", examples=["standard"]
    )] = None  # fmt: skip


class LlmEstimator(Shape):
    """A model of the policy rates the request."""

    llm: Annotated[Word, Field(description="The model that rates.", examples=["haiku"])]


class PythonEstimator(Shape):
    """A function of ours rates the request."""

    python: Annotated[str, Field(
        pattern=REFERENCE,
        description="`module:function`. The program that opens the router must allow it.",
        examples=["my_package.module:function"],
    )]  # fmt: skip


class WeightsShape(Shape):
    """What each factor adds to the score; together 100%."""

    message: Annotated[Percent | None, Field(description="Of the text.", examples=["30%"])] = None
    context: Annotated[Percent | None, Field(
        description="Of the size of the context.", examples=["15%"]
    )] = None  # fmt: skip
    capability: Annotated[Percent | None, Field(
        description="Of the abilities asked for.", examples=["25%"]
    )] = None  # fmt: skip
    depth: Annotated[Percent | None, Field(
        description="Of the conversation so far.", examples=["10%"]
    )] = None  # fmt: skip
    keywords: Annotated[Percent | None, Field(
        description="Of the words that weigh.", examples=["20%"]
    )] = None  # fmt: skip


class ComplexityShape(Shape):
    """How hard a request is, 0 to 1, and the bands that score is cut into."""

    estimator: Annotated[
        Literal["heuristic", "learned"] | LlmEstimator | PythonEstimator | None,
        Field(
            description="Who works the score out when the caller does not say.",
            examples=["heuristic", {"llm": "haiku"}],
        ),
    ] = None
    weights: Annotated[WeightsShape | None, Field(
        description="What each factor adds.", examples=[{"message": "100%"}]
    )] = None  # fmt: skip
    keywords: Annotated[list[Word] | None, Field(
        description="Words that make a request look hard.", examples=[["prove", "trade-off"]]
    )] = None  # fmt: skip
    bands: Annotated[
        Literal["three_tiers", "one_to_ten"]
        | Annotated[dict[Name, BandShape], Field(min_length=1)]
        | None,
        Field(
            description="Bands by name, easiest first; or `three_tiers`: light, standard, heavy, "
            "each asking for the tier of its name; or `one_to_ten`: level_1 to level_10.",
            examples=[
                {"easy": {"from": 0.0}, "hard": {"from": 0.6, "min_tier": "heavy"}},
                "three_tiers",
            ],
        ),
    ] = None


class RuleShape(Shape):
    """A rule: every one that matches applies, and it can only take models away or reorder them."""

    name: Annotated[Text, Field(
        description="A sentence; it is the reason shown everywhere.",
        examples=["private data stays on our machines"],
    )]  # fmt: skip
    when: When | None = None
    only: Annotated[Selectors | None, Field(
        description="No models but these.", examples=[["local"]]
    )] = None  # fmt: skip
    avoid: Annotated[Selectors | None, Field(
        description="Not these models.", examples=[["paid"]]
    )] = None  # fmt: skip
    first: Annotated[Selectors | None, Field(
        description="These models before all others, in this order.", examples=[["sonnet"]]
    )] = None  # fmt: skip
    min_tier: Annotated[Name | None, Field(
        description="The weakest tier that may answer.", examples=["heavy"]
    )] = None  # fmt: skip
    needs: Annotated[list[Ability] | None, Field(
        description="Abilities a model must have.", examples=[["tools"]]
    )] = None  # fmt: skip
    deny: Annotated[Text | None, Field(
        description="Refuse the request, with this text.", examples=["not on the free plan"]
    )] = None  # fmt: skip
    accept: Annotated[AcceptShape | None, Field(
        description="Checks an answer must pass.", examples=[{"not_empty": True}]
    )] = None  # fmt: skip


class BudgetShape(Shape):
    """Money or tokens that may be spent in a calendar period."""

    models: Annotated[Selectors | None, Field(
        description="Models it pays for. Left out: all.", examples=[["paid"]]
    )] = None  # fmt: skip
    per: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="Counted apart for each of these.", examples=["user"]
    )] = None  # fmt: skip
    when: When | None = None
    cap: Annotated[BudgetCap, Field(description="How much.", examples=["$50/month"])]
    warn_at: Annotated[list[Percent] | None, Field(
        description="Tell once per period when so much is spent.", examples=[["80%", "95%"]]
    )] = None  # fmt: skip
    then: Annotated[Literal["free_only", "block", "warn"] | None, Field(
        description="What happens when it is spent.", examples=["free_only"]
    )] = None  # fmt: skip


class CooldownShape(Shape):
    """A model that fails often cools down: it is not asked for a while."""

    failures: Annotated[int, Field(ge=1, description="So many failures ...", examples=[3])]
    within: Annotated[Duration, Field(description="... within this time ...", examples=["1m"])]
    for_: Annotated[Duration, Field(
        alias="for", description="... leave it alone for so long.", examples=["5m"]
    )]  # fmt: skip


_REACTION: Final = "next | retry | retry_then_next | bigger_context | stop"


class OnErrorShape(Shape):
    """What to do by class of failure."""

    rate_limit: Annotated[Reaction | None, Field(description=_REACTION, examples=["next"])] = None
    timeout: Annotated[Reaction | None, Field(description=_REACTION, examples=["next"])] = None
    server_error: Annotated[Reaction | None, Field(
        description=_REACTION, examples=["retry_then_next"]
    )] = None  # fmt: skip
    context_too_long: Annotated[Reaction | None, Field(
        description=_REACTION, examples=["bigger_context"]
    )] = None  # fmt: skip
    content_filter: Annotated[Reaction | None, Field(
        description=_REACTION, examples=["stop"]
    )] = None  # fmt: skip
    auth: Annotated[Reaction | None, Field(description=_REACTION, examples=["next"])] = None
    bad_request: Annotated[Reaction | None, Field(
        description=f"{_REACTION}; unless set: next, and stop where every model would refuse it",
        examples=["next"],
    )] = None  # fmt: skip


assert set(OnErrorShape.model_fields) == {fault.value for fault in FaultClass}  # noqa: S101  the two lists are one


class FallbackShape(Shape):
    """How a request goes on when a model fails."""

    max_attempts: Annotated[Annotated[int, Field(ge=1, le=100)] | None, Field(
        description="Calls per request at most.", examples=[4]
    )] = None  # fmt: skip
    deadline: Annotated[Wait | None, Field(
        description="For the whole request, all attempts together.", examples=["60s"]
    )] = None  # fmt: skip
    first_token_within: Annotated[Wait | None, Field(
        description="How long to wait for the first token of a stream.", examples=["15s"]
    )] = None  # fmt: skip
    stall: Annotated[Wait | None, Field(
        description="How long a stream may pause between tokens.", examples=["20s"]
    )] = None  # fmt: skip
    on_stream_break: Annotated[Annotated[OnBreak, *_member(OnBreak)] | None, Field(
        description="When a stream breaks after its first token: error, resume or buffer.",
        examples=["error"],
    )] = None  # fmt: skip
    step_down: Annotated[bool | None, Field(
        description="Nothing left in the wanted tier: take the next weaker one.", examples=[True]
    )] = None  # fmt: skip
    on_error: Annotated[OnErrorShape | None, Field(
        description="What to do by class of failure.", examples=[{"rate_limit": "next"}]
    )] = None  # fmt: skip
    cooldown: Annotated[CooldownShape | None, Field(
        description="When to leave a failing model alone.",
        examples=[{"failures": 3, "within": "1m", "for": "5m"}],
    )] = None  # fmt: skip


class ExperimentShape(Shape):
    """Another order for a share of the traffic."""

    when: When | None = None
    share: Annotated[Percent, Field(description="How much of the traffic.", examples=["10%"])]
    first: Annotated[Selectors, Field(description="Models to ask first.", examples=[["haiku"]])]
    stick_to: Annotated[Literal["user", "tenant", "team", "key"] | None, Field(
        description="The same arm for the same one.", examples=["user"]
    )] = None  # fmt: skip
    until: Annotated[str | None, Field(
        pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$",
        description="Last day, in the policy's time zone.",
        examples=["2026-12-31"],
    )] = None  # fmt: skip


class LearningShape(Shape):
    """What is made of what happened."""

    mode: Annotated[Literal["off", "shadow", "suggest", "adjust"], Field(
        description="off, shadow (only record), suggest (a patch to review), adjust (the order).",
        examples=["suggest"],
    )]  # fmt: skip
    min_samples: Annotated[Annotated[int, Field(ge=1)] | None, Field(
        description="Outcomes needed before they count.", examples=[200]
    )] = None  # fmt: skip


class PromptShape(Shape):
    """What a model needs to hear to do its best."""

    models: Annotated[Selectors, Field(description="For these models.", examples=[["qwen-7b"]])]
    when: When | None = None
    system: Annotated[Text | None, Field(
        description="Put before the conversation.", examples=["Answer with JSON only."]
    )] = None  # fmt: skip
    params: Annotated[dict[Name, Scalar | list[Scalar]] | None, Field(
        description="Parameters of the call.", examples=[{"temperature": 0}]
    )] = None  # fmt: skip


class InvariantShape(Shape):
    """A promise, proved for every request in every state."""

    name: Annotated[Text, Field(
        description="The promise as a sentence.", examples=["private data never leaves"]
    )]  # fmt: skip
    when: When | None = None
    never: Annotated[Selectors, Field(
        description="Models that no such request ever reaches.", examples=[["openrouter/*"]]
    )]  # fmt: skip


class GivenShape(Shape):
    """The state a test assumes."""

    spent: Annotated[dict[Name, Money] | None, Field(
        description="Money spent per budget.", examples=[{"team": "$50"}]
    )] = None  # fmt: skip
    used: Annotated[dict[Name, Used] | None, Field(
        description="Quota used per limit.", examples=[{"openrouter-free": "50/day"}]
    )] = None  # fmt: skip
    arm: Annotated[Name | None, Field(
        description="The experiment the request is part of.", examples=["haiku-for-chat"]
    )] = None  # fmt: skip


class ExpectShape(Shape):
    """What a test expects of the decision."""

    first: Annotated[Word | None, Field(
        description="The first candidate.", examples=["qwen-7b"]
    )] = None  # fmt: skip
    then: Annotated[list[Word] | None, Field(
        description="The candidates after it, in order.", examples=[["haiku"]]
    )] = None  # fmt: skip
    never: Annotated[Selectors | None, Field(
        description="Models that are no candidates.", examples=[["paid"]]
    )] = None  # fmt: skip
    task: Annotated[Name | None, Field(description="The task.", examples=["chat"])] = None
    complexity: Annotated[Name | None, Field(description="The band.", examples=["trivial"])] = None
    rule: Annotated[Text | None, Field(
        description="A rule that applies.", examples=["private data stays on our machines"]
    )] = None  # fmt: skip
    cost: Annotated[Money | None, Field(
        description="What the first candidate is estimated to cost.", examples=["$0"]
    )] = None  # fmt: skip
    denied: Annotated[bool | None, Field(
        description="Whether it is refused.", examples=[True]
    )] = None  # fmt: skip


class TestShape(Shape):
    """An example of a request and what the policy makes of it."""

    name: Annotated[Text, Field(description="What it shows.", examples=["small talk is free"])]
    given: Annotated[GivenShape | None, Field(
        description="The state it assumes.", examples=[{"spent": {"team": "$50"}}]
    )] = None  # fmt: skip
    request: Annotated[
        Annotated[str, Field(max_length=TEXT)] | dict[Word, Scalar | list[Scalar]],
        Field(
            description="A prompt, or facts about a request.",
            examples=["Hi! How are you?", {"task": "code", "tags": ["private"]}],
        ),
    ]
    expect: Annotated[ExpectShape, Field(
        description="What must come out.", examples=[{"first": "qwen-7b"}]
    )]  # fmt: skip


class Document(Shape):
    """A policy: which models may answer which request, in what order, at what cost."""

    version: Annotated[
        int, Field(ge=1, le=1, description="Version of this language.", examples=[1])
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
            description="Time zone of calendar windows, `hour` and `weekday`.",
            examples=["Europe/Berlin"],
        ),
    ] = None
    attributes: Annotated[
        dict[
            Annotated[str, Field(pattern=ATTRIBUTE)],
            Literal["string", "number", "bool"] | Annotated[list[Word], Field(min_length=1)],
        ]
        | None,
        Field(
            description="Facts beside the built-in ones: their values, or string, number, bool.",
            examples=[{"plan": ["free", "pro"], "internal": "bool"}],
        ),
    ] = None
    tiers: Annotated[
        Annotated[list[Name], Field(min_length=1)] | None,
        Field(
            description="Classes of ability, weakest first. Never money.",
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
    limits: Annotated[
        dict[Name, LimitShape] | None,
        Field(
            description="Quotas shared by models or kept per caller.",
            examples=[{"each-user": {"per": "user", "requests": ["60/min"]}}],
        ),
    ] = None
    tasks: Annotated[
        dict[Name, TaskShape] | None,
        Field(
            description="Kinds of request; the first that matches is taken.",
            examples=[{"code": {"keywords": ["refactor"], "min_tier": "standard"}, "chat": {}}],
        ),
    ] = None
    complexity: Annotated[
        ComplexityShape | None,
        Field(description="How hard a request is.", examples=[{"bands": {"easy": {"from": 0.0}}}]),
    ] = None
    prefer: Annotated[
        list[PreferKey] | None,
        Field(
            description="What decides the order, most important first.",
            examples=[["free", "cheapest"]],
        ),
    ] = None
    rules: Annotated[
        list[RuleShape] | None,
        Field(
            description="Every one that matches applies; it takes models away or reorders them.",
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
            description="Another order for a share of the traffic.",
            examples=[{"try-haiku": {"share": "10%", "first": ["haiku"]}}],
        ),
    ] = None
    learning: Annotated[
        LearningShape | None,
        Field(description="What is made of what happened.", examples=[{"mode": "off"}]),
    ] = None
    prompts: Annotated[
        dict[Name, PromptShape] | None,
        Field(
            description="What a model needs to hear to do its best.",
            examples=[{"terse": {"models": ["small"], "system": "Be brief."}}],
        ),
    ] = None
    invariants: Annotated[
        list[InvariantShape] | None,
        Field(
            description="Promises, proved for every request in every state.",
            examples=[[{"name": "private stays", "when": {"tags": "private"}, "never": ["paid"]}]],
        ),
    ] = None
    tests: Annotated[
        list[TestShape] | None,
        Field(
            description="Examples of requests and what the policy makes of them.",
            examples=[
                [{"name": "small talk", "request": {"tokens": 5}, "expect": {"first": "small"}}]
            ],
        ),
    ] = None
