"""The answers of one process to the other processes of its server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policy_router.server.ui.all_processes import (
    CHANGES,
    DETAIL,
    HEALTH,
    PULSE,
    changes_here,
    detail_here,
    health_here,
    pulse_here,
    rows_here,
)
from policy_router.server.ui.panel_call import PanelCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.router.router import Router
    from policy_router.server.ui.board import Board


class PeerAnswers:
    """Answers the questions of `all_processes`.

    Args:
        router: The router of this process.
        board: The data of the page.
    """

    def __init__(self, router: Router, board: Board) -> None:
        self._router = router
        self._board = board

    async def __call__(self, question: Mapping[str, Any]) -> object:
        """Answer a question with what JSON can hold."""
        base, query = question["base"], question["query"]
        wanted = PanelCall(self._router, self._board, base, query, brief=False)
        if question["kind"] == PULSE:
            return pulse_here(wanted, question["now"])
        if question["kind"] == DETAIL:
            return {"html": await detail_here(wanted, question["decision"])}
        if question["kind"] == CHANGES:
            return (await changes_here(wanted)).to_json()
        if question["kind"] == HEALTH:
            return health_here(wanted)
        found = rows_here(wanted, question["after"], question["most"])
        return {"last": found.last, "more": found.more, "rows": found.rows}
