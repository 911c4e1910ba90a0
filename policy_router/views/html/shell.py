"""The frame of every page of the server: name, policy, links to the panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.views.html.figures import badge
from policy_router.views.html.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.views.html.markup import Markup


@dataclass(frozen=True, slots=True)
class Shell:
    """What every page says.

    Attributes:
        base: The address of the page of all panels.
        policy: Name of the active policy.
        revision: Its revision.
        trouble: What is wrong with newer files or with the store; empty when nothing is.
        panels: The name and the short title of each panel.
    """

    base: str
    policy: str
    revision: str
    trouble: str
    panels: Sequence[tuple[str, str]]

    def head(self, current: str) -> Markup:
        """Return the head of a page.

        Args:
            current: Name of the panel that the page shows; empty for all.
        """
        state = badge(self.trouble, "bad") if self.trouble else badge("live", "good live")
        buttons = element(
            "div",
            state,
            element("button", "theme", type="button", id="theme", hidden=True),
            element("button", "keys", type="button", id="keys", hidden=True),
            class_="push",
        )
        name = element("h1", element("a", "policy-router", href=self.base))
        policy = element("span", f"{self.policy} @{self.revision[:7]}", class_="policy")
        entries = [("", "all"), *self.panels]
        links = (
            element(
                "li",
                element(
                    "a",
                    title,
                    href=f"{self.base}/{panel}" if panel else self.base,
                    aria_current="page" if panel == current else None,
                ),
            )
            for panel, title in entries
        )
        return join(
            [
                element("div", name, policy, buttons, class_="brand"),
                element("nav", element("ul", join(links)), aria_label="panels"),
            ]
        )


def later(panel: str, base: str, query: str, every: float) -> Markup:
    """Return the place of a panel that the script of the page fetches.

    Args:
        panel: Name of the panel.
        base: The address of the page of all panels.
        query: The query of its address, with its question mark; empty for none.
        every: Seconds after which it is fetched again.
    """
    return element(
        "div",
        element(
            "p",
            element("a", "open this panel", href=f"{base}/{panel}{query}"),
            class_="empty",
        ),
        data_part=f"{base}/part/{panel}{query}",
        data_every=every,
        class_="part",
    )


def now_and_again(body: Markup, panel: str, base: str, query: str, every: float) -> Markup:
    """Return a panel that is there already, and that the script fetches again.

    Args:
        body: The panel as it is now.
        panel: Name of the panel.
        base: The address of the page of all panels.
        query: The query of its address, with its question mark; empty for none.
        every: Seconds after which it is fetched again; 0 for never.
    """
    if not every:
        return body
    return element(
        "div",
        body,
        data_part=f"{base}/part/{panel}{query}",
        data_every=every,
        data_there=True,
        class_="part",
    )


def message(title: str, *parts: Markup | str) -> Markup:
    """Return a page's content that only says something.

    Args:
        title: Its heading.
        *parts: What it says.
    """
    body = element("div", element("p", *parts), class_="body")
    heading = element("header", element("h2", title))
    return element("section", heading, body, class_="panel")
