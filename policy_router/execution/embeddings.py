"""The embeddings that a request gets, with the history of the calls that led to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.providers.answers.chat import Usage
    from policy_router.providers.answers.embeddings import Embedding, EmbeddingAnswer


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings in OpenAI's shape, and their history.

    `embeddings.data[0].embedding`, `embeddings.usage` and `embeddings.model_dump()` are those of
    `response`.

    Attributes:
        response: The model's answer.
        decision: The decision that was carried out.
        attempts: Every call that was made, in order. The last one answered.
        served_by: The policy's name of the model that answered.
    """

    response: EmbeddingAnswer
    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str

    @property
    def decision_id(self) -> str:
        """Id of the decision, which every event of the request carries."""
        return self.decision.id

    @property
    def data(self) -> tuple[Embedding, ...]:
        """One embedding for each input, in the order of the inputs."""
        return self.response.data

    @property
    def usage(self) -> Usage | None:
        """What the provider counted; None when it reported nothing."""
        return self.response.usage

    @property
    def model(self) -> str | None:
        """The provider's name of the model that answered."""
        return self.response.model

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The answer as a dict in the shape of OpenAI's list of embeddings.

        Args:
            exclude_none: Leave out fields that are None.
        """
        return self.response.model_dump(exclude_none=exclude_none)
