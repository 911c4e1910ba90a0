"""The parameters of a panel: what to show, and for which requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.observe.recent import RequestFilter
from policy_router.views.html.decisions import LiveView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.router.router import Router
    from policy_router.server.ui.board import Board


@dataclass(frozen=True, slots=True)
class PanelCall:
    """A panel that is wanted.

    Attributes:
        router: The router.
        board: The data of the page.
        base: The address of the page of all panels.
        query: The fields of the query of the address.
        brief: Whether it is one of many on a page.
    """

    router: Router
    board: Board
    base: str
    query: Mapping[str, str]
    brief: bool

    @property
    def view(self) -> LiveView:
        """How requests are shown."""
        return LiveView(self.base, self.router.policy.timezone)

    @property
    def shown(self) -> RequestFilter:
        """Which requests are shown."""
        names = ("task", "model", "rule", "who", "ending")
        return RequestFilter(**{name: self.query.get(name) or None for name in names})
