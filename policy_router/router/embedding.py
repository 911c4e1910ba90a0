"""Makes embeddings with the models that a policy allows."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from policy_router.providers.deadline import duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.execution.accounting import Accounting
    from policy_router.execution.embeddings import Embeddings
    from policy_router.execution.executor import Executor
    from policy_router.execution.prober import Prober
    from policy_router.options import EmbeddingOptions
    from policy_router.providers.user_caller import AdaptedCaller
    from policy_router.router.deciding import Decider


class EmbeddingMethods(ABC):
    """The methods of a router that make embeddings, and that decide who would."""

    _decider: Decider
    _caller: AdaptedCaller
    _accounting: Accounting
    _executor: Executor
    _prober: Prober

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    async def aroute_embedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as below
        **options: Unpack[EmbeddingOptions],
    ) -> Decision:
        """Decide which models may make embeddings, and call none of them.

        Args:
            input: As for `aembedding`.
            **options: As for `aembedding`.

        Returns:
            The decision, also where it denies the request. Its candidates share one vector space,
            that of the model which the policy puts first; the other models are out with the reason
            `vector_space`.

        Raises:
            UsageError: An argument is unknown or has a value of the wrong type.
            TooLargeError: The input is beyond the bounds.
        """
        policy = self.policy
        intake, _ = await self._decider.take_in_embeddings(policy, input, options)
        return (await self._decider.decide(policy, intake)).decision

    async def aembedding(
        self,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002  as OpenAI's library names it
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """Make embeddings with the first model of the decision that succeeds.

        Vectors of different models cannot be compared. So a request is only ever answered by the
        model that the policy puts first, and by the same model at other servers; if none of them
        can be called, it fails. A caller who names an alias gets any of its models.

        Args:
            input: A text, several texts, the numbers of the tokens of a text, or several lists of
                them.
            **options: Everything else, by name; `EmbeddingOptions` has all types: the identity, the
                facts and the constraints that `acompletion` takes, `dimensions`, and
                `encoding_format`. The policy chooses among models with the ability `embeddings`.
                Nothing is read from the text but its size, and sensitive text that the policy looks
                for.

        Returns:
            The embeddings in OpenAI's shape with `decision`, `attempts` and `served_by`.

        Raises:
            NoCandidateError: The policy leaves no model, as for `acompletion`.
            BadRequestError: A provider refused the request itself.
            AllModelsFailedError: Every model that was called failed, or the deadline passed.
            UsageError: An argument is unknown or has a value of the wrong type; InvalidRequestError
                when the policy does not know the value, TooLargeError beyond the bounds.
        """
        policy, began = self.policy, time.monotonic()
        self._prober.begin()
        intake, body = await self._decider.take_in_embeddings(policy, input, options)
        made = await self._decider.decide(policy, intake, began)
        decision = made.decision
        if decision.candidates:
            began += await duration(self._caller.prepare(c.model for c in decision.candidates))
        account = self._accounting.account(policy, made.situation, request_id=decision.id)
        return await self._executor.embed(
            decision, policy.fallback, body, account, began=began, deadline=intake.deadline
        )
