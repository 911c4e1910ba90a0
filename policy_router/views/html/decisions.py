"""Requests that have ended: a row for each, and everything about one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from policy_router.domain.outcome import RequestEnding
from policy_router.views import explanation as explanation_view
from policy_router.views.html.blocks import blocks
from policy_router.views.html.figures import KeyFigure, badge, figures
from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.spend import spell_money
from policy_router.views.html.tables import scrolled, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from policy_router.domain.attempt import Attempt
    from policy_router.observe.recent import EndedRequest, RequestFilter
    from policy_router.router.explanation import Explanation
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

COLUMNS: Final = ("time", "decision", "who", "task", "calls", "cost", "seconds", "why", "why not")
TONES: Final[Mapping[RequestEnding, str]] = {
    RequestEnding.ANSWERED: "good",
    RequestEnding.REJECTED: "warn",
    RequestEnding.DENIED: "warn",
    RequestEnding.STOPPED: "warn",
    RequestEnding.FAILED: "bad",
}
_OUT_SHOWN: Final = 2
"""Models that are out which a row names."""


@dataclass(frozen=True, slots=True)
class LiveView:
    """How requests are shown.

    Attributes:
        base: The address of the page.
        zone: The time zone of the policy.
    """

    base: str
    zone: ZoneInfo


def live_table(rows: Markup) -> Markup:
    """Return a table of requests; the script of the page adds rows to it.

    Args:
        rows: The rows of requests, the newest first.
    """
    head = join(
        element("th", title, scope="col", class_="r" if title in ("cost", "seconds") else None)
        for title in COLUMNS
    )
    shown = scrolled(
        "live decisions",
        element("caption", "requests that have ended, the newest first"),
        element("thead", element("tr", head)),
        element("tbody", rows, id="live-rows"),
        class_="live",
    )
    # The style of the page hides it as soon as there is a row.
    return join([shown, element("p", "No request that is shown here has ended.", class_="empty")])


def live_rows(requests: Iterable[EndedRequest], view: LiveView) -> Markup:
    """Return a row for each request."""
    return join(_row(each, view) for each in requests)


def _row(ended: EndedRequest, view: LiveView) -> Markup:
    decision, request = ended.decision, ended.decision.request
    moment = datetime.fromtimestamp(ended.event.time, view.zone)
    who = " · ".join(filter(None, (request.tenant, request.team, request.user)))
    task = " · ".join(filter(None, (decision.task, decision.complexity)))
    cost = ended.cost
    link = element(
        "a",
        decision.id[-8:] or "-",
        href=f"{view.base}/decisions/{quote(decision.id, safe='')}",
        data_open=True,
    )
    return element(
        "tr",
        element("td", f"{moment:%H:%M:%S}", class_="muted"),
        element("th", link, scope="row"),
        element("td", who),
        element("td", task),
        element("td", _calls(ended)),
        element("td", "" if cost is None else spell_money(cost), class_="r"),
        element("td", f"{ended.seconds:.2f}" if ended.event.attempts else "", class_="r"),
        element("td", prose(_why(ended)), class_="why"),
        element("td", _why_not(ended), class_="why muted"),
        data_number=ended.number,
    )


def _calls(ended: EndedRequest) -> Markup:
    """Return the calls in order, each with how it ended."""
    if not ended.event.attempts:
        return badge(ended.ending.value, TONES[ended.ending])
    calls = [_call(attempt, ended) for attempt in ended.event.attempts]
    if ended.served_by is None:
        calls.append(badge(ended.ending.value, TONES[ended.ending]))
    return element("span", join(calls, " → "), class_="chain")


def _call(attempt: Attempt, ended: EndedRequest) -> Markup:
    if attempt.failure is None and not attempt.rejected:
        return badge(attempt.model, "good")
    why = attempt.failure or "rejected"
    tone = "warn" if ended.served_by is not None else "bad"
    return badge(f"{attempt.model} ✗ {why}", tone, attempt.detail or None)


def _why(ended: EndedRequest) -> str:
    decision, served = ended.decision, ended.served_by
    if decision.denied is not None:
        return decision.denied
    for candidate in decision.candidates:
        if served is None or candidate.name == served:
            return candidate.detail
    return decision.unmet_need or "no model may answer"


def _why_not(ended: EndedRequest) -> str:
    skipped = ended.decision.skipped
    if not skipped:
        return ""
    named = [f"{each.model}: {each.reason.value}" for each in skipped[:_OUT_SHOWN]]
    more = len(skipped) - len(named)
    return "; ".join(named) + (f"; {more} more" if more > 0 else "")


def live_filter(shown: RequestFilter, known: Mapping[str, Iterable[str]], action: str) -> Markup:
    """Return the form that filters the requests; it works without the script, too.

    Args:
        shown: The filter that is in use.
        known: What can be chosen, by the name of the field: `task`, `model`, `rule`, `ending`.
        action: Where the form leads.
    """
    chosen = {name: getattr(shown, name) for name in ("task", "model", "rule", "ending")}
    fields = [_choice(name, chosen[name], values) for name, values in known.items()]
    who = element(
        "label",
        "who",
        element("input", name="who", value=shown.who, placeholder="user, team, session"),
    )
    return element(
        "form",
        *fields,
        who,
        element("button", "filter"),
        element("button", "pause", type="button", id="pause", aria_pressed="false", hidden=True),
        element("span", id="live-state", class_="muted", role="status"),
        class_="filter",
        id="filter",
        method="get",
        action=action,
    )


def _choice(name: str, chosen: str | None, values: Iterable[str]) -> Markup:
    options = [
        element("option", "any", value=""),
        *(element("option", each, value=each, selected=each == chosen) for each in values),
    ]
    return element("label", name, element("select", *options, name=name))


def query_of(shown: RequestFilter) -> str:
    """Return a filter as the query of an address, with its question mark; empty without one."""
    fields = ("task", "model", "rule", "who", "ending")
    stated = {name: getattr(shown, name) for name in fields if getattr(shown, name)}
    return f"?{urlencode(stated)}" if stated else ""


def decision_detail(ended: EndedRequest, explanation: Explanation | None, view: LiveView) -> Markup:
    """Return everything about a request: its calls, and what `policy-router explain` prints.

    Args:
        ended: The request.
        explanation: What led to the decision; None where its policy is no longer kept
            or the request is invalid.
        view: How it is shown.
    """
    event, decision = ended.event, ended.decision
    moment = datetime.fromtimestamp(event.time, view.zone)
    head = figures(
        [
            KeyFigure("ended", ended.ending.value, None, TONES[ended.ending]),
            KeyFigure("served by", ended.served_by or "no model"),
            KeyFigure("cost", _cost(ended)),
            KeyFigure("took", f"{ended.seconds:.2f} s", f"{moment:%Y-%m-%d %H:%M:%S %Z}"),
        ]
    )
    if decision.invalid:
        shown = element("p", f"The request is invalid: {decision.denied}", class_="note")
    elif explanation is None:
        gone = f"The policy @{decision.revision[:7]} is no longer kept, so only the calls are here."
        shown = element("p", gone, class_="note")
    else:
        shown = blocks(
            explanation_view.as_lines(explanation, "as it was then"), caption="explanation"
        )
    return element("div", head, _attempts(ended), shown)


def _cost(ended: EndedRequest) -> str:
    if not ended.event.attempts:
        return "nothing"
    return "not counted" if ended.cost is None else spell_money(ended.cost)


def _attempts(ended: EndedRequest) -> Markup:
    rows: list[list[Content]] = [
        [
            attempt.model,
            attempt.provider_model,
            _ended(attempt),
            f"{attempt.seconds:.2f}",
            "" if attempt.first_token is None else f"{attempt.first_token:.2f}",
            "" if attempt.tokens_in is None else f"{attempt.tokens_in:,}",
            "" if attempt.tokens_cached is None else f"{attempt.tokens_cached:,}",
            "" if attempt.tokens_out is None else f"{attempt.tokens_out:,}",
            "" if attempt.cost_nano_usd is None else spell_money(attempt.cost_nano_usd),
        ]
        for attempt in ended.event.attempts
    ]
    head = ["call", "calls", "", "seconds", "first token", "tokens in", "cached", "out", "cost"]
    return table(
        head,
        rows,
        caption="calls of models",
        right=frozenset(range(3, 9)),
        empty="no model was called",
    )


def _ended(attempt: Attempt) -> Markup:
    if attempt.failure is None and not attempt.rejected:
        return badge("answered", "good")
    checks = ", ".join(attempt.rejected)
    status = "" if attempt.status is None else f" {attempt.status}"
    shown = badge(f"{attempt.failure or 'rejected'}{status}", "bad")
    return join([shown, " ", checks or attempt.detail])
