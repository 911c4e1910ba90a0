"""The result of one call of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of one model.

    Attributes:
        model: Name of the model in the policy.
        provider_model: The LiteLLM name that it was called by.
        started: Unix time at which the call began.
        seconds: How long it took.
        failure: The class of the failure; None when the model answered.
        status: The HTTP status; None when no answer arrived.
        detail: What failed, in at most 200 characters, without secrets or text of the prompt.
        retry_after: Seconds to wait, as requested by the provider.
        first_token: Seconds until the first token of a stream.
        tokens_in: Input tokens that the provider counted.
        tokens_out: Output tokens that the provider counted.
        tokens_cached: Input tokens that the provider read from its prompt cache; None when it
            counted no input.
        cost_nano_usd: The amount charged, in nano-USD; None when nothing is counted.
        estimated: Whether the provider's token count is missing or implausible, so that
            `cost_nano_usd` is an upper bound.
        overrun: Whether it cost more than was reserved.
        key_env: Variable with the API key that was used; None when the policy names no variable.
        passed: Names of the policy's checks that the answer passed.
        rejected: Names of the checks that the answer failed.
        prompt: Name of the prompt of the policy that the model got; None where it got none.
    """

    model: str
    provider_model: str
    started: float
    seconds: float
    failure: str | None = None
    status: int | None = None
    detail: str = ""
    retry_after: float | None = None
    first_token: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost_nano_usd: int | None = None
    estimated: bool = False
    overrun: bool = False
    key_env: str | None = None
    passed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    prompt: str | None = None
