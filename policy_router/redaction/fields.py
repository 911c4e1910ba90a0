"""Finds the values that a YAML text has under fields for credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.redaction.names import is_name_of_secret, is_secret_name
from policy_router.redaction.patterns import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD: Final = re.compile(
    r"(?:^(?P<comment>[ \t]*#[#! \t]*)?(?:[ \t-]*)|(?<=[{,\[])\s*|(?<=\s)#[#! \t]*)"
    r"(?P<quote>[\"']?)(?P<name>[A-Za-z][\w.-]{0,63})(?P=quote)[ \t]*:(?=[ \t\n]|$)",
    re.MULTILINE,
)
_PARENT: Final = re.compile(r"[\s{,\"']?([A-Za-z][\w.-]*)[\"']?[ \t]*:[ \t]*(?:#.*)?$")
# What is right below these is named by the user and is not a field.
_NAMED_BY_USER: Final = frozenset({
    "tasks", "limits", "budgets", "models", "experiments", "prompts", "attributes", "bands",
    "spent", "used", "when", "request", "properties",
})  # fmt: skip
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*_[A-Za-z0-9_]*|[A-Z][A-Z0-9]{0,19}")
_IN_MAPPING: Final = re.compile(r"(\w+)[ \t]*(?:,\s|\})")
_LIKE_KEY: Final = re.compile(r"(?:[^0-9]*[0-9]){6}")
_NOTHING: Final = frozenset({"", "null", "~", "true", "false"})


@dataclass(frozen=True, slots=True)
class CredentialField:
    """A value under a field for credentials.

    Attributes:
        start: Where the value begins in the text, without its quote.
        end: Where it ends.
        single: Whether it is one value, not a mapping or a list.
        comment: Whether it is in a comment.
    """

    start: int
    end: int
    single: bool
    comment: bool = False


def fields(text: str) -> Iterator[CredentialField]:
    """Yield the values under fields for credentials in a YAML text, whatever they look like.

    The text need not be valid YAML.
    """
    for match in _FIELD.finditer(text):
        name = match["name"]
        names_place = is_name_of_secret(name)
        if not (names_place or is_secret_name(name) or name.lower() == "key"):
            continue
        comment = "#" in match[0]
        parent = "" if comment else _parent(text, match.start("name"))
        if parent in _NAMED_BY_USER and not (parent == "models" and names_place):
            continue
        field = _value(text, match)
        if field is None:
            continue
        value = text[field.start : field.end]
        if value.strip() in _NOTHING:
            continue
        # In a mapping in braces over several lines, more fields may follow on the same line.
        more = _IN_MAPPING.match(value)
        value = value if more is None else more[1]
        is_variable = _VARIABLE.fullmatch(value) is not None and not _LIKE_KEY.match(value)
        if not (names_place and is_variable):
            yield replace(field, comment=comment)


def is_literal(value: str) -> bool:
    """Whether a value under a field for credentials is one, not a reference to where it is."""
    plain = value.strip()
    reference = plain.startswith(("$", "<", "{{", "os.environ", "env:", "%"))
    return len(plain) > KEPT and not reference and _NAME_OF_VARIABLE.fullmatch(plain) is None


_NAME_OF_VARIABLE: Final = re.compile(r"[A-Z][A-Z]*(?:_[A-Z0-9]+)+")


def _parent(text: str, position: int) -> str:
    """Return the name of the field around a position; empty at the top level."""
    begin = text.rfind("\n", 0, position) + 1
    row = text[begin:position]
    depth = 0
    for i in range(len(row) - 1, -1, -1):
        if row[i] in "}]":
            depth += 1
        elif row[i] in "{[":
            if depth == 0:
                match = _PARENT.search(row[:i])
                return match[1] if match else ""
            depth -= 1
    indent = len(row) - len(row.lstrip(" -"))
    while begin > 0 and indent > 0:
        end = begin - 1
        begin = text.rfind("\n", 0, end) + 1
        above = text[begin:end]
        bare = above.strip()
        if bare and not bare.startswith("#") and len(above) - len(above.lstrip(" ")) < indent:
            match = _PARENT.search(above.rstrip())
            return match[1] if match else ""
    return ""


def _value(text: str, field: re.Match[str]) -> CredentialField | None:
    """Return the value after a field's colon, or None when there is none."""
    start = field.end()
    while text[start : start + 1] in (" ", "\t") and start < len(text):
        start += 1
    rest = text[start : _line_end(text, start)]
    opening = rest[:1]
    if opening in ("'", '"'):
        close = _closing_quote(text, start)
        return CredentialField(start + 1, close, single=True)
    if opening in ("{", "["):
        return CredentialField(start, _closing_bracket(text, start), single=False)
    if opening in ("", "#", "|", ">", "&", "!"):
        begin = _line_end(text, start)
        end = _block_end(text, field.start("name"), begin)
        block = text[begin:end].strip()
        if opening in ("&", "!"):
            begin = start
        single = opening in ("|", ">") or not re.search(r":(?:\s|$)|^\s*-\s", block, re.MULTILINE)
        return CredentialField(begin, end, single) if text[begin:end].strip() else None
    begin = text.rfind("\n", 0, field.start("name")) + 1
    row = text[begin : field.start("name")]
    if "#" in field[0]:
        end = start + len(rest)
    elif row.count("{") > row.count("}"):
        stop = re.compile(r",\s|,$|\}|\n|\s#|$").search(text, start)
        end = stop.start() if stop else len(text)
    else:
        comment = re.search(r"\s#", rest)
        end = start + (comment.start() if comment else len(rest))
        if not comment:
            end = _block_end(text, field.start("name"), end)
    return CredentialField(start, start + len(text[start:end].rstrip()), single=True)


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _closing_quote(text: str, position: int) -> int:
    pattern = r"'(?:''|[^'])*'" if text[position] == "'" else r'"(?:\\.|[^"\\])*"'
    match = re.compile(pattern, re.DOTALL).match(text, position)
    return match.end() - 1 if match else _line_end(text, position)


def _closing_bracket(text: str, position: int) -> int:
    depth = 0
    for i in range(position, min(len(text), position + 4096)):
        depth += (text[i] in "{[") - (text[i] in "}]")
        if depth == 0:
            return i + 1
    return _line_end(text, position)


def _block_end(text: str, field: int, position: int) -> int:
    """Return where the lines end that are indented further than a field."""
    begin = text.rfind("\n", 0, field) + 1
    indent = len(text[begin:field]) - len(text[begin:field].lstrip(" "))
    while position < len(text):
        end = _line_end(text, position + 1)
        row = text[position + 1 : end]
        if row.strip() and len(row) - len(row.lstrip(" ")) <= indent:
            break
        position = end
    return position
