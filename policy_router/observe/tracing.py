"""Exports requests as OpenTelemetry spans.

    router = Router.open("policies/", on_event=Tracing())

Each request is one span `policy_router.request`; each call of a model is a client span under it
that follows the conventions for generative AI. They need the extra `otel`, and the program sets
OpenTelemetry up. No attribute has text of prompts or answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from policy_router.domain.money import NANO_PER_USD
from policy_router.events import Answered, Attempted, Decided, Exhausted, JudgedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.events import Event

UNDER_WAY: Final = 10_000
"""The most requests whose span is open; beyond it, requests are not traced."""


class Tracing:
    """An observer of events that makes spans of them."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Take a tracer.

        Args:
            provider: Where from. Default: the global provider of the program.
        """
        self._tracer = trace.get_tracer("policy_router", tracer_provider=provider)
        self._open: dict[str, Span] = {}

    def __call__(self, event: Event) -> None:
        """Begin or end spans; events that belong to no request are ignored."""
        if event.request_id is None:
            return
        match event:
            case Decided(decision=decision) if len(self._open) < UNDER_WAY:
                # The span of the program's own work, such as an HTTP request, is its parent.
                self._open[event.request_id] = self._tracer.start_span(
                    "policy_router.request",
                    start_time=_nanoseconds(event.time),
                    attributes=_known(_of_decision(decision)),
                )
            case Attempted(attempt=attempt) | JudgedAnswer(attempt=attempt):
                self._attempt(event.request_id, attempt, judge=isinstance(event, JudgedAnswer))
            case Answered() | Exhausted():
                self._end(event)
            case _:
                pass

    def _attempt(self, request_id: str, attempt: Attempt, *, judge: bool) -> None:
        parent = self._open.get(request_id)
        if parent is None:
            return
        span = self._tracer.start_span(
            f"chat {attempt.provider_model}",
            context=trace.set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            start_time=_nanoseconds(attempt.started),
            attributes=_known({**_of_attempt(attempt), "policy_router.judge": judge or None}),
        )
        if attempt.failure is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.failure))
        span.end(_nanoseconds(attempt.started + attempt.seconds))

    def _end(self, event: Answered | Exhausted) -> None:
        span = self._open.pop(event.request_id or "", None)
        if span is None:
            return
        span.set_attribute("policy_router.attempts", len(event.attempts))
        if isinstance(event, Answered):
            span.set_attribute("policy_router.served_by", event.served_by)
        else:
            last = event.attempts[-1].failure if event.attempts else None
            reason = last or "no model could be called"
            span.set_status(Status(StatusCode.ERROR, reason))
        span.end(_nanoseconds(event.time))


def _of_decision(decision: Decision) -> dict[str, AttributeValue | None]:
    return {
        "policy_router.decision": decision.id,
        "policy_router.revision": decision.revision,
        "policy_router.task": decision.task,
        "policy_router.complexity": decision.complexity,
        "policy_router.rules": list(decision.rules),
        "policy_router.candidates": [candidate.name for candidate in decision.candidates],
        "policy_router.denied": decision.denied,
        "gen_ai.conversation.id": decision.request.session,
    }


def _of_attempt(attempt: Attempt) -> dict[str, AttributeValue | None]:
    """What is known about a call, by the names of the conventions where they have one."""
    provider, _, name = attempt.provider_model.partition("/")
    cost = attempt.cost_nano_usd
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider if name else None,
        "gen_ai.request.model": name or provider,
        "gen_ai.usage.input_tokens": attempt.tokens_in,
        "gen_ai.usage.output_tokens": attempt.tokens_out,
        "gen_ai.response.time_to_first_chunk": attempt.first_token,
        "http.response.status_code": attempt.status,
        "error.type": attempt.failure,
        "policy_router.model": attempt.model,
        "policy_router.cost_usd": None if cost is None else cost / NANO_PER_USD,
    }


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _nanoseconds(time: float) -> int:
    return int(time * 1_000_000_000)
