"""The interface to what keeps models in the memory of their servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from policy_router.domain.models import Model


class ModelMemory(Protocol):
    """Keeps models with `keep_loaded` in the memory of their servers while they are used."""

    async def enter(self, model: Model) -> None:
        """Have a model loaded that is about to be called. Never raises."""

    def leave(self, model: Model) -> None:
        """Note that a call that entered has ended."""
