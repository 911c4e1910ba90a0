"""Decide which language model answers a request, in what order and at what cost, from YAML policy.

    from policy_router import Request, decide, load

    policy = load("policies/")
    decision = decide(policy, Request(task="code", tags={"private"}))
    [candidate.name for candidate in decision.candidates]

Names that need pydantic, LiteLLM or a thread are imported lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.decision.decide import decide
from policy_router.decision.policy import Policy
from policy_router.domain.attempt import Attempt
from policy_router.domain.decision import Candidate, Decision, Skip
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
    from policy_router.classification.reading import RequestReading, read_request
    from policy_router.classification.tokens.exact import count_tokens
    from policy_router.domain.dialect import Dialect
    from policy_router.domain.original import OriginalRequest
    from policy_router.execution.answer import Answer
    from policy_router.execution.embeddings import Embeddings
    from policy_router.execution.health.health_report import HealthState, ModelHealth
    from policy_router.execution.stream import AnswerStream
    from policy_router.http_errors import ErrorResponse, error_response
    from policy_router.intake import classify
    from policy_router.loading import load
    from policy_router.options import (
        ChatMessage,
        ChatParameters,
        EmbeddingOptions,
        Identity,
        RequestConstraints,
        RequestFacts,
        RequestOptions,
    )
    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk, Usage
    from policy_router.providers.answers.embeddings import Embedding, EmbeddingAnswer
    from policy_router.providers.requests.bounds import Bounds
    from policy_router.reports.remaining import RemainingAmount
    from policy_router.reports.report import TrafficReport
    from policy_router.router.router import Router
    from policy_router.router.sync import SyncStream

__all__ = [
    "AllModelsFailedError",
    "Answer",
    "AnswerStream",
    "Attempt",
    "BadRequestError",
    "Bounds",
    "BudgetExceededError",
    "Candidate",
    "ChatAnswer",
    "ChatChunk",
    "ChatMessage",
    "ChatParameters",
    "CooldownError",
    "Decision",
    "Dialect",
    "Embedding",
    "EmbeddingAnswer",
    "EmbeddingOptions",
    "Embeddings",
    "ErrorResponse",
    "HealthState",
    "Identity",
    "InvalidRequestError",
    "Model",
    "ModelHealth",
    "NoCandidateError",
    "OriginalRequest",
    "Policy",
    "PolicyError",
    "PolicyRouterError",
    "RateLimitError",
    "Reading",
    "RemainingAmount",
    "Request",
    "RequestConstraints",
    "RequestFacts",
    "RequestOptions",
    "RequestReading",
    "Router",
    "RoutingError",
    "Skip",
    "Snapshot",
    "StateUnavailableError",
    "StoreError",
    "StreamBrokenError",
    "SyncStream",
    "TooLargeError",
    "TrafficReport",
    "Usage",
    "UsageError",
    "classify",
    "count_tokens",
    "decide",
    "error_response",
    "load",
    "read_request",
]

_LATE = {
    "Answer": "policy_router.execution.answer",
    "AnswerStream": "policy_router.execution.stream",
    "Bounds": "policy_router.providers.requests.bounds",
    "ChatAnswer": "policy_router.providers.answers.chat",
    "ChatChunk": "policy_router.providers.answers.chat",
    "ChatMessage": "policy_router.options",
    "ChatParameters": "policy_router.options",
    "Dialect": "policy_router.domain.dialect",
    "Embedding": "policy_router.providers.answers.embeddings",
    "EmbeddingAnswer": "policy_router.providers.answers.embeddings",
    "EmbeddingOptions": "policy_router.options",
    "Embeddings": "policy_router.execution.embeddings",
    "ErrorResponse": "policy_router.http_errors",
    "HealthState": "policy_router.execution.health.health_report",
    "Identity": "policy_router.options",
    "ModelHealth": "policy_router.execution.health.health_report",
    "OriginalRequest": "policy_router.domain.original",
    "RemainingAmount": "policy_router.reports.remaining",
    "RequestConstraints": "policy_router.options",
    "RequestFacts": "policy_router.options",
    "RequestOptions": "policy_router.options",
    "RequestReading": "policy_router.classification.reading",
    "Router": "policy_router.router.router",
    "SyncStream": "policy_router.router.sync",
    "TrafficReport": "policy_router.reports.report",
    "Usage": "policy_router.providers.answers.chat",
    "classify": "policy_router.intake",
    "count_tokens": "policy_router.classification.tokens.exact",
    "error_response": "policy_router.http_errors",
    "load": "policy_router.loading",
    "read_request": "policy_router.classification.reading",
}
"""The modules of the names that are imported lazily."""


def __getattr__(name: str) -> object:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(module), name)
