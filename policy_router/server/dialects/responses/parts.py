"""Turns the content of items of OpenAI's Responses API into parts of chat messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from policy_router.quoting import quoted
from policy_router.server.dialects.fields import listed, mapping, name, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses


def read_content(content: object, path: str, losses: Losses) -> str | list[dict[str, Any]]:
    """The content of a message or of a tool's output.

    Args:
        content: A text or a list of parts.
        path: Where it is.
        losses: Collects what is left out.

    Raises:
        InvalidBodyError: It is neither.
    """
    if isinstance(content, str):
        return content
    parts = []
    for number, given in enumerate(listed([] if content is None else content, path)):
        place = f"{path}[{number}]"
        fields = mapping(given, place)
        part = _part(fields, name(fields.get("type"), f"{place}.type"), place, losses)
        parts += [] if part is None else [part]
    if not parts:
        return ""
    return str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(
    fields: Mapping[str, Any], part_type: str, path: str, losses: Losses
) -> dict[str, Any] | None:
    match part_type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return {"type": "text", "text": text(fields.get("text"), f"{path}.text")}
        case "refusal":
            return {"type": "text", "text": text(fields.get("refusal"), f"{path}.refusal")}
        case "input_image" if isinstance(fields.get("image_url"), str):
            detail = fields.get("detail")
            image = {"url": fields["image_url"]}
            return {
                "type": "image_url",
                "image_url": image if detail is None else {**image, "detail": detail},
            }
        case "input_file" if fields.get("file_data") or fields.get("file_url"):
            data = fields.get("file_data") or fields.get("file_url")
            named = {"filename": fields["filename"]} if fields.get("filename") else {}
            return {"type": "file", "file": {**named, "file_data": text(data, path)}}
        case "input_audio":
            audio = mapping(fields.get("input_audio"), f"{path}.input_audio")
            return {"type": "input_audio", "input_audio": audio}
        case "input_image" | "input_file":
            losses.need(path, "is kept at a provider, where no other model can read it")
        case _:
            losses.need(path, f"is `{quoted(part_type)}`, which only its own provider can read")
    return None


def output_text(output: object, path: str, losses: Losses) -> str | list[dict[str, Any]]:
    """The output of a tool: a text, parts, or JSON, which becomes a text."""
    if isinstance(output, list) and all(isinstance(p, dict) and "type" in p for p in output):
        return read_content(output, path, losses)
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
