"""Whether the server can answer requests now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.decision import Reason

if TYPE_CHECKING:
    from policy_router.router.router import Router


class Readiness:
    """How far the server is in its life.

    Attributes:
        preparing: Whether the policy is being loaded, or what calls models is being made ready.
        stopping: Whether the server takes no more requests, and those under way end.
    """

    def __init__(self) -> None:
        self.preparing = False
        self.stopping = False

    async def problem(self, router: Router) -> str | None:
        """Return why the server cannot answer requests; None when it can.

        Args:
            router: What answers them.
        """
        if self.stopping:
            return "the server is stopping"
        if self.preparing:
            return "the server is starting"
        store = router.store_status()
        if store is None or (store.up and not store.loss):
            return None
        # Models that no budget covers can be called in the meantime.
        decision = await router.aroute()
        closed = not decision.candidates and any(
            skip.reason is Reason.STATE for skip in decision.skipped
        )
        return "the counters cannot be used, and every model needs them" if closed else None
