"""The answer that a request gets, with the history of the calls that led to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.findings import Finding
    from policy_router.providers.answers.chat import ChatAnswer, ChatChoice, Usage


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in OpenAI's shape, and its history.

    `answer.choices[0].message.content`, `answer.usage` and `answer.model_dump()` are those of
    `response`.

    Attributes:
        response: The model's answer.
        decision: The decision that was carried out.
        attempts: Every call that was made, in order. The last one answered, unless an earlier
            answer was kept because no later one was better.
        served_by: The policy's name of the model that answered.
        rejected: Checks that this answer failed; then no answer passed, and this was the best.
        unchecked: Checks that could not be made.
    """

    response: ChatAnswer
    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str
    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()

    @property
    def decision_id(self) -> str:
        """Id of the decision, which every event of the request carries."""
        return self.decision.id

    @property
    def choices(self) -> tuple[ChatChoice, ...]:
        """The answers, one for each that was requested with `n`."""
        return self.response.choices

    @property
    def usage(self) -> Usage | None:
        """What the provider counted; None when it reported nothing."""
        return self.response.usage

    @property
    def id(self) -> str | None:
        """The provider's id of the answer."""
        return self.response.id

    @property
    def model(self) -> str | None:
        """The provider's name of the model that answered."""
        return self.response.model

    @property
    def created(self) -> int | None:
        """When the answer was made, in Unix seconds."""
        return self.response.created

    @property
    def raw(self) -> object:
        """The object or dict that the caller of the model returned, untouched."""
        return self.response.raw

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The answer as a dict in the shape of OpenAI's `chat.completion`.

        Args:
            exclude_none: Leave out fields that are None.
        """
        return self.response.model_dump(exclude_none=exclude_none)
