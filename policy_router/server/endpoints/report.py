"""Reports on the requests of a period, as `policy-router report --json` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.errors import StoreError
from policy_router.quoting import quoted, unknown
from policy_router.reports.report import GROUPINGS, TOP
from policy_router.server.refusal import RefusedCallError
from policy_router.server.replies import json_reply
from policy_router.views.report_json import as_json

if TYPE_CHECKING:
    from starlette.responses import Response

    from policy_router.reports.report import ReportGrouping
    from policy_router.server.call import HttpCall

_PARAMETERS: Final = ("since", "by", "top")
_LATER: Final = "5"
"""Seconds after which the journal may be back."""
_DIGITS: Final = 10


async def show_report(call: HttpCall) -> Response:
    """Return a report: `/v1/report?since=30d&by=user&top=20`."""
    given = call.request.query_params
    for name in given:
        if name not in _PARAMETERS:
            message = unknown("parameter", name, _PARAMETERS)
            raise RefusedCallError(400, "unknown_parameter", message)
    by, top = _grouping(given.get("by")), _number(given.get("top"))
    try:
        report = await call.router.areport(since=given.get("since", "30d"), by=by, top=top)
    except StoreError as error:  # of the journal: without counters a report has no forecasts
        headers = {"retry-after": _LATER}
        raise RefusedCallError(503, "journal_unavailable", str(error), headers=headers) from None
    return json_reply(as_json(report))


def _grouping(text: str | None) -> ReportGrouping | None:
    if text is None:
        return None
    for known in GROUPINGS:
        if text == known:
            return known
    raise RefusedCallError(400, "unknown_parameter", unknown("grouping", text, GROUPINGS))


def _number(text: str | None) -> int:
    if text is None:
        return TOP
    if text.isascii() and text.isdigit() and len(text) < _DIGITS:
        return int(text)
    message = f"`top` is a number of groups, such as 20, not `{quoted(text)}`"
    raise RefusedCallError(400, "unknown_parameter", message)
