"""Splits the chunks of a stream into a sequence of pieces, one kind each.

Chunks may interleave: a fragment of one tool call, then one of another, then one of the first. The
streams of the other dialects have one block at a time. So a block that begins while the arguments
of a call are incomplete waits until they are complete, or until the answer ends.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from policy_router.providers.answers.chat import NO_USAGE, Usage
from policy_router.providers.answers.citations import response_citations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.answers.message import AnswerMessage, Delta, ToolCall
    from policy_router.server.dialects.neutral import ErrorNotice


class Kind(StrEnum):
    """What a piece of an answer is.

    Attributes:
        BEGIN: The answer begins.
        TEXT: Text follows.
        CITATION: The text that came cites a page.
        REASONING: Reasoning follows.
        SIGNATURE: The reasoning so far is signed.
        REDACTED: A whole block of reasoning that only its model can read.
        REFUSAL: Text follows that says why the model refuses.
        CALL: A tool call begins.
        ARGUMENTS: Arguments of the call that began last follow.
        FINISH: The model ended, and why.
        END: The stream ended after that, and what was used.
        FAIL: The stream cannot go on.
    """

    BEGIN = "begin"
    TEXT = "text"
    CITATION = "citation"
    REASONING = "reasoning"
    SIGNATURE = "signature"
    REDACTED = "redacted"
    REFUSAL = "refusal"
    CALL = "call"
    ARGUMENTS = "arguments"
    FINISH = "finish"
    END = "end"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of an answer.

    Attributes:
        kind: What it is.
        text: The text, the signature, the name of the tool, or the finish reason.
        call_id: The id of the call that begins.
        usage: What was used, at the end.
        error: Why the stream cannot go on.
        matched: The stop sequence at which the model ended; empty when that is unknown.
        citation: The page that is cited, as responses have it.
    """

    kind: Kind
    text: str = ""
    call_id: str = ""
    usage: Usage = NO_USAGE
    error: ErrorNotice | None = None
    matched: str = ""
    citation: Mapping[str, Any] | None = None


@dataclass(slots=True, eq=False)
class _Call:
    """A tool call, as far as it has arrived."""

    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a complete object, so that no part of it can follow."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            return isinstance(json.loads("".join(self.arguments)), dict)
        except (ValueError, RecursionError):
            return False


class Pieces:
    """The first choice of one stream, piece by piece.

    Args:
        call_id: Gives an id for the call of a number, where the provider gives none.
    """

    def __init__(self, call_id: Callable[[int], str]) -> None:
        self._call_id = call_id
        self._calls: dict[int, _Call] = {}
        self._running: _Call | None = None
        self._waiting: deque[Piece | _Call] = deque()
        self._began = False
        self._reasoned = False
        self._usage = NO_USAGE
        self.finished = False
        """Whether there was a finish reason."""

    def read(self, chunk: ChatChunk) -> Iterator[Piece]:
        """The pieces in a chunk."""
        if not self._began:
            self._began = True
            yield Piece(Kind.BEGIN)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices:
            if choice.index != 0 or self.finished:
                continue
            yield from self._grow(choice.delta)
            if choice.finish_reason:
                yield from self._release()
                self.finished = True
                matched = stop_sequence(choice.raw)
                yield Piece(Kind.FINISH, choice.finish_reason, matched=matched)

    def end(self) -> Piece:
        """The last piece of a stream that had a finish reason."""
        return Piece(Kind.END, usage=self._usage)

    def _grow(self, delta: Delta) -> Iterator[Piece]:
        for piece in self._thoughts(delta):
            yield from self._in_turn(piece)
        if delta.content:
            yield from self._in_turn(Piece(Kind.TEXT, delta.content))
        for citation in response_citations(delta.raw):
            yield from self._in_turn(Piece(Kind.CITATION, citation=citation))
        if delta.refusal:
            yield from self._in_turn(Piece(Kind.REFUSAL, delta.refusal))
        for number, call in enumerate(delta.tool_calls):
            yield from self._call(number if call.index is None else call.index, call)

    def _thoughts(self, delta: Delta) -> Iterator[Piece]:
        """The reasoning, with the signatures that complete blocks of it."""
        if delta.reasoning_content:
            self._reasoned = True
            yield Piece(Kind.REASONING, delta.reasoning_content)
        for block in thinking_blocks(delta):
            if block.get("type") == "redacted_thinking":
                yield Piece(Kind.REDACTED, str(block.get("data") or ""))
                continue
            if not self._reasoned and block.get("thinking"):
                yield Piece(Kind.REASONING, str(block["thinking"]))
                self._reasoned = True
            if block.get("signature"):
                self._reasoned = False
                yield Piece(Kind.SIGNATURE, str(block["signature"]))

    def _in_turn(self, piece: Piece) -> Iterator[Piece]:
        """The piece, or nothing while it must wait."""
        if self._must_wait():
            self._waiting.append(piece)
        else:
            self._running = None
            yield piece

    def _must_wait(self) -> bool:
        running = self._running
        return bool(self._waiting) or (running is not None and not running.is_whole)

    def _call(self, index: int, piece: ToolCall) -> Iterator[Piece]:
        call = self._calls.get(index)
        arguments = piece.function.arguments
        if call is None:
            number = len(self._calls)
            call = _Call(piece.id or self._call_id(number), piece.function.name)
            self._calls[index] = call
            if self._must_wait() or not call.name:
                self._waiting.append(call)
            else:
                self._running = call
                yield Piece(Kind.CALL, call.name, call.id)
        elif not call.name:
            call.name = piece.function.name
        if not arguments:
            return
        if call is self._running:
            call.arguments.append(arguments)
            yield Piece(Kind.ARGUMENTS, arguments)
        elif call in self._waiting:
            call.arguments.append(arguments)
        if self._waiting and (self._running is None or self._running.is_whole):
            yield from self._continue()

    def _continue(self) -> Iterator[Piece]:
        """What waited, as far as it no longer must."""
        while self._waiting and (self._running is None or self._running.is_whole):
            first = self._waiting[0]
            if isinstance(first, _Call) and not first.name:
                return
            yield from self._next()

    def _release(self) -> Iterator[Piece]:
        """All that waited: nothing more will follow."""
        while self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[Piece]:
        first = self._waiting.popleft()
        if isinstance(first, Piece):
            self._running = None
            yield first
            return
        self._running = first
        yield Piece(Kind.CALL, first.name, first.id)
        if first.arguments:
            yield Piece(Kind.ARGUMENTS, "".join(first.arguments))


def thinking_blocks(content: Delta | AnswerMessage) -> list[dict[str, Any]]:
    """The blocks of reasoning in a message or a delta, as its provider gave them."""
    raw = content.raw
    if isinstance(raw, Mapping):
        blocks = raw.get("thinking_blocks")
    else:
        blocks = getattr(raw, "thinking_blocks", None)
    return [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list) else []


def stop_sequence(choice: object) -> str:
    """The stop sequence at which a choice ended, where its provider says so; empty otherwise."""
    stop = choice.get("stop_reason") if isinstance(choice, Mapping) else None
    return stop if isinstance(stop, str) else ""
