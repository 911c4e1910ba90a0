"""Random requests as clients write them, in every dialect, and whether they are private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"
EMBEDDINGS: Final = "/v1/embeddings"
ROUTE: Final = "/v1/route"
PATHS: Final = (CHAT, CHAT, RESPONSES, RESPONSES, MESSAGES, MESSAGES, EMBEDDINGS, EMBEDDINGS,
                COUNT, ROUTE)  # fmt: skip
KEYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {"tenant": "acme", "user": "ada", "allowed_tags": ["*"]},
    "other": {"tenant": "acme", "user": "bob", "allowed_tags": ["*"]},
    "clinic": {"tenant": "clinic", "user": "cid", "allowed_tags": ["*"]},
    "tagged": {"user": "dan", "tags": ["private"], "allowed_tags": ["vip", "batch"]},
    "patient": {"user": "patient", "allowed_tags": ["vip"]},
    "narrow": {"user": "eve", "allowed_tags": ["batch"], "models": ["far", "fast"],
               "tasks": ["chat"]},
    "admin": {"user": "root", "allowed_tags": ["*"], "admin": True},
}  # fmt: skip
"""The keys of the server. What `clinic`, `tagged` and `patient` send is private."""
_PRIVATE_KEYS: Final = frozenset({"clinic", "tagged", "patient"})
_ABSENT: Final = (None,) * 4
_NAMES: Final = (
    *("auto",) * 12, "auto:chat", "auto:code", "auto:records", "claude-auto:records", "", None,
    "fast", "gpt-9", "far", "far", "far-claude", "far-responses", "near", "confidential",
    "confidential", "claude-9", "openai/far", " far", "FAR", "far\n",
)  # fmt: skip
_VECTORS: Final = (
    "auto", "auto", "auto", "auto:records", None, "confidential", "text-embedding-3-small",
    "far-vectors", "far-others",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarkedCall:
    """One call over HTTP.

    Attributes:
        path: The endpoint.
        headers: The headers, some of them twice.
        body: The body.
        mark: What tells its text from that of others.
        private: Whether its text must stay near.
        counts: Whether its tokens are counted, for which no model is called.
        streams: Whether the answer is a stream.
    """

    path: str
    headers: tuple[tuple[str, str], ...]
    body: dict[str, Any]
    mark: str
    private: bool
    counts: bool
    streams: bool


def random_call(draw: random.Random, number: int, run: int) -> MarkedCall:
    """A call whose text has a mark of its own."""
    path = draw.choice(PATHS)
    key = draw.choice((*KEYS, "plain", "plain", "other", "other"))
    stated, hints = _hints(draw)
    name = draw.choice(_VECTORS if path == EMBEDDINGS else _NAMES)
    email = draw.random() < 0.1
    private = (
        key in _PRIVATE_KEYS
        or "private" in stated["tags"]
        or stated.get("task") == "records"
        or str(stated.get("session")).startswith("ward")
        or str(name).endswith(":records")
        or name == "confidential"
        or email
    )
    word = f"{draw.getrandbits(64):016x}"  # long enough that a message which repeats it is withheld
    mark = f"{'SECRET' if private else 'PUBLIC'}-{number}-{run}-{word}"
    said = f"{mark} refactor this" if draw.random() < 0.3 else f"hello {mark}"
    if email:
        said += " to ada.lovelace@example.org"
    streams = draw.random() < 0.4 and path not in (EMBEDDINGS, COUNT, ROUTE)
    body = _BODIES.get(path, _chat)(draw, said)
    if path == EMBEDDINGS and not email and draw.random() < 0.3:
        mark = f"{987_000 * 10**12 + draw.randrange(10**15)}"
        body = {"input": [[1, 2, int(mark)], [4]]}
    headers, metadata = _placed(draw, hints)
    if name is not None:
        body["model"] = name
    if streams:
        body["stream"] = True
    if metadata:
        body["metadata"] = metadata
    if draw.random() < 0.2:
        body["user"] = draw.choice(("patient", "ada", "x"))
    headers.append((draw.choice(("authorization", "x-api-key", "API-Key")), f"pr-{key}"))
    if headers[-1][0] == "authorization":
        headers[-1] = ("authorization", f"Bearer pr-{key}")
    return MarkedCall(path, tuple(headers), body, mark, private, path == COUNT, streams)


def _hints(draw: random.Random) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """What is stated, and each part of it on its own; tags may be stated one by one."""
    tags = [tag for tag, share in (("private", 0.3), ("vip", 0.4), ("batch", 0.2))
            if draw.random() < share]  # fmt: skip
    draw.shuffle(tags)
    stated: dict[str, Any] = {
        "session": draw.choice((*_ABSENT, "s1", "s1", "s2", "ward 7")),
        "task": draw.choice((*_ABSENT, *_ABSENT, "chat", "extract", "records")),
        "complexity": draw.choice((*_ABSENT, "hard", "easy")),
        "prefer": draw.choice((*_ABSENT, "quality", "fastest")),
        "only": draw.choice((*_ABSENT, *_ABSENT, *_ABSENT, "far", "heavy", "free")),
        "needs": draw.choice((*_ABSENT, *_ABSENT, *_ABSENT, "tools", "vision")),
        "max_candidates": draw.choice((*_ABSENT, *_ABSENT, 1, 2)),
        "dry_run": draw.choice((*_ABSENT, *_ABSENT, *_ABSENT, True)),
        "deadline": draw.choice((*_ABSENT, 20)),
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    parts = list(stated.items())
    if tags:
        cut = draw.randrange(len(tags) + 1)
        parts += [("tags", part) for part in (tags[:cut], tags[cut:]) if part]
    return {**stated, "tags": tags}, parts


def _placed(
    draw: random.Random, hints: list[tuple[str, Any]]
) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """The headers and the `metadata` that state the hints."""
    headers: list[tuple[str, str]] = []
    metadata: dict[str, Any] = {}
    for name, value in hints:
        if name not in metadata and draw.random() < 0.4:
            metadata[name] = value
            continue
        text = draw.choice((", ", ",")).join(value) if isinstance(value, list) else str(value)
        header = f"x-policy-router-{name.replace('_', '-')}"
        headers.append((draw.choice((header, header.title(), header.upper())), text))
    if draw.random() < 0.1:
        headers.append(("x-policy-router-explain", "1"))
    return headers, metadata


def _chat(draw: random.Random, said: str) -> dict[str, Any]:
    user = {"role": "user", "content": said}
    picture = {
        "type": "image_url",
        "image_url": {"url": f"https://127.0.0.1/{said.rpartition(' ')[2]}.png"},
    }
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    tool = {"type": "function", "function": {"name": "f", "description": said,
                                             "parameters": {"type": "object"}}}  # fmt: skip
    messages: Any = draw.choice((
        [user],
        [{"role": "system", "content": said}, {"role": "user", "content": "go on"}],
        [user, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "and?"}],
        [{"role": "user", "content": [{"type": "text", "text": said}, picture]}],
        [{"role": "user", "content": "use it"},
         {"role": "assistant", "content": None, "tool_calls": [call]},
         {"role": "tool", "tool_call_id": "c", "content": said}],
    ))  # fmt: skip
    body: dict[str, Any] = {"messages": messages, "max_tokens": 20}
    if draw.random() < 0.2:
        body |= {"tools": [tool]}
    return body


def _responses(draw: random.Random, said: str) -> dict[str, Any]:
    body: dict[str, Any] = draw.choice((
        {"input": said},
        {"input": "go on", "instructions": said},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": said}]}]},
        {"input": [{"role": "user", "content": "use it"},
                   {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                   {"type": "function_call_output", "call_id": "c", "output": said}]},
    ))  # fmt: skip
    return {**body, "max_output_tokens": 20, "store": False}


def _messages(draw: random.Random, said: str) -> dict[str, Any]:
    user = {"role": "user", "content": said}
    body: dict[str, Any] = draw.choice((
        {"messages": [user]},
        {"messages": [{"role": "user", "content": "go on"}], "system": said},
        {"messages": [{"role": "user", "content": "use it"},
                      {"role": "assistant", "content": [
                          {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                      {"role": "user", "content": [
                          {"type": "tool_result", "tool_use_id": "c", "content": said}]}]},
    ))  # fmt: skip
    return {**body, "max_tokens": 20}


def _embeddings(draw: random.Random, said: str) -> dict[str, Any]:
    return {"input": draw.choice((said, [said], ["first", said, "last"]))}


_BODIES: Final = {
    RESPONSES: _responses, MESSAGES: _messages, COUNT: _messages, EMBEDDINGS: _embeddings
}  # fmt: skip
