"""Values as people type them, and the ways in which a policy file may spell them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from policy_router.base_errors import UsageError
from policy_router.language.yaml_reader import parse
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_value(text: str) -> Any:
    """Read the value of a field, as it could stand behind its key in a policy file.

    What is not YAML on one line, such as `a: b`, is a string.

    Args:
        text: The value, such as `heavy`, `[tools, vision]` or `{ input: $1/M, output: $2/M }`.

    Raises:
        UsageError: A bracket, a brace or a quote is not closed.
    """
    if "\n" not in text and "\r" not in text:
        source, problems = parse("", f"value: {text}".encode())
        data = None if source is None or problems else source.data
        if isinstance(data, dict) and list(data) == ["value"] and data["value"] is not None:
            return data["value"]
    if text.lstrip()[:1] in ("[", "{", '"', "'"):
        raise UsageError(f"`{quoted(text)}` is not a value of YAML: close its brackets and quotes")
    return text


def spellings(value: Any, typed: str, old: str = "") -> Iterator[str]:
    """Ways to write a value on one line, the best first; not each of them fits everywhere.

    Args:
        value: The value.
        typed: The value as it was typed.
        old: What it takes the place of, as written, whose quotes are kept.
    """
    if isinstance(value, str):
        if old.startswith('"'):
            yield json.dumps(value, ensure_ascii=False)
        if old.startswith("'"):
            yield "'" + value.replace("'", "''") + "'"
    yield typed.strip()
    yield flow(value)
    yield json.dumps(value)


def flow(value: Any) -> str:
    """A value in brackets and braces, with quotes only where it needs them."""
    if isinstance(value, dict):
        entries = ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items())
        return f"{{ {entries} }}" if entries else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    """Whether a string means itself without quotes, also between brackets."""
    source, problems = parse("", f"[{text}]".encode())
    return source is not None and not problems and source.data == [text]
