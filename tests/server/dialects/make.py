"""Answers of models as chunks, made up, in the ways in which providers cut and interleave them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.server.dialects.neutral import Envelope

ENVELOPE: Final = Envelope("abc123", "haiku", 1_700_000_000, "claude")
USED: Final = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **fields: Any) -> Any:
    """A chunk with one choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": reason}
    return to_chunk({"id": "x", "model": "m", "choices": [choice], **fields})


def usage_chunk(used: dict[str, Any] | None = None) -> Any:
    """The chunk with the usage, at the end."""
    return to_chunk({"id": "x", "model": "m", "choices": [], "usage": used or USED})


def call(index: int | None, arguments: str, name: str = "", call_id: str | None = None) -> Any:
    """A chunk with a piece of a tool call."""
    function = {"arguments": arguments, **({"name": name} if name else {})}
    piece: dict[str, Any] = {"function": function}
    if index is not None:
        piece["index"] = index
    if call_id is not None:
        piece |= {"id": call_id, "type": "function"}
    return chunk({"tool_calls": [piece]})


def answer(
    message: dict[str, Any], reason: str = "stop", used: dict[str, Any] | None = None
) -> Any:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return to_answer({"id": "x", "model": "m", "choices": [choice], "usage": used or USED})


@dataclass(frozen=True)
class Said:
    """What a model says, and the chunks in which it arrives.

    chunks: All of them, with the finish reason and the usage.
    finished: How many there are up to the finish reason.
    """

    reasoning: str
    signature: str
    text: str
    calls: tuple[tuple[str, str, dict[str, Any]], ...]
    reason: str
    chunks: tuple[Any, ...]
    finished: int


TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_NAMES: Final = st.sampled_from(["look", "run", "mcp__a_server_of_mine__and_its_tool"])
_ARGUMENTS: Final = st.dictionaries(TEXTS, st.none() | st.integers(0, 9) | TEXTS, max_size=3)


def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    """A text, cut in pieces."""
    cuts = sorted(draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=4)))
    edges = [0, *(each for each in cuts if each < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@st.composite
def said(draw: st.DrawFn) -> Said:
    """Reasoning, text and calls, each in pieces; the pieces of calls are interleaved."""
    reasoning = draw(st.just("") | TEXTS)
    signature = draw(st.sampled_from(["", "c2ln"])) if reasoning else ""
    text = draw(st.just("") | TEXTS)
    made = draw(st.lists(st.tuples(_NAMES, _ARGUMENTS), max_size=3, min_size=0 if text else 1))
    calls = tuple((f"call_{i}", name, given) for i, (name, given) in enumerate(made))
    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"reasoning_content": piece}) for piece in _pieces(draw, reasoning) if piece]
    if signature:
        block = {"type": "thinking", "thinking": reasoning, "signature": signature}
        chunks.append(chunk({"thinking_blocks": [block]}))
    chunks += [chunk({"content": piece}) for piece in _pieces(draw, text) if piece]
    rows = []
    for index, (call_id, name, given) in enumerate(calls):
        pieces = _pieces(draw, json.dumps(given, ensure_ascii=False))
        rows.append([call(index, pieces[0], name, call_id), *(call(index, p) for p in pieces[1:])])
    if draw(st.booleans()):  # all begin, then their pieces follow in any order
        chunks += [row.pop(0) for row in rows]
        order = draw(st.permutations([i for i, row in enumerate(rows) for _ in row]))
        chunks += [rows[i].pop(0) for i in order]
    chunks += [piece for row in rows for piece in row]
    reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    chunks.append(chunk({}, reason))
    finished = len(chunks)
    chunks.append(usage_chunk())
    return Said(reasoning, signature, text, calls, reason, tuple(chunks), finished)
