"""Requests as spans: one for the request, one under it for each call of a model."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from policy_router.domain.attempt import Attempt
from policy_router.errors import RoutingError
from policy_router.events import Attempted, StoreChanged
from policy_router.loading import load
from policy_router.observe import tracing
from policy_router.observe.tracing import Tracing
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, response
from tests.observe.test_prometheus import POLICY, USED

PROMPT = "the eagle lands at noon"


class Spans:
    """Everything that a tracing observer reported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider)

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


def ask(spans: Spans, caller: FakeCaller, **options: str) -> None:
    with Router(load(text=POLICY), caller, on_event=spans.tracing) as router:
        messages = [{"role": "user", "content": PROMPT}]
        asyncio.run(router.acompletion(messages, **options))  # type: ignore[call-overload]  # by name


def test_calls_are_spans_under_the_span_of_their_request() -> None:
    spans = Spans()
    failing = [Failure(FailureKind.SERVER_ERROR, status=500)] * 4
    ask(spans, FakeCaller(small=failing, big=[response("two", usage=USED)]), session="s1")
    *calls, request = spans.ended
    assert request.name == "policy_router.request"
    assert request.parent is None
    assert request.attributes is not None
    assert request.attributes["policy_router.candidates"] == ("small", "big")
    assert request.attributes["policy_router.served_by"] == "big"
    assert request.attributes["gen_ai.conversation.id"] == "s1"
    assert {call.parent and call.parent.span_id for call in calls} == {request.context.span_id}
    assert {call.kind for call in calls} == {SpanKind.CLIENT}
    last = calls[-1]
    assert (last.name, last.status.status_code) == ("chat openai/big", StatusCode.UNSET)
    assert last.attributes is not None
    assert last.attributes["gen_ai.provider.name"] == "openai"
    assert last.attributes["gen_ai.request.model"] == "big"
    assert last.attributes["gen_ai.usage.output_tokens"] == 500_000
    first = calls[0]
    assert first.attributes is not None
    assert first.attributes["error.type"] == "server_error"
    assert first.status.status_code is StatusCode.ERROR
    assert PROMPT not in "".join(span.to_json() for span in spans.ended)


def test_a_request_that_fails_is_an_error() -> None:
    spans = Spans()
    with pytest.raises(RoutingError):
        ask(spans, FakeCaller(), model="big", tenant="t")
    with Router(load(text=POLICY), FakeCaller(), on_event=spans.tracing) as router:
        refused = router.acompletion([{"role": "user", "content": PROMPT}], model="none")
        with pytest.raises(RoutingError):
            asyncio.run(refused)
    denied = spans.ended[-1]
    assert (denied.status.status_code, denied.status.description) == (
        StatusCode.ERROR,
        "no model could be called",
    )


def test_what_belongs_to_no_open_request_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = Spans()
    spans.tracing(StoreChanged("id", None, 1.0, None, up=False, detail=""))
    spans.tracing(Attempted("id", "unknown", 1.0, "rev", Attempt("m", "openai/m", 0.0, 1.0)))
    monkeypatch.setattr(tracing, "UNDER_WAY", 0)
    ask(spans, FakeCaller(small=[response("one")]))
    assert spans.ended == ()
