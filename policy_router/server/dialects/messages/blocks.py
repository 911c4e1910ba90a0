"""Turns the content blocks of Anthropic's messages into parts of chat messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.server.dialects.fields import listed, mapping, name, one_of, refuse, text

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS: Final = frozenset({"text", "image", "document", "search_result", "compaction"})
"""Types of blocks that become parts of a message."""


def read_content(content: object, path: str) -> str | list[dict[str, Any]]:
    """The content of a message or of a tool's result.

    Args:
        content: A text or a list of blocks, all of the types in `PARTS`.
        path: Where it is.

    Raises:
        InvalidBodyError: It is neither.
    """
    if isinstance(content, str):
        return content
    blocks = listed([] if content is None else content, path)
    return plainest([read_part(block, f"{path}[{i}]") for i, block in enumerate(blocks)])


def plainest(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """The parts as one text, if they are one without marks: some servers take nothing else."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def read_part(block: object, path: str) -> dict[str, Any]:
    """One block as a part of a chat message, with its mark for the prompt cache."""
    fields = mapping(block, path)
    part = _part(fields, name(fields.get("type"), f"{path}.type"), path)
    if fields.get("cache_control") is not None:
        part["cache_control"] = fields["cache_control"]
    return part


def _part(fields: Mapping[str, Any], block_type: str, path: str) -> dict[str, Any]:
    match block_type:
        case "text":
            return {"type": "text", "text": text(fields.get("text"), f"{path}.text")}
        case "compaction":
            return {"type": "text", "text": text(fields.get("content") or "", f"{path}.content")}
        case "image":
            url = _address(mapping(fields.get("source"), f"{path}.source"), f"{path}.source")
            return {"type": "image_url", "image_url": {"url": url}}
        case "document":
            return _document(fields, path)
        case "search_result":
            content = read_content(fields.get("content"), f"{path}.content")
            found = [str(fields.get("title") or ""), str(fields.get("source") or "")]
            return {"type": "text", "text": "\n".join([*filter(None, found), _joined(content)])}
    return refuse(f"{path}.type", f"is `{block_type}`, which is not taken here")


_SOURCES: Final = ("base64", "url", "text", "content", "file")


def _document(fields: Mapping[str, Any], path: str) -> dict[str, Any]:
    source, place = mapping(fields.get("source"), f"{path}.source"), f"{path}.source"
    about = [fields[key] for key in ("title", "context") if isinstance(fields.get(key), str)]
    match one_of(source.get("type"), f"{place}.type", _SOURCES):
        case "text":
            written = text(source.get("data"), f"{place}.data")
            return {"type": "text", "text": "\n".join([*about, written])}
        case "content":
            content = _joined(read_content(source.get("content"), f"{place}.content"))
            return {"type": "text", "text": "\n".join([*about, content])}
    title = fields.get("title")
    named = {"filename": title} if isinstance(title, str) and title else {}
    return {"type": "file", "file": {**named, "file_data": _address(source, place)}}


def _address(source: Mapping[str, Any], path: str) -> str:
    """The address of a picture or a document, or its data as one."""
    match one_of(source.get("type"), f"{path}.type", _SOURCES):
        case "url":
            return name(source.get("url"), f"{path}.url")
        case "base64":
            media_type = name(source.get("media_type"), f"{path}.media_type")
            return f"data:{media_type};base64,{text(source.get('data'), f'{path}.data')}"
    return refuse(path, "is kept at a provider, where no other model can read it: send the data")


def _joined(content: str | list[dict[str, Any]]) -> str:
    """The texts of a content."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content if part["type"] == "text")
