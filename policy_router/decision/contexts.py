"""Which models have too small a context for a request."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from operator import or_
from typing import TYPE_CHECKING

from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.models import Model


class Contexts:
    """The contexts of some models, prepared for lookups. A set of models is an int: bit i is
    model i.

    Attributes:
        skips: For each model, that its context is too small.
        fixed_caps: Of each model whose context is known and whose cap on answers the policy fixes:
            its bit, the tokens that its context has for a request, and the cap.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.skips = [
            Skip(
                m.name,
                Reason.CONTEXT,
                f"context of {m.context or 0:,} tokens is too small{_taken(m)}",
                span=m.span,
            )
            for m in models
        ]
        rooms = [None if m.context is None else m.context - m.prompt_tokens for m in models]
        self._rooms = tuple(sorted({room for room in rooms if room is not None}))
        of_size = dict.fromkeys(self._rooms, 0)
        for i, room in enumerate(rooms):
            if room is not None:
                of_size[room] |= 1 << i
        self._too_small: tuple[int, ...] = (0, *accumulate(of_size.values(), or_))
        self.fixed_caps = tuple(
            (1 << i, room, m.fixed_output)
            for i, (m, room) in enumerate(zip(models, rooms, strict=True))
            if room is not None and m.fixed_output is not None
        )

    def too_small(self, tokens: int) -> int:
        """The models whose context is known to hold fewer tokens of a request."""
        return self._too_small[bisect_left(self._rooms, tokens)]

    def with_fixed_caps(self, small: int, tokens: int) -> int:
        """The models whose context is too small, where the policy fixes the cap of some answers.

        Args:
            small: The models that are too small for the cap that the request sets.
            tokens: Input tokens of the request.
        """
        for bit, room, cap in self.fixed_caps:
            small = small | bit if tokens + cap > room else small & ~bit
        return small


def _taken(model: Model) -> str:
    """What the policy keeps of a model's context, as text."""
    prompt, cap = model.prompt, model.fixed_output
    kept = []
    if prompt is not None and prompt.tokens:
        kept.append(f"{prompt.tokens:,} taken by prompt `{prompt.name}`")
    if cap is not None:
        forced = prompt is not None and prompt.force and prompt.max_tokens is not None
        source = "the `params` of its prompt" if forced else "its `params`"
        kept.append(f"{cap:,} kept free for the answer by {source}")
    return f" with {' and '.join(kept)}" if kept else ""
