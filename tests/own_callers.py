"""Callers as programs write them, for tests that need no provider."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policy_router.domain.models import Model
    from policy_router.providers.caller import Chunks
    from policy_router.providers.requests.body import Body


def answer(text: str) -> SimpleNamespace:
    """An answer in the shape of OpenAI's, made of plain objects."""
    message = SimpleNamespace(role="assistant", content=text, tool_calls=None)
    choice = SimpleNamespace(index=0, finish_reason="stop", message=message)
    usage = SimpleNamespace(prompt_tokens=3, completion_tokens=2, total_tokens=5)
    return SimpleNamespace(id="a", choices=[choice], usage=usage)


class OwnCaller:
    """Answers by a function of the model's name; asked: the names in the order of the calls."""

    def __init__(self, answers: Callable[[str], Any]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Nothing is to be prepared."""

    async def aclose(self) -> None:
        """Nothing is open."""

    async def call(self, model: Model, _: Body, timeout: float) -> Any:  # noqa: ASYNC109, ARG002  the Protocol's
        """Whatever the function returns or raises."""
        self.asked.append(model.name)
        return self._answers(model.name)

    async def stream(self, model: Model, _: Body, timeout: float) -> Chunks:  # noqa: ASYNC109, ARG002  the Protocol's
        """As `call`: an iterator of chunks."""
        self.asked.append(model.name)
        chunks: Chunks = self._answers(model.name)
        return chunks
