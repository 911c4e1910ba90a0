"""Answers for browsers: the page of all panels, one panel, a part of a page, a decision, files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

from policy_router.live.status import ReloadState
from policy_router.server.refusal import RefusedCallError
from policy_router.server.ui.all_processes import detail, pulse_now
from policy_router.server.ui.browser import HEADERS, html_reply, require_own_page, static_reply
from policy_router.server.ui.panel_call import PanelCall
from policy_router.server.ui.panels import BY_ID, PANELS, make_panel
from policy_router.server.ui.stream import follow_decisions
from policy_router.server.ui.trial import decided_trial, read_form, trial_form
from policy_router.views.html.document import STATIC, Panel, panels, served, static_file
from policy_router.views.html.figures import note
from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.rules import short_name, source_text
from policy_router.views.html.shell import Shell, later, now_and_again

if TYPE_CHECKING:
    from policy_router.server.call import HttpCall
    from policy_router.server.ui.board import Board
    from policy_router.server.ui.panels import PanelKind
    from policy_router.views.html.markup import Markup


def board_of(call: HttpCall) -> Board:
    """Return the board of the server."""
    if call.board is None:
        raise RefusedCallError(404, "no_page", "this server shows no page")
    return call.board


def panel_call(call: HttpCall, *, brief: bool) -> PanelCall:
    """Return what a call wants of a panel."""
    query = dict(call.request.query_params)
    base = base_of(call)
    return PanelCall(call.router, board_of(call), base, query, brief=brief)


def base_of(call: HttpCall) -> str:
    """Return the address of the page, below whatever the application is mounted at."""
    return f"{call.request.scope.get('root_path', '')}/ui"


async def show_all(call: HttpCall) -> Response:
    """Return the page of all panels."""
    wanted = panel_call(call, brief=True)
    shown = [await _on_all(kind, wanted) for kind in PANELS]
    numbers = element("div", await pulse_now(wanted), id="pulse", class_="pulse")
    return _page(call, "", join([numbers, panels(shown)]))


async def _on_all(kind: PanelKind, wanted: PanelCall) -> Panel:
    title = element("a", kind.title, href=f"{wanted.base}/{kind.id}")
    if kind.later:
        body = later(kind.id, wanted.base, "?brief=1", kind.every)
    else:
        made = await make_panel(kind, wanted)
        body = now_and_again(made, kind.id, wanted.base, "?brief=1", kind.every)
    return Panel(kind.id, title, body, kind.lead, kind.wide)


async def show_panel(call: HttpCall) -> Response:
    """Return the page of one panel."""
    kind = _kind(call)
    wanted = panel_call(call, brief=False)
    body = await make_panel(kind, wanted)
    query = f"?{urlencode(wanted.query)}" if wanted.query else ""
    again = now_and_again(body, kind.id, wanted.base, query, kind.every)
    shown = panels([Panel(kind.id, kind.title, again, kind.lead, wide=True)])
    if kind.id == "live":
        numbers = element("div", await pulse_now(wanted), id="pulse", class_="pulse")
        shown = join([numbers, shown])
    return _page(call, kind.id, shown, kind.title)


async def show_part(call: HttpCall) -> Response:
    """Return the content of one panel, for a page that has it already."""
    wanted = panel_call(call, brief="brief" in call.request.query_params)
    return html_reply(await make_panel(_kind(call), wanted))


def _kind(call: HttpCall) -> PanelKind:
    kind = BY_ID.get(call.request.path_params["panel"])
    if kind is None:
        raise RefusedCallError(404, "no_panel", "there is no such panel")
    return kind


async def show_decision(call: HttpCall) -> Response:
    """Return everything about one request: as a page, or as a part of one."""
    wanted = panel_call(call, brief=False)
    body, status = await detail(wanted, call.request.path_params["decision"]), 200
    if body is None:
        message = "The decision is no longer kept here: `policy-router audit` has the journal's."
        body, status = note(prose(message)), 404
    if "part" in call.request.query_params:
        return html_reply(body, status)
    title = f"Decision {call.request.path_params['decision']}"
    shown = panels([Panel("decision", title, body, wide=True)])
    return _page(call, "live", shown, title, status)


async def show_source(call: HttpCall) -> Response:
    """Return a file of the active policy, with a line marked."""
    name = call.request.query_params.get("file", "")
    text = call.router.active.sources.get(name)
    if text is None:
        raise RefusedCallError(404, "no_file", "the active policy has no such file")
    line = call.request.query_params.get("line", "")
    body = source_text(name, text, int(line) if line.isdecimal() and len(line) < 9 else None)
    return _page(
        call, "rules", panels([Panel("source", short_name(name), body, name, wide=True)]), name
    )


async def try_request(call: HttpCall) -> Response:
    """Return the decision on a request that was typed or pasted."""
    require_own_page(call.request)
    form = await read_form(call)
    decided = await decided_trial(call, form)
    if "part" in call.request.query_params:
        return html_reply(decided)
    base = base_of(call)
    body = join([trial_form(call.router.policy, base, form), element("div", decided, id="tried")])
    kind = BY_ID["try"]
    shown = panels([Panel("try", kind.title, body, kind.lead, wide=True)])
    return _page(call, "try", shown, kind.title)


async def follow(call: HttpCall) -> Response:
    """Return a stream of the requests that end from now on."""
    if call.request.method == "HEAD":  # its answer has no body, whose end it would wait for
        return Response(headers=HEADERS, media_type="text/event-stream")
    return follow_decisions(panel_call(call, brief=False), call.readiness)


async def show_static(call: HttpCall) -> Response:
    """Return a static file of the page."""
    name = call.request.path_params["name"]
    if name not in STATIC:
        raise RefusedCallError(404, "no_file", "the page has no such file")
    return static_reply(static_file(name), STATIC[name])


def _page(
    call: HttpCall, current: str, body: Markup, title: str = "", status: int = 200
) -> Response:
    base, policy = base_of(call), call.router.policy
    shell = Shell(
        base,
        policy.name,
        policy.revision,
        _trouble(call),
        [(kind.id, kind.short) for kind in PANELS],
    )
    shown = f"{title} · {policy.name}" if title else f"{policy.name} · policy-router"
    follows = current in ("", "live")
    page = served(
        shown,
        shell.head(current),
        body,
        static=f"{base}/static/",
        plots=current in ("", "spend"),
        live=f"{base}/events" if follows else None,
    )
    return html_reply(page, status)


def _trouble(call: HttpCall) -> str:
    status = call.router.store_status()
    if status is not None and not status.up:
        return "store unreachable"
    if call.router.status().state is ReloadState.DEGRADED:
        return "newer files refused"
    return ""
