"""What a router decides without calling a model for an answer."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from policy_router.assurance.why_not import WhyNot
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.experience.keeper import ExperienceKeeper
    from policy_router.options import ChatMessage, RequestOptions
    from policy_router.router.deciding import Decider
    from policy_router.router.explanation import Explanation


class RoutingMethods(ABC):
    """The methods of a router that only decide."""

    _decider: Decider
    _keeper: ExperienceKeeper

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    async def aroute(
        self,
        messages: Sequence[ChatMessage] = (),
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Decision:
        """Decide which models may answer a request, and call none of them.

        Where the policy has the complexity estimated by a model, that model is called and charged.

        Args:
            messages: The conversation. Without messages, the decision rests on the other arguments.
            stream: Whether the answer would be streamed.
            **options: As for `acompletion`.

        Returns:
            The decision, also where it denies the request.

        Raises:
            UsageError: An argument is unknown or has a value of the wrong type.
            TooLargeError: The request is beyond the bounds.
        """
        policy = self.policy
        self._keeper.begin(policy)
        intake = await self._decider.take_in(policy, messages or None, options, stream=stream)
        return (await self._decider.decide(policy, intake)).decision

    async def aexplain(
        self,
        messages: Sequence[ChatMessage] = (),
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Explanation:
        """Decide as `aroute` does, and return everything that led to the decision.

        No model is called, not even one that would estimate the complexity.

        Args:
            messages: The conversation. Without messages, the decision rests on the other arguments.
            stream: Whether the answer would be streamed.
            **options: As for `acompletion`.

        Raises:
            UsageError: An argument is unknown or has a value of the wrong type, or the policy has
                no such task, band, tier or model.
            TooLargeError: The request is beyond the bounds.
        """
        from policy_router.router.explanation import explain  # noqa: PLC0415  only when used

        policy = self.policy
        intake = await self._decider.take_in(policy, messages or None, options, stream=stream)
        unrated = replace(intake, is_estimated=False)
        decision = (await self._decider.decide(policy, unrated)).decision
        if decision.invalid:
            raise UsageError(str(decision.denied))
        assert decision.snapshot is not None  # noqa: S101  as deciders have it
        return explain(
            policy,
            decision,
            decision.snapshot,
            intake.classification,
            scored=intake.is_estimated,
        )

    async def awhy_not(
        self,
        name: str,
        /,
        messages: Sequence[ChatMessage] = (),
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> WhyNot:
        """Find out what keeps one model from a request, and what would let it through.

        Args:
            name: Name of the model.
            messages: The conversation. Without messages, the decision rests on the other arguments.
            stream: Whether the answer would be streamed.
            **options: As for `acompletion`.

        Returns:
            What keeps it out, the smallest changes of the request that would let it through, and
            the rules that would have to go otherwise.

        Raises:
            UsageError: The policy has no such model; otherwise as for `aexplain`.
            TooLargeError: The request is beyond the bounds.
        """
        from policy_router.assurance.why_not import why_not  # noqa: PLC0415  only when used

        explained = await self.aexplain(messages, stream=stream, **options)
        policy, decision = explained.policy, explained.decision
        if name not in policy.models_by_name:
            raise UsageError(unknown("model", name, policy.models_by_name))
        assert decision.snapshot is not None  # noqa: S101  as deciders have it
        return await asyncio.to_thread(why_not, policy, decision.request, name, decision.snapshot)
