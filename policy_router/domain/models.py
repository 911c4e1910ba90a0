"""A model of the policy: its abilities, its address, its price."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from policy_router.domain.effort import USUAL_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.diagnostics import Span
    from policy_router.domain.effort import Effort
    from policy_router.domain.json_value import JsonValue
    from policy_router.domain.prices import Price
    from policy_router.domain.prompts import Prompt
from policy_router.domain.request import UNBOUNDED, Request

TYPICAL_OUTPUT: Final = 300
"""Expected length of an answer without a cap, in tokens, for estimates and for the order."""


OUTPUT_CAP: Final = 4_096
"""Cap on an answer where money or tokens are limited, neither the request nor the policy sets a
cap, and the longest answer of the model does not fit. It is sent to the provider, since the most
that can be used must be known before the call."""


THINKING_CAP: Final = 16_384
"""The same for a model that reasons, because reasoning counts as output."""


MAX_CONNECTIONS: Final = 500
"""Default limit of concurrent calls to one server. On Linux a process may have 1,024 files open by
default, and connections are files."""


class Via(StrEnum):
    """How a model is called.

    Attributes:
        AUTO: The best way known for the model.
        DIRECT: Over HTTP, in the wire format of its provider.
        LITELLM: Through LiteLLM.
    """

    AUTO = "auto"
    DIRECT = "direct"
    LITELLM = "litellm"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the policy can call.

    Attributes:
        name: Its name in the policy.
        provider_model: Its name in LiteLLM.
        tier: Its tier, which ranks its capability, not its cost.
        rank: The position of its tier among the tiers of the policy; 0 is the weakest.
        price: None when it is unknown.
        free: Whether it is declared free. A price of zero in LiteLLM's table does not make it free.
        context: Size of its context, in tokens; None when unknown.
        max_output: Maximum length of an answer, in tokens; None when unknown.
        default_output: Cap on an answer, in tokens, where the request sets none, if declared.
        fixed_output: Cap on an answer, in tokens, whatever the request sets, if declared.
        params: Further parameters of a call, by name, that replace those of a request.
        defaults: Further parameters of a call, by name, where the request does not set them.
        effort: How much it reasons, if declared; it overrides the request.
        effort_levels: The levels of effort that it has, such as `low` or `xhigh`.
        abilities: What it supports, such as `tools` or `vision`.
        tags: Tags that selectors can name.
        quality: 0..1, when declared.
        latency: Seconds that a typical answer is expected to take, when declared.
        api_base: Address of its server, when declared.
        api_base_env: Name of the environment variable with the address of its server, when
            declared; `api_base` is the address while that variable is not set.
        api_key_env: Name of the environment variable with its API key, when declared; the first
            one, where the policy names several.
        api_key_envs: Names of the environment variables with its API keys, which are used in turn.
        first_token_within: Timeout in seconds for the first token of a stream, in place of the
            fallback's, when declared.
        stall: Longest pause in seconds within a stream, in place of the fallback's, when declared.
        deadline: Seconds after which one call of it is cut off, when declared.
        max_connections: How many calls to its server may be in flight before a call of this model
            waits, in one process.
        keep_loaded: Seconds for which it stays in the memory of its server after its last answer,
            when declared.
        via: How it is called.
        picture: The most tokens that it counts for a picture in full detail.
        thumbnail: The most tokens that it counts for a picture in low detail.
        gpu_memory: Memory in bytes that it takes on your own GPUs, for reports, when declared.
        weight: What it costs on your own hardware, relative to other free models; above 0.
        upstream: Identifies the same model across providers; None when unknown.
        prompt: The prompt of the policy that it gets with the request that is decided, whose
            parameters are part of `params` and `defaults`; None in the policy itself.
        span: Its position in the policy files.
    """

    name: str
    provider_model: str
    tier: str
    rank: int
    price: Price | None = None
    free: bool = False
    context: int | None = None
    max_output: int | None = None
    default_output: int | None = None
    abilities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    quality: float = 0.5
    latency: float | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    api_key_envs: tuple[str, ...] = ()
    api_base_env: str | None = None
    fixed_output: int | None = None
    params: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)
    defaults: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)
    effort: Effort | None = None
    effort_levels: frozenset[str] = USUAL_LEVELS
    first_token_within: float | None = None
    stall: float | None = None
    deadline: float | None = None
    max_connections: int = MAX_CONNECTIONS
    via: Via = Via.AUTO
    keep_loaded: float | None = None
    picture: int = 0
    thumbnail: int = 0
    gpu_memory: int | None = None
    weight: float = 1.0
    upstream: str | None = None
    prompt: Prompt | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def estimate(self, request: Request, now: float | None = None) -> int | None:
        """Estimate what the answer to a request costs, fees included.

        Args:
            request: The request; without any cap on its output, answers of typical length.
            now: Unix time, for prices that depend on the hour; None without a clock.

        Returns:
            nano-USD; None when the price is unknown.
        """
        if self.price is None:
            return None
        price = self.price.at(now)
        cap = self.sent_cap(request.max_tokens)
        output = TYPICAL_OUTPUT if cap is None else cap
        tokens = request.tokens + self.prompt_tokens
        cost = price.cost(tokens, output * request.answers) + price.fee + price.fees
        return cost + (request.pictures + request.thumbnails) * price.image

    def price_until(self, now: float | None) -> float | None:
        """Return the Unix time at which the price changes next.

        Args:
            now: Unix time; None without a clock.

        Returns:
            None when the price is unknown or does not depend on the time, or there is no clock.
        """
        return None if self.price is None or now is None else self.price.until(now)

    def most_input(self, request: Request) -> int:
        """Return an upper bound on the input tokens of a request.

        If there is no bound for the request, it is the model's context.

        Args:
            request: The request.
        """
        tokens = request.tokens if request.max_input_tokens is None else request.max_input_tokens
        if request.pictures or request.thumbnails:
            tokens += request.pictures * self.picture + request.thumbnails * self.thumbnail
        if self.prompt is not None:
            tokens += self.prompt.most_tokens
        if tokens >= UNBOUNDED and self.context is not None:
            return self.context
        return tokens

    @property
    def prompt_tokens(self) -> int:
        """Estimate of the input tokens that its prompt adds to a request; 0 without a prompt."""
        return 0 if self.prompt is None else self.prompt.tokens

    @property
    def has_own_address(self) -> bool:
        """Whether the policy sets its address, in place of the provider's own."""
        return self.api_base is not None or self.api_base_env is not None

    def sent_cap(self, max_output: int | None) -> int | None:
        """Return the cap on an answer, in tokens, that the policy or the request sets.

        The policy's `params` override the request.

        Args:
            max_output: The cap that the request sets; None when it sets none.
        """
        return max_output if self.fixed_output is None else self.fixed_output

    def output_cap(self, max_output: int | None) -> int:
        """Return the minimum number of output tokens that must be available.

        Args:
            max_output: The cap that the request sets; None when it sets none.
        """
        cap = self.sent_cap(max_output)
        if cap is None:
            cap = self.default_output
        if cap is None:
            cap = THINKING_CAP if "reasoning" in self.abilities else OUTPUT_CAP
        return cap if self.max_output is None else min(cap, self.max_output)

    def full_output(self, request: Request) -> int:
        """Return an upper bound on the output tokens of one answer to a request.

        It is the cap of the request or of the policy. Without one, it is all that the model can
        produce, which is at most what its context holds.

        Args:
            request: The request.
        """
        least = self.output_cap(request.max_tokens)
        if self.sent_cap(request.max_tokens) is not None or self.default_output is not None:
            return least
        if self.max_output is None:
            return least if self.context is None else max(self.context, least)
        # Providers refuse a cap that does not fit into the context.
        taken = request.tokens + self.prompt_tokens
        room = self.max_output if self.context is None else self.context - taken
        return max(min(self.max_output, room), least)
