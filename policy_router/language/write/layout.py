"""The one layout of policy files: indentation, spaces and empty lines, and nothing else.

Order, quotes, comments and line breaks stay as they are written. A file is formatted by its tokens:
what is between two of them is line breaks, blanks and comments, and is rewritten.

- Each level is indented by two blanks, lists under a key too.
- `key: value`, `- item`, `{ a: b, c: d }`, `[a, b]`.
- At most one empty line in a row, none at the start, one line end at the end.
- `# comment`, at least two blanks behind what it is about; in the column where it was, if it fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml.tokens import (
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DocumentStartToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    Token,
    ValueToken,
)

from policy_router.base_errors import UsageError
from policy_router.diagnostics import headline
from policy_router.language.yaml_reader import LOADER, parse

_STEP: Final = 2
_OPENING: Final = (FlowMappingStartToken, FlowSequenceStartToken)
_CLOSING: Final = (FlowMappingEndToken, FlowSequenceEndToken)
_CLOSE_UP: Final = (FlowEntryToken, FlowSequenceEndToken, ValueToken)
"""Tokens that follow without a blank."""
_NO_SPACE: Final = re.compile(r"\A#(?=[^\s#!])")
"""The beginning of a comment whose text follows at once. `#!` and rows of `#` are left alone."""
_BLOCK_HEADER: Final = re.compile(r"[|>][+\-0-9]*")


class CannotFormatError(UsageError):
    """A file that is not YAML, or is written in a way that has no layout here."""


def formatted(name: str, raw: bytes) -> str:
    """Return the text of a policy file in the one layout.

    Args:
        name: The file's name as messages show it.
        raw: Its bytes.

    Returns:
        The text. It has the same data and the same comments as the file, and formatting it again
        changes nothing.

    Raises:
        CannotFormatError: The file is not YAML that a policy may be written in, or has keys that
            begin with `?`.
    """
    source, problems = parse(name, raw)
    if source is None:
        raise CannotFormatError(f"{headline(problems)}; fix it first")
    text = _Writer(name, source.text).run()
    after, _ = parse(name, text.encode())
    # The laws of the layout know no file that gets here; it protects those that they do not know.
    if after is None or after.data != source.data:  # pragma: no cover  no known file gets here
        raise CannotFormatError(
            f"{name} has a layout that cannot be formatted without changing what it says"
        )
    return text


@dataclass(slots=True)
class _Collection:
    """A mapping or list that is open.

    Attributes:
        indent: The column of its keys or dashes, once formatted.
        is_list: Whether it is a list in block form.
        has_end: Whether a token ends it. A list in the column of its key has none.
    """

    indent: int
    is_list: bool = False
    has_end: bool = True


@dataclass(slots=True)
class _Writer:
    name: str
    text: str
    lines: list[str] = field(default_factory=list)
    line: str = ""
    blocks: list[_Collection] = field(default_factory=list)
    flows: int = 0
    flow_indent: int = 0  # of the bracket that ends the outermost flow collection
    at_key: bool = False
    previous: Token | None = None
    end: int = 0  # of what is written so far, in the text
    kept: int = 0  # lines that end with empty ones of a scalar
    starts: dict[int, int] = field(default_factory=dict)  # column of a line -> formatted

    def run(self) -> str:
        for token in yaml.scan(self.text, Loader=LOADER):
            self._take(token)
        self._gap(self.text[self.end :], 0, None)
        while len(self.lines) > self.kept and not self.lines[-1]:
            self.lines.pop()
        return "".join(f"{line}\n" for line in self.lines)

    def _take(self, token: Token) -> None:
        """Keep account of the collections, and write a token that has a text."""
        match token:
            case BlockMappingStartToken():
                self.blocks.append(_Collection(self._inner()))
            case BlockSequenceStartToken():
                self.blocks.append(_Collection(self._inner(), is_list=True))
            case BlockEndToken():
                self._leave_bare_list()
                self.blocks.pop()
            case KeyToken():
                if token.start_mark.index != token.end_mark.index:
                    raise CannotFormatError(f"{self.name} has keys that begin with `?`")
                if not self.flows:
                    self._leave_bare_list()
                    self.at_key = True
            case _ if token.end_mark.index > token.start_mark.index:
                if isinstance(token, BlockEntryToken) and not self.blocks[-1].is_list:
                    self.blocks.append(_Collection(self._inner(), is_list=True, has_end=False))
                self._write(token)

    def _leave_bare_list(self) -> None:
        if not self.blocks[-1].has_end:
            self.blocks.pop()

    def _inner(self) -> int:
        """The column of what is inside the innermost collection in block form."""
        return self.blocks[-1].indent + _STEP if self.blocks else 0

    def _inner_of_entry(self) -> int:
        """The column of an entry's key, or of what follows its dash."""
        block = self.blocks[-1]
        return block.indent + _STEP * block.is_list

    def _write(self, token: Token) -> None:
        if isinstance(token, _CLOSING):
            self.flows -= 1
        first, end = token.start_mark.index, token.end_mark.index
        self._gap(self.text[self.end : first], token.start_mark.column, token)
        written = self.text[first:end]
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            written = _whole(written)
            self.end = first + len(written)
            written = self._moved(written)
        else:
            self.end = end
            rest = written.split("\n")
            pad = " " * (self._inner() + _STEP * self.flows)
            folded = [f"{pad}{line.strip(' ')}" if line.strip(" ") else "" for line in rest[1:]]
            # In quotes, a blank before a line end may be escaped.
            written = "\n".join([rest[0].rstrip(" ") if folded else rest[0], *folded])
        if isinstance(token, _OPENING) and not self.flows:
            begins_line = not self.line.strip(" ")
            self.flow_indent = len(self.line) if begins_line else self._inner_of_entry()
        *full, last = (self.line + written).split("\n")
        self.lines += full
        self.line = last
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            self.kept = len(self.lines) + 1
        if isinstance(token, _OPENING):
            self.flows += 1
        self.at_key = False
        self.previous = token

    def _gap(self, gap: str, column: int, token: Token | None) -> None:
        """Write what is between two tokens; None stands for the end of the file."""
        here, *below = gap.split("\n")
        if comment := _comment(here):
            place = self.end - (self.text.rfind("\n", 0, self.end) + 1) + here.index("#")
            if self.line:
                self.line = self.line.ljust(max(place, len(self.line) + 2))
            # Comments in lines of their own below this one, in its column, continue with it.
            self.starts[place] = len(self.line)
            self.line += comment
        if not below and token is not None:
            self.line += self._between(token)
            if not self.line.strip():
                self.starts[column] = len(self.line)
            return
        if self.line or self.lines:
            self.lines.append(self.line.rstrip(" ") if not comment else self.line)
        indent = self._indent(token)
        for row in below if token is None else below[:-1]:
            if comment := _comment(row):
                at = row.index("#")
                deeper = at > column or token is None
                self.lines.append(
                    " " * (self.starts.get(at, indent) if deeper else indent) + comment
                )
            elif self.lines and self.lines[-1]:
                self.lines.append("")
        self.line = " " * indent
        self.starts = {col: new for col, new in self.starts.items() if col < column}
        self.starts[column] = indent

    def _indent(self, token: Token | None) -> int:
        """The column of a token that begins a line."""
        match token:
            case None | DocumentStartToken():
                return 0
            case _ if self.flows or isinstance(token, _CLOSING):
                return self.flow_indent + _STEP * self.flows
            case BlockEntryToken():
                return self.blocks[-1].indent
            case _ if self.at_key:
                return self.blocks[-1].indent
        return self._inner()

    def _between(self, token: Token) -> str:
        """The blanks between a token and the one before it in the same line."""
        before = self.previous
        if (
            before is None
            or isinstance(token, _CLOSE_UP)
            or isinstance(before, FlowSequenceStartToken)
        ):
            return ""
        if isinstance(before, FlowMappingStartToken) and isinstance(token, FlowMappingEndToken):
            return ""
        return " "

    def _moved(self, written: str) -> str:
        """A scalar of several lines with its lines indented again."""
        head, *rows = written.split("\n")
        texts = [row for row in rows if row.strip(" ")]
        if not texts:
            return written
        header = _BLOCK_HEADER.match(head)
        stated = header is not None and any(c.isdigit() for c in header[0])
        if stated:
            raise CannotFormatError(f"{self.name} has a text that states its indentation")
        old = len(texts[0]) - len(texts[0].lstrip(" "))
        pad = " " * self._inner()
        return "\n".join([head, *(pad + row[old:] if row[old:] else "" for row in rows)])


def _whole(written: str) -> str:
    """A scalar of several lines without the empty lines behind it, unless they belong to it."""
    header = _BLOCK_HEADER.match(written)
    if header is not None and "+" in header[0]:
        return written.rstrip(" ").removesuffix("\n")  # the end of the line is written with it
    return written.rstrip(" \n")


def _comment(row: str) -> str:
    """The comment of a line, with a blank before its text; empty where there is none."""
    _, mark, rest = row.partition("#")
    return _NO_SPACE.sub("# ", f"{mark}{rest}".rstrip(), count=1) if mark else ""
