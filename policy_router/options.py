"""The names and types of all options of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from policy_router.domain.money import Usd
    from policy_router.domain.ordering import SortKey
    from policy_router.domain.original import OriginalRequest


class SupportsModelDump(Protocol):
    """A pydantic object, such as the message of an earlier answer."""

    def model_dump(self, *, exclude_none: bool = ...) -> Mapping[str, object]:
        """The fields of the object, by name."""
        ...


ChatMessage: TypeAlias = "Mapping[str, object] | SupportsModelDump"
"""One message of a conversation: `{"role": "user", "content": "Hello!"}`."""
Words: TypeAlias = "AbstractSet[str] | list[str] | tuple[str, ...]"
"""Names in any order. A plain `str` is not accepted: it would be read as its letters."""


class Identity(TypedDict, total=False):
    """Who sends the request. A server takes these from the caller's key, never from the body.

    None of them is sent to a provider.

    Attributes:
        tenant: The customer or organisation.
        user: The person or the service account.
        team: The team within the tenant.
        key: The name of the API key, or the key itself; only a digest of it is stored.
    """

    tenant: str | None
    user: str | None
    team: str | None
    key: str | None


class RequestFacts(TypedDict, total=False):
    """What the caller knows about the request.

    None of it is sent to a provider. Facts that are left out are derived from the messages if
    possible.

    Attributes:
        task: A task of the policy. Default: the task that the messages match, if any.
        complexity: The name of a band, or a score from 0 to 1. Default: an estimate.
        tokens: Input tokens. Default: an upper estimate of the messages and tools.
        needs: Abilities that the model must have, in addition to those that the body requires.
        tags: Tags that the rules of the policy refer to.
        language: The language of the text.
        session: The conversation, or the run of an agent, that the request belongs to. This and the
            next five are read from `headers` and the messages where they are left out.
        client: The program that sends the request, such as `claude-code`.
        subagent: Whether one agent sends it on behalf of another.
        housekeeping: Whether a client sends it for its own purposes, such as titling a
            conversation.
        turn: The turn of the conversation, from 1.
        tool_errors: How many tool results in a row, at the end of the conversation, are errors.
        headers: HTTP headers of the client, by name.
        context_tokens: Tokens that must be understood together with the question. This and the next
            two are for callers who know more about the difficulty than the text shows.
        history: The number of earlier turns that matter for the question.
        criticality: How much depends on a good answer, from 0 to 1, overriding the task's.
        attributes: Values of the facts that the policy declares, by name.
    """

    task: str | None
    complexity: str | float | None
    tokens: int | None
    needs: Words | None
    tags: Words | None
    language: str | None
    session: str | None
    client: str | None
    subagent: bool | None
    housekeeping: bool | None
    turn: int | None
    tool_errors: int | None
    headers: Mapping[str, str] | None
    context_tokens: int | None
    history: int | None
    criticality: float | None
    attributes: Mapping[str, str | float | bool] | None


class RequestConstraints(TypedDict, total=False):
    """The caller's constraints, on top of the policy. They can only remove or reorder models.

    Attributes:
        max_cost: The highest estimated cost of the request, in US dollars.
        max_price: The maximum price of a million tokens, for input and for output, in US dollars.
        max_latency: The longest expected latency of a model, in seconds.
        min_quality: The lowest quality of a model, from 0 to 1.
        prefer: Sort keys that replace those of the policy, the most important one first.
        model: The only model of the policy to use, or an alias; `"auto"` sets no constraint,
            unless the policy has an alias of that name.
        max_candidates: The maximum number of models to try.
        min_tier: The lowest tier of a model.
        only: Selectors, one of which must match a model: its name, tier, tag, `free`, `paid`, or
            the provider's name for it.
        avoid: Selectors, none of which may match a model.
        deadline: A time limit for the request in seconds, if shorter than the policy's.
    """

    max_cost: Usd | None
    max_price: Usd | None
    max_latency: float | None
    min_quality: float | None
    prefer: list[str] | list[SortKey] | tuple[str, ...] | None
    model: str | None
    max_candidates: int | None
    min_tier: str | None
    only: Words | None
    avoid: Words | None
    deadline: float | None


class ChatParameters(TypedDict, total=False):
    """The parameters of OpenAI's chat completions that are passed on to the provider.

    `messages` and `stream` are arguments of their own. `user` is not among them: it is a fact about
    the request that stays inside the router.
    """

    audio: Mapping[str, object] | None
    frequency_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    modalities: list[str] | tuple[str, ...] | None
    n: int | None
    parallel_tool_calls: bool | None
    prediction: Mapping[str, object] | None
    presence_penalty: float | None
    reasoning_effort: str | None
    response_format: Mapping[str, object] | type[object] | None
    seed: int | None
    stop: str | list[str] | tuple[str, ...] | None
    stream_options: Mapping[str, object] | None
    temperature: float | None
    tool_choice: str | Mapping[str, object] | None
    tools: Sequence[Mapping[str, object]] | None
    top_logprobs: int | None
    top_p: float | None
    verbosity: str | None
    web_search_options: Mapping[str, object] | None


class RequestOptions(
    Identity, RequestFacts, RequestConstraints, ChatParameters, total=False
):  # one class, because a signature can unpack only one
    """Every keyword argument of `Router.completion` and `Router.route`.

    Attributes:
        extra_body: Chat parameters by name, for a body that was read from JSON. The names are
            those of `ChatParameters`: nothing else can be sent to a provider this way.
        original: The request as the client sent it, before it was translated to messages and
            parameters; for a server that forwards requests. A model that is called directly, in the
            client's dialect, gets it instead of them.
    """

    extra_body: Mapping[str, object] | None
    original: OriginalRequest | None


class EmbeddingOptions(
    Identity, RequestFacts, RequestConstraints, total=False
):  # as RequestOptions
    """Every keyword argument of `Router.embedding`.

    Attributes:
        dimensions: The length of each vector. Default: the model's own.
        encoding_format: `float`, the default, or `base64`.
    """

    dimensions: int | None
    encoding_format: str | None


FACTS: Final[frozenset[str]] = (
    Identity.__optional_keys__
    | RequestFacts.__optional_keys__
    | RequestConstraints.__optional_keys__
)
"""Names that stay inside the router."""
OPTIONS: Final[frozenset[str]] = RequestOptions.__optional_keys__
"""Every name that a call may use."""
EMBEDDING_OPTIONS: Final[frozenset[str]] = EmbeddingOptions.__optional_keys__
"""Every name that a call for embeddings may use."""
