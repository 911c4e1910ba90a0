"""Sets up OpenTelemetry from its environment variables, for programs that do not do it themselves.

`opentelemetry-instrument` sets it up before the program begins; then that is used. Otherwise spans
go where `OTEL_TRACES_EXPORTER` says, by default over OTLP to `OTEL_EXPORTER_OTLP_ENDPOINT`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.observe.tracing import Tracing

_EXPORTERS: Final = "opentelemetry_traces_exporter"
"""The group of entry points in which packages offer exporters."""
_OTLP: Final = "otlp"
_OVER_HTTP: Final = "otlp_proto_http"
"""The exporter that `otlp`, the default of OpenTelemetry, stands for here."""
_NAME: Final = "policy-router"
"""The name of the service, unless `OTEL_SERVICE_NAME` is set."""


@contextmanager
def tracing() -> Iterator[Tracing]:
    """Make an observer of events that makes spans; the last ones are sent at the end.

    Yields:
        The observer.

    Raises:
        UsageError: A package is missing, or the exporter is unknown.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415  an extra
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415  as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  as above

        from policy_router.observe.tracing import Tracing  # noqa: PLC0415  it needs the extra
    except ImportError as error:
        raise UsageError(
            f"traces need the package `{error.name}`: pip install 'policy-router[otel]'"
        ) from None
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield Tracing()
        return
    name = os.environ.get("OTEL_TRACES_EXPORTER") or _OTLP
    wanted = _OVER_HTTP if name == _OTLP else name
    exporter = next(iter(entry_points(group=_EXPORTERS, name=wanted)), None)
    if exporter is None:
        raise UsageError(
            f"there is no exporter `{name}` for traces: pip install 'policy-router[otel]', "
            "or name another in OTEL_TRACES_EXPORTER"
        )
    # The variables of OpenTelemetry win over this name.
    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: _NAME})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter.load()()))
    try:
        yield Tracing(provider)
    finally:
        provider.shutdown()
