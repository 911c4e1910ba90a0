"""Recognises failures by the wording of messages, where providers send no error code.

The table needs upkeep: providers change their wording. A message may quote the prompt, so a pattern
must match from the beginning of the message, where providers put their own words, and must never be
short enough to begin an ordinary sentence. A row refines only kinds that are less exact than its
own: a text never overrules an unambiguous code or status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import FailureKind, FailureScope

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class ErrorPhrase:
    """One wording.

    Attributes:
        kind: The kind of failure that it stands for.
        pattern: Matches the beginning of a message.
        over: The kinds that it refines.
        scope: What it affects, where that differs from the scope of the kind.
    """

    kind: FailureKind
    pattern: re.Pattern[str]
    over: frozenset[FailureKind]
    scope: FailureScope | None = None


_PREFIX: Final = (
    r"\A\W{0,3}(?:(?:error|bad request|invalid request|input validation error|validation error|"
    r"<\d{3}> [\w.]{1,60}|[\w.]{0,60}(?:error|exception)): ?){0,3}"
    r"(?:the model returned the following errors: ?)?"  # Bedrock
)
"""What may precede the words of a provider."""

_VAGUE: Final = frozenset({FailureKind.BAD_REQUEST, FailureKind.UNKNOWN})
_BROKEN: Final = _VAGUE | {
    FailureKind.SERVER_ERROR,
    FailureKind.MALFORMED,
    FailureKind.UNSUPPORTED,
    FailureKind.FORBIDDEN,
}
"""Self-hosted servers answer a prompt that is too long with 500, or even 200; Together with 403."""
_LIMITS: Final = _VAGUE | {
    FailureKind.RATE_LIMITED,
    FailureKind.FORBIDDEN,
    FailureKind.REFUSED,
    FailureKind.SERVER_ERROR,
    FailureKind.MALFORMED,
}


def find_phrase(texts: Iterable[str], kind: FailureKind) -> ErrorPhrase | None:
    """The first row that refines this kind and matches one of the texts; None if no row does."""
    for text in texts:
        for row in PHRASES:
            if kind in row.over and row.pattern.match(text):
                return row
    return None


def _rows(
    failure_kind: FailureKind,
    over: frozenset[FailureKind],
    *patterns: str,
    scope: FailureScope | None = None,
) -> tuple[ErrorPhrase, ...]:
    return tuple(
        ErrorPhrase(
            failure_kind, re.compile(_PREFIX + pattern, re.IGNORECASE | re.DOTALL), over, scope
        )
        for pattern in patterns
    )


PHRASES: Final[tuple[ErrorPhrase, ...]] = (
    *_rows(
        FailureKind.CONTEXT_TOO_LONG,
        _BROKEN,
        # OpenAI, Azure, vLLM, DeepSeek, Together; OpenRouter says "This endpoint's"
        r"this (?:model|endpoint)'s maximum (?:context|prompt) length is \d+",
        r"your input exceeds the context window",
        # Anthropic
        r"prompt is too long: \d+",
        r"input length and `max_tokens` exceed context limit",
        r"the prompt is too long: \d+, model maximum context length",  # Fireworks
        # Gemini, Vertex
        r"the input token count (?:\(?\d+\)? )?exceeds the maximum",
        r"unable to submit request because the input token count is \d+ but",
        # Mistral
        r"prompt contains \d+ tokens .{0,60}too large for model with \d+ maximum context length",
        # Groq, Cerebras
        r"please reduce the length of the messages or completion",
        # vLLM
        r"'?max_tokens'? .{0,60}is too large: \d+\. ?this model's maximum context length",
        r"the (?:decoder )?prompt \(?(?:total )?length (?:of )?\d+\)? is longer than the maximum "
        r"model length",
        r"you passed \d+ input tokens and requested \d+ output tokens",
        # SGLang
        r"the input \(\d+ tokens\) is longer than the model's context length",
        r"requested token count exceeds the model's maximum context length",
        # llama.cpp, Ollama, LM Studio
        r"(?:the )?request (?:\(\d+ tokens\) )?exceeds the available context size",
        r"the input length exceeds the (?:maximum )?context length",
        r"input length exceeds (?:the )?(?:maximum )?context length",
        r"prompt too long; exceeded (?:max )?context length",
        r"trying to keep the first \d+ tokens when context the overflows",
        r"the number of tokens to keep from the initial prompt is greater than the context length",
        r"reached context length of \d+ tokens",
        r"cannot truncate prompt with n_keep \(\d+\) >= n_ctx \(\d+\)",
        # TGI, Together
        r"(?:the )?input token count .{0,60}must be less than the context length",
        r"`inputs` (?:tokens \+ `max_new_tokens` must be <=|must have less than) \d+",
        # Bedrock
        r"input is too long for requested model",
        r"input tokens exceeded",
        r"the maximum tokens you requested exceeds the model limit of \d+",
        # Cohere
        r"too many tokens: (?:total number of tokens|the total number of tokens|size limit)",
        # Moonshot, DashScope, Z.ai, GitHub Models
        r"your request exceeded model token limit",
        r"range of input length should be \[\d+, ?\d+\]",
        r"prompt exceeds max length",
        r"request body too large for [\w./:-]{1,80} model\. max size: \d+ tokens",
    ),
    *_rows(
        FailureKind.RATE_LIMITED,
        _VAGUE | {FailureKind.RATE_LIMITED, FailureKind.CONTEXT_TOO_LONG},
        # Groq, OpenAI: this request alone exceeds the tokens per minute
        r"request too large for (?:model )?[^ ]{1,120} .{0,200}tokens per (?:minute|min|day)",
        r"request too large .{0,100}tokens per (?:minute|min|day)",
        scope=FailureScope.REQUEST,
    ),
    *_rows(
        FailureKind.QUOTA_EXHAUSTED,
        _LIMITS,
        r"your credit balance is too low",  # Anthropic
        r"you have reached your specified (?:workspace )?api usage limits",
        r"insufficient (?:account )?balance",  # DeepSeek, Moonshot, Z.ai
        r"your (?:newly created )?teams? .{0,80}(?:used all available credits|any credits)",  # xAI
        r"key limit exceeded",  # OpenRouter
        r"account [\w-]{1,80} is suspended",  # Fireworks
        r"insufficient credits",
        r"you have exceeded your (?:monthly|daily) included credits",  # Hugging Face
        r"you exceeded your current quota, please check your plan and billing details\. for more "
        r"information on this error, read the docs: https://platform\.openai\.com",
    ),
    *_rows(
        FailureKind.QUOTA_EXHAUSTED,
        frozenset({FailureKind.RATE_LIMITED}),
        r"rate limit exceeded: free-models-per-day",  # OpenRouter: its free models only
        scope=FailureScope.MODEL,
    ),
    *_rows(
        FailureKind.QUOTA_EXHAUSTED,
        frozenset({FailureKind.QUOTA_EXHAUSTED}),
        # OpenRouter: the remaining credits pay for a shorter answer
        r"this request requires more credits, or fewer max_tokens",
        r"prompt tokens limit exceeded",
        scope=FailureScope.REQUEST,
    ),
    *_rows(
        FailureKind.CREDENTIAL,
        _VAGUE,
        r"incorrect api key provided",  # OpenAI, xAI
        r"api key (?:not valid|not found|expired)",  # Gemini
        r"invalid (?:api key|x-api-key|authentication)",
        r"(?:no auth credentials found|no cookie auth credentials found)",
    ),
    *_rows(
        FailureKind.FORBIDDEN,
        _VAGUE,
        r"user location is not supported",  # Gemini
        r"gemini api free tier is not available in your country",
        scope=FailureScope.PROVIDER,
    ),
    *_rows(
        FailureKind.CONTENT_POLICY,
        _VAGUE | {FailureKind.FORBIDDEN},
        r"content violates usage guidelines",  # xAI
        r"input (?:data|text|image)? ?may contain inappropriate content",  # DashScope
        r"output blocked by content filtering policy",  # Anthropic
        r"the response was filtered due to the prompt triggering",  # Azure
        r"(?:your )?(?:input|request|prompt) was (?:flagged|rejected) (?:by|as a result of|for)",
    ),
    *_rows(
        FailureKind.UNSUPPORTED,
        _VAGUE | {FailureKind.MODEL_GONE, FailureKind.FORBIDDEN},
        # OpenRouter: what the request, or the account, demands of the model's providers
        r"no (?:endpoints|allowed providers) (?:(?:are )?(?:found|available) )?"
        r"(?:that (?:support|can handle)|matching|for the selected model)",
        r"unsupported (?:parameter|value)",
        r"unrecognized request argument",
        r"unknown parameter",
        r"invalid content type\. (?:image|audio|file|video)\w* (?:is|are) only supported by",
        r'"auto" tool choice requires --enable-auto-tool-choice',  # vLLM
        r"registry\.ollama\.ai/[^ ]{1,120} does not support",
        r"`?(?:tools?|tool calling|images?|vision|audio|json mode|response_format|"
        r"structured outputs?)`? (?:is|are) not supported (?:by|with|for)",
    ),
    *_rows(
        FailureKind.MODEL_GONE,
        _VAGUE,
        r"the model `[^`]{1,120}` (?:has been (?:decommissioned|deprecated)|does not exist)",
        r"[\w./:-]{1,120} is not a valid model id",  # OpenRouter
        r"model [\"'`]?[\w./:-]{1,120}[\"'`]? not found",
    ),
    *_rows(
        FailureKind.BAD_REQUEST,
        frozenset({FailureKind.MODEL_GONE}),
        # Something that the request refers to was not found; the model exists.
        r"(?:the )?(?:requested )?(?:file|image|audio|document|container|cached ?content|"
        r"previous response)s? .{0,120}not found",
        r"(?:no such file|could not find file)",
    ),
    *_rows(
        FailureKind.BAD_REQUEST,
        frozenset({FailureKind.INVALID_REQUEST}),
        # OpenAI's strict mode allows only a part of JSON Schema; other providers may accept it.
        r"invalid schema for function '[^']{1,80}': in context=",
    ),
    *_rows(
        FailureKind.INVALID_REQUEST,
        _VAGUE,
        # Against the rules of the format itself, which all providers share.
        r"messages with role 'tool' must be a response to a prece",
        r"an assistant message with 'tool_calls' must be followed by tool messages",
        r"invalid schema for function '[^']{1,80}': schema must be a json schema of 'type: "
        r"\"object\"'",
        r"invalid schema for function '[^']{1,80}': .{0,200}is not valid under any of the given "
        r"schemas",
    ),
)
