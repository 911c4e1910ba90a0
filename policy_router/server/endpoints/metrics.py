"""Exposes the metrics of the router to Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from policy_router.server.call import HttpCall

_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"


async def show_metrics(call: HttpCall) -> Response:
    """Return the metrics in the text format of Prometheus."""
    if call.metrics is None:
        raise RefusedCallError(404, "no_metrics", "this server keeps no metrics")
    return Response(call.metrics.exposition(), media_type=_FORMAT)
