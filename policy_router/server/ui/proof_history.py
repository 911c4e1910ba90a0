"""Remembers the verdicts on the promises of the active policy, and since when they hold."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from policy_router.assurance.promises import prove
from policy_router.views.html.promises import KnownProof

if TYPE_CHECKING:
    from policy_router.live.active import Active


class ProofHistory:
    """The verdicts on promises. A policy is proved once, when its page is first opened."""

    def __init__(self) -> None:
        self._revision = ""
        self._known: tuple[KnownProof, ...] = ()
        self._lock = asyncio.Lock()

    async def read(self, active: Active) -> tuple[KnownProof, ...]:
        """Return the verdict on each promise of the active policy.

        Args:
            active: The active policy. What was known about the one before keeps its time where the
                verdict on a promise is the same.
        """
        async with self._lock:
            if active.revision != self._revision:
                proofs = await asyncio.to_thread(prove, active.policy)
                before = {_name(each): each for each in self._known}
                self._known = tuple(
                    _after(before.get(_name(new)), new)
                    for new in (KnownProof(proof, active.loaded_at) for proof in proofs)
                )
                self._revision = active.revision
            return self._known


def _name(known: KnownProof) -> tuple[str, str]:
    return known.proof.invariant.name, known.proof.promise.value


def _after(before: KnownProof | None, new: KnownProof) -> KnownProof:
    if before is None or before.proof.verdict is not new.proof.verdict:
        return new
    return KnownProof(new.proof, min(before.since, new.since))
