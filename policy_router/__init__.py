"""Which language model may answer, in what order, at what cost: policy, in YAML under review.

    from policy_router import Request, decide, load

    policy = load("policies/")
    decision = decide(policy, Request(task="code", tags={"private"}))
    [candidate.name for candidate in decision.candidates]

What needs pydantic, litellm or a thread is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decide.decide import decide
from policy_router.errors import (
    BudgetError,
    CooldownError,
    ExhaustedError,
    InvalidRequestError,
    LimitError,
    NoCandidateError,
    PolicyError,
    PolicyRouterError,
    RequestError,
    RoutingError,
    StateError,
    StoreError,
    StreamBrokenError,
    TooLargeError,
    UsageError,
)
from policy_router.meter import Reading
from policy_router.model import (
    Attempt,
    Candidate,
    Decision,
    Model,
    Policy,
    Request,
    Skip,
    Snapshot,
)

if TYPE_CHECKING:
    from policy_router.check.report import load
    from policy_router.classify.exact import count_tokens
    from policy_router.execute.bounds import Bounds
    from policy_router.router import Router

__all__ = [
    "Attempt",
    "Bounds",
    "BudgetError",
    "Candidate",
    "CooldownError",
    "Decision",
    "ExhaustedError",
    "InvalidRequestError",
    "LimitError",
    "Model",
    "NoCandidateError",
    "Policy",
    "PolicyError",
    "PolicyRouterError",
    "Reading",
    "Request",
    "RequestError",
    "Router",
    "RoutingError",
    "Skip",
    "Snapshot",
    "StateError",
    "StoreError",
    "StreamBrokenError",
    "TooLargeError",
    "UsageError",
    "count_tokens",
    "decide",
    "load",
]

_LATE = {
    "Bounds": "policy_router.execute.bounds",
    "Router": "policy_router.router",
    "count_tokens": "policy_router.classify.exact",
    "load": "policy_router.check.report",
}


def __getattr__(name: str) -> object:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(module), name)
