"""A whole page: for the server, which serves its style by itself, and as one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from policy_router.views.html.markup import Markup, element, join

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATIC: Final[Mapping[str, str]] = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "uplot.min.css": "text/css; charset=utf-8",
    "uplot.iife.min.js": "text/javascript; charset=utf-8",
    "uplot.LICENSE": "text/plain; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The static files of the page, with their media types."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page.

    Attributes:
        id: Its name in addresses.
        title: Its heading.
        body: What it shows.
        lead: What it answers, in a few words.
        wide: Whether it takes the whole width where several fit side by side.
    """

    id: str
    title: str
    body: Markup
    lead: str = ""
    wide: bool = False


@cache
def static_file(name: str) -> bytes:
    """Return the content of a static file.

    Args:
        name: One of `STATIC`.
    """
    return files("policy_router.views.html").joinpath("static", name).read_bytes()


def panels(values: Sequence[Panel], *, level: int = 2) -> Markup:
    """Return panels, side by side where there is room.

    Args:
        values: The panels.
        level: The level of their headings.
    """
    return element("div", join(_panel(each, level) for each in values), class_="panels")


def _panel(panel: Panel, level: int) -> Markup:
    heading = element(f"h{level}", panel.title, id=f"{panel.id}-title")
    return element(
        "section",
        element("header", heading, element("p", panel.lead) if panel.lead else None),
        element("div", panel.body, class_="body"),
        id=panel.id,
        class_="panel wide" if panel.wide else "panel",
        aria_labelledby=f"{panel.id}-title",
    )


def standalone(title: str, subtitle: str, values: Sequence[Panel]) -> Markup:
    """Return a page that is one file, without scripts: it can be mailed and printed.

    Args:
        title: Its title.
        subtitle: What it is about: the policy, the time.
        values: Its panels.
    """
    style = Markup(static_file("page.css").decode())
    head = join([element("h1", title), element("p", subtitle, class_="subtitle")])
    return _html(
        title,
        element("style", style),
        element("header", head, class_="top"),
        element("main", panels(values), id="main"),
    )


def served(
    title: str,
    head: Markup,
    body: Markup,
    *,
    static: str,
    plots: bool = False,
    live: str | None = None,
) -> Markup:
    """Return a page whose style and script the server serves.

    Args:
        title: Its title.
        head: What stands above everything: the name of the policy, the navigation.
        body: Its content.
        static: The address of the static files, with a trailing slash.
        plots: Whether something on it is drawn over time.
        live: The address of what the script follows; None for nothing.
    """
    links = [
        element("link", rel="icon", href=f"{static}icon.svg"),
        element("link", rel="stylesheet", href=f"{static}page.css"),
        element("link", rel="stylesheet", href=f"{static}uplot.min.css") if plots else None,
        element("script", src=f"{static}uplot.iife.min.js", defer=True) if plots else None,
        element("script", type="module", src=f"{static}page.js"),
    ]
    skip = element("a", "skip to the content", href="#main", class_="skip")
    return _html(
        title,
        join(links),
        skip,
        element("header", head, class_="top"),
        element("main", body, id="main", tabindex=-1, data_live=live),
    )


def _html(title: str, links: Markup, *body: Markup) -> Markup:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="robots", content="noindex"),
        element("title", title),
        links,
    )
    return Markup(f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n")
