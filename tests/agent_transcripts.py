"""Runs of coding agents, made up: every request that an agent would send, in order.

A run has some human turns, each followed by calls of tools, some of which fail; the history is
replaced by a summary when it has become long, and a subagent works now and then.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.agent_bodies import AGENTS, SESSION, Call, Human, Model, Sent, prose
from tests.everyday_asks import EVERYDAY_ASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

GO_AHEADS: Final = (
    "yes",
    "continue",
    "ok do it",
    "go ahead",
    "ja, weiter",
    "sí",
    "好的",
    "sounds good",
)
"""What a human says to let an agent go on."""
_SUBTASKS: Final = (
    "Find every place where the configuration is read, and list the files.",
    "Write a Python function that parses the log, with unit tests.",
    "Summarize what the module does.",
)
_COMPACTED: Final = 100
"""Steps of a history after which it is replaced by a summary."""
_LONGEST_RESULT: Final = 5_000


@dataclass(frozen=True)
class Step:
    """A request of a run.

    Attributes:
        sent: The request.
        ask: What the human, or the agent that leads, last asked for.
        task: The number of that ask in the run.
        errors: Results of tools at the end that are errors.
        subagent: Whether a subagent sends it.
    """

    sent: Sent
    ask: str
    task: int
    errors: int = 0
    subagent: bool = False


def transcript(seed: int, *, requests: int = 100) -> Iterator[Step]:
    """Yield the requests of a run of about so many requests, the same for the same seed."""
    source = random.Random(seed)  # noqa: S311  a made-up run, no secret
    agent = source.choice(sorted(AGENTS))
    history: list[Human | Model | Call] = []
    asks: list[str] = []
    ask, task, errors, sent = "", 0, 0, 0
    while sent < requests:
        if history:
            history.append(Model("It is done. Shall I go on?"))
        if not ask or source.random() < 0.6:
            ask, task = source.choice(EVERYDAY_ASKS), task + 1
            history.append(Human(ask))
        else:
            history.append(Human(source.choice(GO_AHEADS)))
        asks.append(ask)
        errors = 0
        for _ in range(source.randint(2, 12)):
            yield Step(AGENTS[agent](history), ask, task, errors)
            sent += 1
            if source.random() < 0.08:
                yield from _subagent(source, agent, task)
            call = _call(source)
            history.append(call)
            errors = errors + 1 if call.failed else 0
            if len(history) > _COMPACTED:
                history = _compacted(agent, asks)
                errors = 0
        yield Step(AGENTS[agent](history), ask, task, errors)


def _call(source: random.Random) -> Call:
    failed = source.random() < 0.2
    size = source.randint(10, _LONGEST_RESULT)
    result = "no such file" if failed else f"1: {prose(size, source.randint(0, 99))}"
    return Call("read", {"path": f"src/{source.randint(0, 99)}.py"}, result, failed)


def _subagent(source: random.Random, agent: str, task: int) -> Iterator[Step]:
    """Yield what a subagent sends: a conversation of its own, with the mark of its parent."""
    ask = source.choice(_SUBTASKS)
    history: list[Human | Model | Call] = [Human(ask)]
    mark = {
        "claude-code": "x-claude-code-parent-agent-id",
        "codex": "x-codex-parent-thread-id",
        "opencode": "x-parent-session-id",
    }[agent]
    for _ in range(3):
        sent = AGENTS[agent](history)
        sent = replace(sent, headers={**sent.headers, mark: SESSION})
        errors = isinstance(history[-1], Call) and history[-1].failed
        yield Step(sent, ask, task, int(errors), subagent=True)
        history.append(replace(_call(source), failed=False, result="fine"))


def _compacted(agent: str, asks: list[str]) -> list[Human | Model | Call]:
    """Return the history after a compaction, as the agents make it."""
    summary = prose(3_000, len(asks))
    if agent == "claude-code":
        listed = "\n".join(f"   - {ask}" for ask in asks)
        return [
            Human(
                "This session is being continued from a previous conversation that ran out of "
                f"context.\n1. Summary:\n   {summary}\n6. All user messages:\n{listed}\n"
                "7. Current work:\n   - the task above\n"
            )
        ]
    if agent == "codex":
        return [
            *(Human(ask) for ask in asks),
            Human(f"Another language model started to solve this problem. It wrote: {summary}"),
        ]
    return [Human(asks[-1]), Model(summary), Human("continue")]
