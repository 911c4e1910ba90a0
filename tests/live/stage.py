"""A tiny policy language and a stage to reload it on.

A file holds lines `key: letter`; `#` begins a comment. A policy repeats every letter it read, so a
policy mixed from two file sets shows more than one.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.domain.rules import Task
from policy_router.live.compilation import Compiled
from policy_router.live.reload import Live
from policy_router.live.settings import ReloadTiming, Surroundings
from policy_router.loading import load
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.language.files import FileSet
    from policy_router.live.active import Active
    from policy_router.live.status import ReloadResult

PATIENCE = 60.0


BASE = load(
    text="version: 1\nmodels:\n"
    "  only: { model: ollama_chat/x, tier: light, price: free, context: 8k }\n"
)


def letters_of(policy: Policy) -> str:
    """The letters that a policy repeats."""
    return policy.description


def compile_letters(files: FileSet, _cancelled: Poll = never) -> Compiled:
    found: list[Diagnostic] = []
    letters: list[str] = []
    places: list[Span] = []
    sources = {file.name: file.data.decode() for file in files.files}
    for name, text in sources.items():
        for number, line in enumerate(text.split("\n"), 1):
            if not line or line.startswith("#"):
                continue
            place = Span(name, number, 1, number, len(line) + 1)
            key, colon, letter = line.partition(": ")
            if not colon or len(letter) != 1:
                words = f"unknown line `{line}`"
                found.append(Diagnostic("unknown-line", Severity.ERROR, words, place))
            elif key == "crash":
                raise ZeroDivisionError(letter)
            else:
                letters.append(letter)
                places.append(place)
    if found:
        return Compiled(None, tuple(found), sources)
    read = "".join(letters)
    policy = replace(
        BASE,
        description=read,
        revision=hashlib.sha256(read.encode()).hexdigest(),
        tasks=tuple(Task(f"line{n}", span=place) for n, place in enumerate(places)),
    )
    return Compiled(policy, (), sources)


def text_of(letter: str, lines: int = 3) -> str:
    return "".join(f"key{n}: {letter}\n" for n in range(lines))


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within a time that is long even for a busy machine."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def live_at(
    path: Path,
    compiler: Callable[[FileSet, Poll], Compiled] = compile_letters,
    **options: Any,
) -> Live:
    """A Live whose timing and surroundings are given as single options."""
    parts: dict[str, Any] = {}
    for name, kind in (("timing", ReloadTiming), ("surroundings", Surroundings)):
        own = {field.name for field in fields(kind)} & options.keys()
        parts[name] = kind(**{option: options.pop(option) for option in own})
    return Live(path, compiler, **parts, **options)


class Stage:
    """A Live with a clock that moves only when told; `seen` has every activation."""

    def __init__(
        self,
        path: Path,
        compiler: Callable[[FileSet, Poll], Compiled] = compile_letters,
        **options: Any,
    ) -> None:
        self.path = path
        self._compiler = compiler
        self.time = 1000.0
        self.wall: Callable[[], float] = lambda: self.time
        self.sleep: Callable[[float], None] = self._advance
        self.seen: list[tuple[str, str]] = []
        self.compiled: list[str] = []
        settings: dict[str, Any] = {
            "watch": "poll",
            "settle_loss": 1.0,
            "clock": lambda: self.time,
            "wall": self._now,
            "sleep": self._sleep,
            "on_reload": lambda old, new: self.seen.append((letter_of(old), letter_of(new))),
        }
        self.live: Live = live_at(path, self._compile, **(settings | options))

    def _now(self) -> float:
        return self.wall()

    def _sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def _advance(self, seconds: float) -> None:
        self.time += seconds

    def _compile(self, files: FileSet, cancelled: Poll) -> Compiled:
        self.compiled.append(files.digest)
        return self._compiler(files, cancelled)

    @property
    def letter(self) -> str:
        return letter_of(self.live.current)

    def count(self, result: ReloadResult) -> int:
        return self.live.status().reloads[result]

    def run(self, seconds: float) -> None:
        """Ticks as the thread would for that long."""
        end = self.time + seconds
        while True:
            pause = self.live.step()
            if self.time + pause > end:
                self.time = end
                return
            self.time += pause

    def hinted(self) -> bool:
        """Waits until a real file event has arrived; does not consume it."""
        return self.live._follower._wake.wait(PATIENCE)


def letter_of(active: Active) -> str:
    """The one letter of a policy; fails on a mixture."""
    (letter,) = set(letters_of(active.policy))
    return letter
