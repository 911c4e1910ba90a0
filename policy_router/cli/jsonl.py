"""Files with one request per line, as `classify` and `calibrate` read them."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from policy_router.cli.output import fail
from policy_router.diagnostics import printable

_OPTIONAL = ("tools", "response_format")


def read_lines(file: str | None) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers; end the command on a read error.

    Args:
        file: Path of a UTF-8 file, with or without a byte order mark; None or `-` is standard
            input.
    """
    try:
        if file in {None, "-"}:
            buffer = getattr(sys.stdin, "buffer", None)
            raw = buffer.read() if buffer else sys.stdin.read().encode("utf-8", "replace")
        else:
            raw = Path(str(file)).read_bytes()
    except OSError as problem:
        fail(f"cannot read {printable(str(file))}: {(problem.strerror or str(problem)).lower()}")
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return (pair for pair in enumerate(text.split("\n"), start=1) if pair[1].strip())


def read_body(line: str) -> Mapping[str, Any]:
    """Return the fields of a JSON object that are not null; nothing for any other JSON.

    Data frames write null where a row has no value.

    Raises:
        ValueError: The line is not JSON.
    """
    try:
        body = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if value is not None}


def chat_of(body: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """Return the fields of a chat body that are classified; end the command without a prompt."""
    messages = prompt_of(body, number)
    if messages is None:
        fail(f"line {number} has neither `prompt` nor `messages`")
    return {"messages": messages} | {name: body[name] for name in _OPTIONAL if name in body}


def prompt_of(body: Mapping[str, Any], number: int) -> Any:
    """Return the text or the messages of a line, None without any; end the command with both."""
    if "messages" in body and "prompt" in body:
        fail(f"line {number} has both `prompt` and `messages`: keep only one of them")
    return body.get("messages", body.get("prompt"))
