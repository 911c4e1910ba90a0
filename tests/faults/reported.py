"""What LiteLLM, or the HTTP client that it uses, reports of a fault in place of the usual.

The list is exact for each provider: one that begins to report a fault as it is fails a test, and so
does one that stops. Nothing in it gives out a broken answer, costs more than was reserved, or keeps
a model from others for longer than the usual consequence of the fault.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.faults.dialects import TEXT
from tests.faults.expected import Expected

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENAI: Final = frozenset({"openai", "lm_studio"})
"""Providers that LiteLLM calls by the library of OpenAI."""
OWN: Final = frozenset({"openrouter", "deepseek", "mistral", "hosted_vllm", "together_ai", "xai"})
"""Providers of OpenAI's format whose streams LiteLLM reads itself."""
GROQ: Final = frozenset({"groq"})
"""LiteLLM reads its whole answers in a way of its own, too."""
CHAT: Final = OPENAI | OWN | GROQ
GEMINI: Final = frozenset({"gemini"})
ANTHROPIC: Final = frozenset({"anthropic"})
OLLAMA: Final = frozenset({"ollama_chat"})
EVERY: Final = CHAT | GEMINI | ANTHROPIC | OLLAMA

_LOST: Final = Expected("connection_lost")
_UNREAD: Final = Expected("malformed")
_EMPTIED: Final = Expected("empty", billed="counted")
_BROKEN: Final = Expected("malformed", began=True)
_UNCOUNTED: Final = Expected(None, billed="estimated", text=TEXT)
_ANSWERED: Final = Expected(None, text=TEXT)

_ROWS: Final = (
    # httpx has one exception for what is no HTTP and for a connection that is lost.
    *((name, stream, EVERY, (_LOST,)) for stream in (False, True) for name in (
        "no HTTP but SSH", "a bad status line", "bare JSON", "a header that is none",
        "a header of 200 kB", "two lengths", "a bad chunk")),
    # It cannot read a good answer because of what stands beside the text (see `LIES`).
    ("fine-in-few-words", False, GROQ, (_UNREAD,)),
    ("fine-without-usage", False, ANTHROPIC, (_UNREAD,)),
    ("usage texts", False, CHAT, (_UNREAD,)),
    ("usage nested", False, CHAT, (_UNREAD,)),
    # To Python, true is 1.
    ("usage booleans", False, CHAT, (_ANSWERED,)),
    ("usage booleans", True, CHAT, (_ANSWERED,)),
    # It cannot read an answer without a message or without choices, or makes an empty one of it.
    ("no message", False, CHAT - GROQ, (_UNREAD,)),
    ("message null", False, CHAT - GROQ, (_UNREAD,)),
    *((name, False, CHAT - GROQ, (_UNREAD,)) for name in ("choices null", "choices a text")),
    *((name, False, GROQ, (_EMPTIED,)) for name in ("choices null", "choices a text")),
    ("choices that are null, and no end", True, OWN - {"openrouter", "xai"}, (Expected("empty"),)),
    # Streams that it cannot read to their end, with all of the text or a part of it.
    ("lines end with CR", True, CHAT | ANTHROPIC, (_BROKEN,)),
    ("a delta that is null", True, OWN | GROQ, (_BROKEN,)),
    ("reset after the end", True, GEMINI, (_BROKEN, _UNCOUNTED)),
    ("reset after the end", True, OLLAMA, (_UNCOUNTED, _ANSWERED)),  # what was read by then
    ("no end of the connection's body", True, GEMINI, (_BROKEN,)),
    ("a line that is no JSON", True, OLLAMA,
     (Expected("connection_lost", began=True, billed="counted"),)),
    # It loses the count of tokens by a line that is no event, and all of an answer of Gemini.
    *((name, True, OWN | GROQ, (_UNCOUNTED,)) for name in (
        "comments between events", "retry and id lines")),
    *((name, True, GEMINI, (_UNREAD,)) for name in (
        "comments between events", "retry and id lines", "a byte order mark", "a comment of 1 MB")),
    # It reads on, to the end.
    ("[DONE] early", True, OWN | GROQ, (_ANSWERED,)),
)  # fmt: skip
"""The fault, whether a stream is read, the providers, and what follows: any of these."""

IN_LITELLM: Final[Mapping[tuple[str, bool, str], tuple[Expected, ...]]] = MappingProxyType(
    {
        (fault, stream, provider): due
        for fault, stream, providers, due in _ROWS
        for provider in providers
    }
)
"""What follows, by the fault, whether a stream is read, and the provider."""
