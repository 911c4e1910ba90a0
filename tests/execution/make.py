"""Decisions, models and a caller made of a script, for the tests of execution."""

from __future__ import annotations

import asyncio
import copy
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from policy_router.domain.decision import Candidate, Decision
from policy_router.domain.models import Model
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.providers.failures.failure import CallFailed, Failure
from policy_router.providers.requests.body import Body

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.acceptance import Accept
    from policy_router.domain.decision import Skip

DICE = random.Random(1)  # noqa: S311  jitter that repeats
HELLO = Body(messages=[{"role": "user", "content": "hi"}])


def candidate(
    name: str, context: int | None = None, url: str | None = None, rank: int = 0
) -> Candidate:
    # Without an address it is only ever called by a script; each has a key of its own.
    key = f"KEY_OF_{name}" if url is None else None
    model = Model(
        name, f"openai/{name}", f"tier-{rank}", rank, context=context, api_base=url, api_key_env=key
    )
    return Candidate(model, "written order", "")


def decision(
    *candidates: Candidate | str,
    url: str | None = None,
    accept: tuple[Accept, ...] = (),
    barred: tuple[Skip, ...] = (),
) -> Decision:
    them = tuple(candidate(c, url=url) if isinstance(c, str) else c for c in candidates)
    return Decision(
        revision="rev",
        situation=Situation(Request()),
        candidates=them,
        accept=accept,
        barred=barred,
    )


def response(text: str = "hello", finish: str | None = "stop", usage: Any = None) -> Any:
    message = SimpleNamespace(content=text, role="assistant")
    return SimpleNamespace(
        choices=[SimpleNamespace(index=0, message=message, finish_reason=finish)],
        usage=usage,
        model="wire-name",
    )


def chunk(text: str | None = None, finish: str | None = None, **delta: Any) -> Any:
    choice = SimpleNamespace(
        index=0, delta=SimpleNamespace(content=text, **delta), finish_reason=finish
    )
    return SimpleNamespace(id="c", choices=[choice])


def usage_chunk(tokens_in: Any, tokens_out: Any) -> Any:
    used = SimpleNamespace(prompt_tokens=tokens_in, completion_tokens=tokens_out)
    return SimpleNamespace(id="c", choices=[chunk().choices[0]], usage=used)


def spoken(*words: str, finish: str | None = "stop") -> list[Any]:
    """The chunks of a text: role, words, finish reason."""
    chunks = [chunk("", role="assistant"), *(chunk(word) for word in words)]
    return [*chunks, chunk(finish=finish)] if finish else chunks


HANG = object()
"""In a script: nothing more comes, until the executor gives up."""


class FakeCaller:
    """A Caller that plays a script: model name -> what its calls give, in turn.

    A Failure is raised, HANG waits for ever, anything else is the answer; a list is a stream.
    calls: names in the order they were asked. closed: how many streams were closed.
    """

    def __init__(self, **scripts: Sequence[Any]) -> None:
        self._scripts = {name.replace("_", "-"): list(items) for name, items in scripts.items()}
        self.calls: list[str] = []
        self.bodies: list[Body] = []
        self.limits: list[float] = []
        self.closed = 0

    async def prepare(self, models: Iterable[Model] = ()) -> None:
        """Ready as it is."""

    async def aclose(self) -> None:
        """Holds nothing open."""

    async def call(self, model: Model, body: Body, timeout: float) -> Any:  # noqa: ASYNC109  as Caller
        self.calls.append(model.name)
        self.bodies.append(body)
        self.limits.append(timeout)
        return await _play(self._scripts[model.name].pop(0))

    async def stream(self, model: Model, body: Body, timeout: float) -> FakeChunks:  # noqa: ASYNC109  as Caller
        script = await self.call(model, body, timeout)
        return FakeChunks(self, script)


class FakeChunks:
    def __init__(self, caller: FakeCaller, items: Iterable[Any]) -> None:
        self._caller = caller
        self._items = iter(items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return copy.deepcopy(await _play(item))  # the reader may change what it was given
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._caller.closed += 1


async def _play(item: Any) -> Any:
    if item is HANG:
        await asyncio.Event().wait()
    if isinstance(item, Failure):
        raise CallFailed(item)
    return item
