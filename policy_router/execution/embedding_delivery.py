"""How embeddings reach the caller of a request: whole, and without checks of their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.execution.attempt import RunningAttempt
    from policy_router.execution.progress import Progress
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.requests.embedding_body import EmbeddingBody


class EmbeddingDelivery:
    """Delivers embeddings. An attempt may take as long as one for a whole answer."""

    began = False
    resumable = False

    def __init__(self, progress: Progress, body: EmbeddingBody) -> None:
        self._progress = progress
        self._body = body

    def limit(self, model: Model) -> float:
        """Seconds that an attempt of a model may take."""
        share = self._progress.share()
        return share if model.deadline is None else min(share, model.deadline)

    def feed(self, attempt: RunningAttempt) -> EmbeddingFeed:
        """The embeddings of an attempt."""
        return EmbeddingFeed(self._body, attempt)

    def resume(self) -> None:
        """Nothing is given out before the end, so there is nothing to continue."""


class EmbeddingFeed:
    """The embeddings of one attempt, as its only part."""

    def __init__(self, body: EmbeddingBody, attempt: RunningAttempt) -> None:
        self._body = body
        self._attempt = attempt
        self.held: list[EmbeddingAnswer] = []

    async def next(self) -> list[EmbeddingAnswer] | None:
        """Calls the model, and gives out nothing before the end."""
        if self.held:
            return None
        self.held.append(await self._attempt.embed(self._body))
        return []

    def leave(self) -> bool:
        """Nothing is read before the end."""
        return False

    def answer(self) -> None:
        """The checks of a policy are about text."""

    async def aclose(self) -> None:
        """Nothing is open between two calls."""
