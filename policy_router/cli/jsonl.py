"""Files of requests, one a line: what `classify` and `calibrate` are given."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from policy_router.cli.output import fail
from policy_router.diagnostics import printable

_BESIDE = ("tools", "response_format")


def read_lines(file: str | None) -> Iterator[tuple[int, str]]:
    """The lines that hold something, each with its number, of a file or of standard input (None
    or `-`).

    UTF-8, with or without a byte order mark. Ends the command when the file cannot be read.
    """
    try:
        if file in {None, "-"}:
            buffer = getattr(sys.stdin, "buffer", None)
            raw = buffer.read() if buffer else sys.stdin.read().encode("utf-8", "replace")
        else:
            raw = Path(str(file)).read_bytes()
    except OSError as problem:
        fail(f"cannot read {printable(str(file))}: {problem.strerror}")
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return (pair for pair in enumerate(text.split("\n"), start=1) if pair[1].strip())


def read_body(line: str) -> Mapping[str, Any]:
    """The fields of a JSON object that have a value; none of any other JSON.

    A data frame writes null where a row has nothing. ValueError: the line is not JSON.
    """
    try:
        body = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if value is not None}


def chat_of(body: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """The parts of a chat body that are looked at. Ends the command when nothing is said."""
    said = body.get("messages", body.get("prompt"))
    if said is None:
        fail(f"line {number} has neither `prompt` nor `messages`")
    return {"messages": said} | {name: body[name] for name in _BESIDE if name in body}
