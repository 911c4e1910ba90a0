"""The parts of a request that the chat format cannot express, and what that means for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Losses:
    """What gets lost while a request is read.

    Attributes:
        dropped: Paths of what is left out; the request can be answered without it.
        needed: What is left out although the request cannot be answered without it, as sentences:
            only a model that gets the client's own body can answer.
    """

    dropped: list[str] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)

    def need(self, path: str, problem: str) -> None:
        """Note that the request cannot be answered without what is at a path."""
        self.dropped.append(path)
        self.needed.append(f"`{path}` {problem}")
