"""Errors of YAML in our own words: what is wrong, and what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from policy_router.diagnostics import Span
    from policy_router.language.source import SourceFile

MAX_DEPTH: Final = 32
TOO_DEEP: Final = f"nested more than {MAX_DEPTH} levels deep"
TOO_DEEP_HELP: Final = "no policy needs more than six"
_SYNTAX: Final = (
    ("mapping values are not allowed", "a `:` where there cannot be a key", ""),
    ("found character that cannot start any token", "a value cannot begin with this character", ""),
    ("found unexpected end of stream", "a quote is not closed", "close the quote"),
    ("did not find expected ',' or '}'", "a `{` is not closed, or a comma is missing", ""),
    ("did not find expected ',' or ']'", "a `[` is not closed, or a comma is missing", ""),
    ("did not find expected key", "this line does not belong to the mapping before it", ""),
    ("did not find expected '-' indicator", "this line does not continue the list before it", ""),
    ("could not find expected ':'", "a key without a `:`", "write  key: value"),
    ("block sequence entries are not allowed", "a `-` where a list cannot begin", ""),
    ("found unknown escape character", "an unknown escape in double quotes", "use single quotes"),
    ("did not find expected node content", "a value is missing", ""),
    ("did not find expected <document start>", "text after the end of the document", ""),
    (
        "did not find expected comment or line break",
        "a value that begins with `>` or `|` has to continue on the next line",
        "put the string in quotes",
    ),
    (
        "did not find expected alphabetic or numeric",
        "an anchor or alias without a name",
        "put a string that begins with `*` or `&` in quotes: '*'",
    ),
    (
        "found undefined tag handle",
        "tags are not allowed",
        "put a string that begins with `!` in quotes; write `not` for the opposite of a condition",
    ),
    ("found a tab character", "a tab in the indentation", "indent with spaces"),
)
"""Part of libyaml's message -> our message, and what to do."""
_UNQUOTED: Final = re.compile(r"^\s*(?:-\s+)?(when|deny|name|description|pattern|system):\s*\S")
"""A line with a field whose value often has characters that YAML gives a meaning."""


def error(rule: str, message: str, span: Span, help_: str) -> Diagnostic:
    """A diagnostic that makes the file unusable."""
    return Diagnostic(rule, Severity.ERROR, message, span, help_)


def syntax_error(
    source: SourceFile, problem: str, index: int | None, opened: int | None
) -> Diagnostic:
    """The diagnostic for an error of libyaml.

    Args:
        source: The file.
        problem: What libyaml says.
        index: The character at which it is; None when libyaml gives no place.
        opened: The character at which the unfinished construct begins; None when there is none.
    """
    last = max(0, len(source.text) - 1)
    index = min(next((i for i in (index, opened) if i is not None), 0), last)
    if "maximum nesting depth" in problem:
        return error("too-deep", TOO_DEEP, source.span(index, index + 1), TOO_DEEP_HELP)
    message, help_ = next(
        ((ours, remedy) for theirs, ours, remedy in _SYNTAX if theirs in problem), (problem, "")
    )
    if opened is not None and "a quote is not closed" in message:
        index = min(opened, index)  # else it would be the end of the file
    span = source.span(index, min(index + 1, max(1, len(source.text))))
    row = source.text.split("\n")[span.line - 1]
    if "\t" in row[: span.col] and not row[: span.col - 1].strip():
        message, help_ = "a tab in the indentation", "indent with spaces"
    unquoted = _UNQUOTED.match(row)
    if unquoted and "quote" not in message:
        thing = "condition" if unquoted[1] == "when" else "string"
        help_ = f"put the {thing} in quotes"
    related: tuple[tuple[str, Span], ...] = ()
    if opened is not None and "not closed, or" in message:
        related = (("opened here", source.span(opened, opened + 1)),)
    help_ = help_ or "check the indentation and the quotes"
    return Diagnostic("yaml-syntax", Severity.ERROR, message, span, help_, related)


def alias_help(name: str) -> str:
    """What to write instead of an alias."""
    return f"repeat the value; if a pattern is meant, put it in quotes: '*{name}'"


def tag_help(tag: str) -> str:
    """What to write instead of a tag.

    A condition that begins with `!` is a tag by mistake, and leaving the tag out would reverse the
    condition.
    """
    name = tag.removeprefix("!")
    if tag.startswith("!") and re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return f'if the opposite is meant, write "not {name}"; no field has a tag'
    if tag == "!":
        return "if the opposite is meant, write it with `not`, in quotes; no field has a tag"
    return "remove the tag: every field has one type"
