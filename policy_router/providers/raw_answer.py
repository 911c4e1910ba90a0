"""What a provider answered on the wire, below the library that reads it for us.

LiteLLM invents statuses and finish reasons, skips events that it cannot read, and knows one finish
reason for all choices. What came is noted here on its way through the HTTP client: error objects,
and how each choice ended. It is noted only, in step with the reader; a body that is too long or
compressed in an unknown way is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Seen:
    """One choice as it came. finish: the reason as the provider wrote it."""

    finish: str | None = None
    native: str | None = None
    refusal: str = ""
    whole: bool = False


class RawAnswer:
    """What came with a status of success.

    errors: bodies and events that tell of an error all the same. seen: the choices by index.
    garbled: an event of the stream is no JSON.
    """

    def __init__(self) -> None:
        self.errors: list[Any] = []
        self.seen: dict[int, Seen] = {}
        self.garbled = False

    def absorb(self, value: Any) -> None:
        """Notes a body, or an event of a stream, in any of the wire formats."""
        if isinstance(value, list):
            for each in value:
                self.absorb(each)
        if not isinstance(value, dict):
            return
        if value.get("error") or value.get("type") == "error":
            self.errors.append(value)
        for name, reason in (("choices", "finish_reason"), ("candidates", "finishReason")):
            each = value.get(name)
            for choice in each if isinstance(each, list) else ():
                if isinstance(choice, dict):
                    self._choice(choice, reason)
        self._other_formats(value)

    def _choice(self, choice: dict[str, Any], reason: str) -> None:
        if choice.get("error"):
            self.errors.append({"error": choice["error"]})
        index = choice.get("index")
        seen = self.seen.setdefault(index if isinstance(index, int) else 0, Seen())
        seen.finish = _word(choice.get(reason)) or seen.finish
        seen.native = _word(choice.get("native_finish_reason")) or seen.native
        delta = choice.get("delta")
        seen.whole = seen.whole or (delta is None and isinstance(choice.get("message"), dict))
        refusal = delta.get("refusal") if isinstance(delta, dict) else None
        seen.refusal += refusal if isinstance(refusal, str) else ""

    def _other_formats(self, value: dict[str, Any]) -> None:
        """Anthropic and Ollama, which have one choice and no list of them."""
        delta = value.get("delta")
        holder = delta if value.get("type") == "message_delta" else value
        if value.get("type") in {"message", "message_start", "message_delta"}:
            seen = self.seen.setdefault(0, Seen())
            reason = holder.get("stop_reason") if isinstance(holder, dict) else None
            seen.finish = _word(reason) or seen.finish
        elif isinstance(value.get("done"), bool) and isinstance(value.get("message"), dict):
            seen = self.seen.setdefault(0, Seen())
            if value["done"]:
                seen.finish = _word(value.get("done_reason")) or "stop"


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


# -- the body on its way through -------------------------------------------------------------------


# -- the truth put back into what a library made of it ---------------------------------------------
