"""Records what an answer of a provider contained, independently of the library that reads it.

LiteLLM invents statuses and finish reasons, skips events that it cannot read, and reports one
finish reason for all choices. So error objects and the ending of each choice are recorded here,
from the decoded JSON of the body (see `body_tap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class RawChoice:
    """One choice as the provider sent it.

    Attributes:
        finish_reason: Why it ended, in the provider's own word; None while it has not.
        native_finish_reason: The reason of the model's own provider, where a gateway adds it.
        refusal: The text of a refusal, as far as it has arrived.
        is_whole: Whether it came as a whole message, not in deltas.
    """

    finish_reason: str | None = None
    native_finish_reason: str | None = None
    refusal: str = ""
    is_whole: bool = False


class RawAnswer:
    """The content of an answer that came with a success status.

    Attributes:
        errors: Bodies and events that contain an error in spite of the status.
        choices: The choices by index.
        unreadable: Whether an event of the stream is not valid JSON.
        too_long: Whether it has more bytes than it may have, and was cut off there.
        is_empty: Whether it is known that no JSON has arrived.
    """

    def __init__(self) -> None:
        self.errors: list[Any] = []
        self.choices: dict[int, RawChoice] = {}
        self.unreadable = False
        self.too_long = False
        self.is_empty = False

    def add(self, value: Any) -> None:
        """Records a body, or an event of a stream, in any of the providers' formats."""
        self.is_empty = False
        if isinstance(value, list):
            for item in value:
                self.add(item)
        if not isinstance(value, dict):
            return
        if value.get("error") or value.get("type") == "error":
            self.errors.append(value)
        for name, reason in (("choices", "finish_reason"), ("candidates", "finishReason")):
            listed = value.get(name)
            for choice in listed if isinstance(listed, list) else ():
                if isinstance(choice, dict):
                    self._choice(choice, reason)
        self._other_formats(value)

    def _choice(self, choice: dict[str, Any], reason: str) -> None:
        if choice.get("error"):
            self.errors.append({"error": choice["error"]})
        index = choice.get("index")
        raw = self.choices.setdefault(index if isinstance(index, int) else 0, RawChoice())
        raw.finish_reason = _text(choice.get(reason)) or raw.finish_reason
        raw.native_finish_reason = (
            _text(choice.get("native_finish_reason")) or raw.native_finish_reason
        )
        delta = choice.get("delta")
        raw.is_whole = raw.is_whole or (delta is None and isinstance(choice.get("message"), dict))
        refusal = delta.get("refusal") if isinstance(delta, dict) else None
        raw.refusal += refusal if isinstance(refusal, str) else ""

    def _other_formats(self, value: dict[str, Any]) -> None:
        """Records an answer of Anthropic or Ollama, which have one choice and no list of them."""
        delta = value.get("delta")
        holder = delta if value.get("type") == "message_delta" else value
        if value.get("type") in {"message", "message_start", "message_delta"}:
            raw = self.choices.setdefault(0, RawChoice())
            reason = holder.get("stop_reason") if isinstance(holder, dict) else None
            raw.finish_reason = _text(reason) or raw.finish_reason
        elif isinstance(value.get("done"), bool) and isinstance(value.get("message"), dict):
            raw = self.choices.setdefault(0, RawChoice())
            if value["done"]:
                raw.finish_reason = _text(value.get("done_reason")) or "stop"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
