"""Which language model may answer, in what order, at what cost: policy, in YAML under review.

    from policy_router import Request, decide, load

    policy = load("policies/")
    decision = decide(policy, Request(task="code", tags={"private"}))
    [candidate.name for candidate in decision.candidates]

What needs pydantic, litellm or a thread is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.decision.decide import decide
from policy_router.decision.policy import Policy
from policy_router.domain.decision import Attempt, Candidate, Decision, Skip
from policy_router.domain.limits import Reading
from policy_router.domain.models import Model
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.errors import (
    AllModelsFailedError,
    BadRequestError,
    BudgetExceededError,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    PolicyError,
    RateLimitError,
    RoutingError,
    StateUnavailableError,
    StoreError,
    StreamBrokenError,
    TooLargeError,
)

if TYPE_CHECKING:
    from policy_router.classification.token_count import count_tokens
    from policy_router.loading import load
    from policy_router.providers.bounds import Bounds
    from policy_router.router import Router

__all__ = [
    "AllModelsFailedError",
    "Attempt",
    "BadRequestError",
    "Bounds",
    "BudgetExceededError",
    "Candidate",
    "CooldownError",
    "Decision",
    "InvalidRequestError",
    "Model",
    "NoCandidateError",
    "Policy",
    "PolicyError",
    "PolicyRouterError",
    "RateLimitError",
    "Reading",
    "Request",
    "Router",
    "RoutingError",
    "Skip",
    "Snapshot",
    "StateUnavailableError",
    "StoreError",
    "StreamBrokenError",
    "TooLargeError",
    "UsageError",
    "count_tokens",
    "decide",
    "load",
]

_LATE = {
    "Bounds": "policy_router.providers.bounds",
    "Router": "policy_router.router",
    "count_tokens": "policy_router.classification.token_count",
    "load": "policy_router.loading",
}


def __getattr__(name: str) -> object:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(module), name)
