"""Whether the result of a tool is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_READ: Final = 240
"""Characters that are looked at, at the beginning and at the end."""
_FAILURE: Final = re.compile(
    r"""(?ix) \A [\s(\[]* (?:
        (?: error | exception | failure | fatal | traceback ) \b
        | <tool_use_error> | <error>
        | (?: command | request | execution | tool(?:\ call)? ) \ failed\b
        | failed\ to\b
        | \{ \s* "error" \s* : \s* ["{]
    )"""
)
"""Beginnings of a result in words."""
_CODE: Final = re.compile(
    r"""(?imx) ^ [\s{,]* (?: (?:process|command) \s )?
    "? (?: exit (?:ed)? (?:[ _]with)? [ _] (?:code|status) | return[ _]?code ) "? \s* [:=]? \s*
    (-?\d{1,9}) \b"""
)
"""The exit code of a program: at the beginning of a line, or the first field."""
_FIELD: Final = re.compile(
    r'(?i)"(?:is_?error"\s*:\s*true|success"\s*:\s*false|exit_?code"\s*:\s*-?[1-9])'
)
"""Fields of a result in JSON that state an error."""
_FLAGS: Final = (("is_error", True), ("isError", True), ("success", False))
"""Fields that state the outcome, each with its value for an error."""
_ERROR_STATES: Final = frozenset({"failed", "error"})


def is_error(result: Mapping[object, object], content: object) -> bool:
    """Whether the result of a tool is an error.

    A flag decides where there is one, else the exit code or the first words of the content.

    Args:
        result: The part, message or item that the result is in.
        content: Its content: a text or a list of parts.
    """
    for name, error in _FLAGS:
        flag = result.get(name)
        if isinstance(flag, bool):
            return flag is error
    status = result.get("status")
    if isinstance(status, str) and status in _ERROR_STATES:
        return True
    text = _text(content)
    ends = text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"
    code = _CODE.search(text[:_READ])
    if code is not None:
        return int(code[1]) != 0
    if text[:1] == "{" and _FIELD.search(ends) is not None:
        return True
    return _FAILURE.match(text[:_READ]) is not None


def _text(content: object) -> str:
    """Return the text of a content, or its first part with text."""
    if isinstance(content, str):
        return content
    for part in content if isinstance(content, list | tuple) else ():
        text = part.get("text") if isinstance(part, Mapping) else None
        if isinstance(text, str):
            return text
    return ""
