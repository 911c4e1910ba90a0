"""Turns the content blocks of Anthropic's Messages API into parts of chat messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.quoting import quoted
from policy_router.server.dialects.fields import listed, mapping, name, one_of, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.server.dialects.losses import Losses


def read_content(content: object, path: str, losses: Losses) -> str | list[dict[str, Any]]:
    """The content of a message or of a tool's result.

    Args:
        content: A text or a list of blocks.
        path: Where it is.
        losses: Collects what is left out.

    Raises:
        InvalidBodyError: It is neither.
    """
    if isinstance(content, str):
        return content
    blocks = listed([] if content is None else content, path)
    parts = [read_part(block, f"{path}[{i}]", losses) for i, block in enumerate(blocks)]
    return plainest([part for part in parts if part is not None])


def plainest(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """The parts as one text, if they are one without marks: some servers take nothing else."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def read_part(block: object, path: str, losses: Losses) -> dict[str, Any] | None:
    """One block as a part of a chat message, with its mark for the prompt cache.

    Returns:
        The part; None for one that the chat format cannot say.
    """
    fields = mapping(block, path)
    part = _part(fields, name(fields.get("type"), f"{path}.type"), path, losses)
    if part is not None and fields.get("cache_control") is not None:
        part["cache_control"] = fields["cache_control"]
    return part


def _part(
    fields: Mapping[str, Any], block_type: str, path: str, losses: Losses
) -> dict[str, Any] | None:
    match block_type:
        case "text":
            return {"type": "text", "text": text(fields.get("text"), f"{path}.text")}
        case "compaction":
            return {"type": "text", "text": text(fields.get("content") or "", f"{path}.content")}
        case "image":
            source = mapping(fields.get("source"), f"{path}.source")
            url = _address(source, f"{path}.source", losses)
            return None if url is None else {"type": "image_url", "image_url": {"url": url}}
        case "document":
            return _document(fields, path, losses)
        case "search_result":
            content = read_content(fields.get("content"), f"{path}.content", losses)
            found = [str(fields.get("title") or ""), str(fields.get("source") or "")]
            return {"type": "text", "text": "\n".join([*filter(None, found), _joined(content)])}
    losses.need(path, f"is `{quoted(block_type)}`, which only its own provider can read")
    return None


_SOURCES: Final = ("base64", "url", "text", "content", "file")


def _document(fields: Mapping[str, Any], path: str, losses: Losses) -> dict[str, Any] | None:
    source, place = mapping(fields.get("source"), f"{path}.source"), f"{path}.source"
    citations = fields.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        losses.dropped.append(f"{path}.citations")
    about = [fields[key] for key in ("title", "context") if isinstance(fields.get(key), str)]
    match one_of(source.get("type"), f"{place}.type", _SOURCES):
        case "text":
            written = text(source.get("data"), f"{place}.data")
            return {"type": "text", "text": "\n".join([*about, written])}
        case "content":
            content = _joined(read_content(source.get("content"), f"{place}.content", losses))
            return {"type": "text", "text": "\n".join([*about, content])}
    title, address = fields.get("title"), _address(source, place, losses)
    named = {"filename": title} if isinstance(title, str) and title else {}
    return None if address is None else {"type": "file", "file": {**named, "file_data": address}}


def _address(source: Mapping[str, Any], path: str, losses: Losses) -> str | None:
    """The address of a picture or a document, or its data as one; None if a provider keeps it."""
    match one_of(source.get("type"), f"{path}.type", _SOURCES):
        case "url":
            return name(source.get("url"), f"{path}.url")
        case "base64":
            media_type = name(source.get("media_type"), f"{path}.media_type")
            return f"data:{media_type};base64,{text(source.get('data'), f'{path}.data')}"
    losses.need(path, "is kept at a provider, where no other model can read it: send the data")
    return None


def _joined(content: str | list[dict[str, Any]]) -> str:
    """The texts of a content."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content if part["type"] == "text")
