"""What happens after a failed attempt, as the policy defines it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """The reaction to a failed attempt."""

    NEXT = "next"
    RETRY = "retry"
    RETRY_THEN_NEXT = "retry_then_next"
    BIGGER_CONTEXT = "bigger_context"
    STOP = "stop"


class FaultClass(StrEnum):
    """The classes of failure that `fallback.on_error` may name."""

    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTER = "content_filter"
    AUTH = "auth"
    BAD_REQUEST = "bad_request"


class OnBreak(StrEnum):
    """What to do when a stream breaks after its first token."""

    ERROR = "error"
    RESUME = "resume"
    BUFFER = "buffer"


ON_ERROR: Final[Mapping[FaultClass, Action]] = MappingProxyType(
    {
        FaultClass.RATE_LIMIT: Action.RETRY_THEN_NEXT,
        FaultClass.TIMEOUT: Action.NEXT,
        FaultClass.SERVER_ERROR: Action.RETRY_THEN_NEXT,
        FaultClass.CONTEXT_TOO_LONG: Action.BIGGER_CONTEXT,
        FaultClass.CONTENT_FILTER: Action.STOP,
        FaultClass.AUTH: Action.NEXT,
    }
)
"""The defaults. `bad_request` has none: the next model is tried, unless the failure proves that the
request is wrong for every model (see `REACTIONS` in `providers.failures.failure`)."""


@dataclass(frozen=True, slots=True)
class Cooldown:
    """When a model is in cooldown, and for how long. Times are in seconds.

    Attributes:
        failures: Number of consecutive failures that open a model's breaker.
        within: Seconds within which they happen; also the window in which `share` is measured.
        duration: Seconds for which the breaker is open the first time.
        longest: The maximum number of seconds for which it is open; the time doubles while the
            model keeps failing.
        share: The share of failed calls, 0..1, that opens it as well.
        volume: The minimum number of calls in the window for `share` to apply.
        ramp: Seconds after a recovery during which traffic ramps up.
        rate_limit: Seconds of the first cooldown after a rate limit without a stated wait; it
            doubles.
        overloaded: The same after the provider reports an overload.
        quota: Seconds of cooldown after a quota was used up, if its reset time is unknown.
        auth: Seconds of cooldown after a key was rejected.
        gone: Seconds of cooldown of a model that no longer exists.
    """

    failures: int = 5
    within: float = 30.0
    duration: float = 10.0
    longest: float = 300.0
    share: float = 0.5
    volume: int = 20
    ramp: float = 30.0
    rate_limit: float = 5.0
    overloaded: float = 10.0
    quota: float = 900.0
    auth: float = 600.0
    gone: float = 600.0


@dataclass(frozen=True, slots=True)
class Degraded:
    """When a model that still answers counts as worse than usual.

    Attributes:
        success: The lowest share of successful calls, 0..1; None ignores it.
        latency: The highest latency, as a multiple of its own average over the last days; None
            ignores it.
        over: Seconds over which both are measured.
        min_samples: The minimum number of calls before it is judged.
        skipped: Whether it is not called at all; else it is called after the others.
    """

    success: float | None = None
    latency: float | None = None
    over: float = 900.0
    min_samples: int = 20
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Calls in the background that find out whether models answer.

    Attributes:
        every: Seconds between two probes.
        models: Names of the models that are probed; None means the free ones with an `api_base`.
    """

    every: float
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """How a request continues when a model fails.

    Attributes:
        max_attempts: The maximum number of calls for one request.
        deadline: Seconds after which no further attempt is made and a running one is cut off.
        first_token_within: Timeout in seconds for the first token of a stream.
        stall: Timeout in seconds between two tokens of a stream.
        patience: The longest wait in seconds that a provider may ask for before the same model is
            retried; after a longer one, the next model is called.
        on_stream_break: What is done when a stream breaks after its first token.
        step_down: Whether models below the required tier are candidates, after all others.
        on_error: What is done for each class of failure.
        cooldown: When a model is in cooldown.
        degraded: When a model counts as worse than usual; None for never.
        probe: How models are probed; None for no probes.
    """

    max_attempts: int = 8
    deadline: float = 60.0
    first_token_within: float = 10.0
    stall: float = 15.0
    patience: float = 2.0
    on_stream_break: OnBreak = OnBreak.RESUME
    step_down: bool = True
    on_error: Mapping[FaultClass, Action] = field(default_factory=lambda: ON_ERROR)
    cooldown: Cooldown = field(default_factory=Cooldown)
    degraded: Degraded | None = None
    probe: Probe | None = None
