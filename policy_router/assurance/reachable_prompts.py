"""Finds which prompts of a policy a model gets with at least one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.cover import Cover
from policy_router.assurance.regions import Regions
from policy_router.decision.bitset import bits
from policy_router.decision.space import TooWide
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box


class HeardPrompts:
    """The conditions of a policy's prompts as boxes, in addition to those in which rules exclude
    models.

    A set of boxes is an int, as in Cover.
    """

    def __init__(self, policy: Policy, cancelled: Poll = never) -> None:
        trees = [p.when.tree for p in policy.prompts if p.when is not None]
        regions = self._regions = Regions(policy, cancelled, trees)
        self._policy = policy
        self._boxes: list[tuple[Box, ...] | None] = []
        flat = list(regions.cover.boxes)
        self._own: list[int] = []
        self._owner: dict[int, int] = {}
        for number, prompt in enumerate(policy.prompts):
            try:
                conditions = [{}] if prompt.when is None else regions.space.boxes(prompt.when.tree)
                boxes: tuple[Box, ...] | None = tuple(conditions)
            except TooWide:
                boxes = None
            self._boxes.append(boxes)
            begin = len(flat)
            flat += boxes or ()
            self._own.append((1 << len(flat)) - (1 << begin))
            self._owner |= dict.fromkeys(range(begin, len(flat)), number)
        self._cover = Cover(regions.space, flat, cancelled)

    def shadowing(self, number: int) -> tuple[str, ...] | None:
        """The earlier prompts that the models of a prompt always get in its place.

        Args:
            number: The position of the prompt in the policy.

        Returns:
            Their names; None where some model may get this prompt, as far as the others go.

        Raises:
            GaveUp: The question takes too many steps.
        """
        return self._covering(number, excluded=False)

    def is_unheard(self, number: int) -> bool:
        """Whether no model ever gets a prompt, because of earlier prompts and the rules together.

        Raises:
            GaveUp: The question takes too many steps.
        """
        return self._covering(number, excluded=True) is not None

    def _covering(self, number: int, *, excluded: bool) -> tuple[str, ...] | None:
        prompts, boxes = self._policy.prompts, self._boxes[number]
        if boxes is None:
            return None
        before = [(p, self._own[i]) for i, p in enumerate(prompts[:number])]
        used = 0
        for name in prompts[number].models:
            by = self._regions.impossible
            for prompt, own in before:
                by |= own if name in prompt.models else 0
            if excluded:
                by |= self._regions.removers[self._policy.position(name)]
            for box in boxes:
                core = self._cover.core(box, by)
                if core is None:
                    return None
                used |= core
        owners = {self._owner[bit] for bit in bits(used) if bit in self._owner}
        return tuple(prompts[i].name for i in sorted(owners))
