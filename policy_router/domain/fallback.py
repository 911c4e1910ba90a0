"""What happens after a failure, as the policy states it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What the executor does when an attempt fails."""

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
        FaultClass.RATE_LIMIT: Action.NEXT,
        FaultClass.TIMEOUT: Action.NEXT,
        FaultClass.SERVER_ERROR: Action.RETRY_THEN_NEXT,
        FaultClass.CONTEXT_TOO_LONG: Action.BIGGER_CONTEXT,
        FaultClass.CONTENT_FILTER: Action.STOP,
        FaultClass.AUTH: Action.NEXT,
    }
)
"""What is done unless the policy says otherwise. `bad_request` is not here: then the next model is
asked, and a request that is proved to be wrong for every model stops (see `failure.REACTIONS`)."""


@dataclass(frozen=True, slots=True)
class Cooldown:
    """After `failures` within `within` seconds a model is left alone for `duration` seconds."""

    failures: int = 3
    within: float = 60.0
    duration: float = 300.0


@dataclass(frozen=True, slots=True)
class Fallback:
    """How a request goes on when a model fails. Durations are seconds."""

    max_attempts: int = 4
    deadline: float = 60.0
    first_token_within: float = 20.0
    stall: float = 15.0
    on_stream_break: OnBreak = OnBreak.ERROR
    step_down: bool = True
    on_error: Mapping[FaultClass, Action] = field(default_factory=lambda: ON_ERROR)
    cooldown: Cooldown = field(default_factory=Cooldown)
