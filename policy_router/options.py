"""The names and types of everything that a caller may state about a request."""

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
    """Who makes the request. A server takes these from the caller's key, never from the body.

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

    None of it is sent to a provider. What is left out is read from the messages where possible.

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
        subagent: Whether an agent makes it on behalf of another agent.
        housekeeping: Whether a client makes it for itself, such as for the title of a conversation.
        turn: The number of its turn in the conversation, from 1.
        tool_errors: How many results of tools at the end of the conversation are errors.
        headers: HTTP headers of the client, by name.
        context_tokens: Tokens that must be understood together with what is asked. This and the
            next two are for callers who know more about the difficulty than the text says.
        history: Earlier turns that matter for what is asked.
        criticality: How much depends on a good answer, from 0 to 1, in place of the task's.
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
    """What the caller asks for in addition to the policy. It can only remove or reorder models.

    Attributes:
        max_cost: The highest estimated cost of the request, in US dollars.
        max_price: The most that a million tokens may cost, of input and of output alike, in US
            dollars.
        max_latency: The longest expected latency of a model, in seconds.
        min_quality: The lowest quality of a model, from 0 to 1.
        prefer: Sort keys that replace those of the policy, the most important one first.
        model: The only model of the policy to use, or an alias; `"auto"` sets no constraint,
            unless the policy has an alias of that name.
        max_candidates: How many models to try at most.
        min_tier: The lowest tier of a model.
        only: Words of which one has to select a model: its name, its tier, a tag of it, `free`,
            `paid`, or what the provider calls it.
        avoid: Words of which none may select a model.
        deadline: Seconds after which the request ends, if that is less than the policy allows.
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
        original: The request as the client sent it, of which the messages and the parameters are a
            translation; for a server that relays requests. A model that is called directly and in
            the client's dialect gets it in their place.
    """

    extra_body: Mapping[str, object] | None
    original: OriginalRequest | None


class EmbeddingOptions(
    Identity, RequestFacts, RequestConstraints, total=False
):  # as RequestOptions
    """Every keyword argument of `Router.embedding`.

    Attributes:
        dimensions: How many numbers each vector has. Default: as many as the model gives.
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
