"""The text of a policy file to plain data, and where each part of it was written.

YAML 1.2 core scalars only: `no`, `on`, `1:30`, `012` and dates stay text. What makes YAML dangerous
or surprising (aliases, tags, merge keys, duplicate keys, several documents, boundless depth) is
refused with a place. libyaml's events are consumed one by one with an explicit stack, so neither
depth nor width of a hostile file reaches a recursion.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
MAX_DIGITS: Final = 18
_TOO_DEEP: Final = f"nested more than {MAX_DEPTH} levels deep"
_SHALLOW: Final = "a policy needs no more than six"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml may be missing


class SourceFile:
    """One file: its text (line ends as `\\n`), its data, and the place of every part.
    nodes: how many values and keys it has."""

    __slots__ = ("_aligned", "_keys", "_lines", "_values", "data", "name", "nodes", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.data: Any = None
        self.nodes = 0
        self._values: dict[Path, tuple[int, int, str]] = {(): (0, min(1, len(text)), "")}
        self._keys: dict[Path, tuple[int, int]] = {}
        # Of the value asked about last: a condition asks once for each of its tests.
        self._aligned: tuple[tuple[int, int], list[int] | None] | None = None
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]

    def value_span(self, path: Path) -> Span:
        """Where a value is written; of a path that does not exist, its nearest ancestor."""
        return self.span(*self._value(path)[:2])

    def key_span(self, path: Path) -> Span:
        """Where the key that leads to a part is written; of a list item, the item."""
        while path:
            found = self._keys.get(path) or self._values.get(path, (None,))[:2]
            if found[0] is not None:
                return self.span(*found)
            path = path[:-1]
        return self.value_span(())

    def written(self, path: Path) -> str:
        """The text of the file that a value is written as."""
        start, end, _ = self._value(path)
        return self.text[start:end]

    def inside(self, path: Path, start: int, end: int) -> Span:
        """Where characters [start, end) of the text at `path` are written, quotes, escapes and
        folded lines seen through; the whole value when that cannot be told."""
        first, last, value = self._value(path)
        if self._aligned is None or self._aligned[0] != (first, last):
            self._aligned = (first, last), align(self.text[first:last], value)
        places = self._aligned[1]
        if places is None or not value:
            return self.span(first, last)
        start = min(start, len(value) - 1)
        end = min(max(end, start + 1), len(value))
        return self.span(first + places[start], first + places[end - 1] + 1)

    def span(self, start: int, end: int) -> Span:
        """Characters [start, end) of the file as a Span."""
        line, last = bisect_right(self._lines, start), bisect_right(self._lines, end)
        return Span(
            self.name,
            line,
            start - self._lines[line - 1] + 1,
            last,
            end - self._lines[last - 1] + 1,
        )

    def _value(self, path: Path) -> tuple[int, int, str]:
        while path not in self._values:
            path = path[:-1]
        return self._values[path]

    def rename(self, keys: Mapping[Path, str]) -> set[Path]:
        """Give keys other names, by their paths; their paths from now on. Places stay."""

        def now(path: Path) -> Path:
            return tuple(keys.get(path[: i + 1], step) for i, step in enumerate(path))

        for path in sorted(keys, key=len, reverse=True):
            inside = self.data
            for step in path[:-1]:
                inside = inside[step]
            entries = [(keys[path] if k == path[-1] else k, v) for k, v in inside.items()]
            inside.clear()
            inside.update(entries)
        self._values = {now(path): place for path, place in self._values.items()}
        self._keys = {now(path): place for path, place in self._keys.items()}
        return {now(path) for path in keys}

    def place_value(self, path: Path, start: int, end: int, text: str = "") -> None:
        """Note where a value stands; `text` is the scalar as decoded."""
        self._values[path] = start, end, text

    def place_key(self, path: Path, start: int, end: int) -> None:
        """Note where a key stands."""
        self._keys[path] = start, end


def parse(
    name: str, raw: bytes, cancelled: Poll = never
) -> tuple[SourceFile | None, tuple[Diagnostic, ...]]:
    """A file's source, and every problem of its text. None when nothing can be made of it.

    Total: any bytes end in data or in diagnostics with a place, unless it is cancelled.
    """
    if len(raw) > MAX_BYTES:
        at = Span(name, 1, 1, 1, 1)
        message = f"the file has {len(raw):,} bytes, more than {MAX_BYTES:,}"
        return None, (_error("file-too-large", message, at, "split it into several files"),)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        before = as_text(raw[: error.start])
        line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
        at = Span(name, line, col, line, col + 1)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return None, (_error("not-utf8", message, at, "save the file as UTF-8"),)
    source = SourceFile(name, as_text(raw))
    odd = _ODD.search(source.text)
    if odd:
        at = source.span(odd.start(), odd.end())
        message = f"character U+{ord(odd.group()):04X} cannot stand in a policy file"
        return None, (_error("bad-character", message, at, "take it out"),)
    builder = _Builder(source)
    try:
        for event in yaml.parse(source.text, Loader=_LOADER):
            checkpoint(cancelled)
            builder.take(event)
    except _Stop as stop:
        return None, (*builder.found, stop.diagnostic)
    except yaml.YAMLError as error:
        return None, (*builder.found, _syntax(source, error))
    source.data, source.nodes = builder.root, builder.nodes
    return (source if builder.whole else None), tuple(builder.found)


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Where values and keys in quotes and block texts stand, as [start, end) in order; up to the
    first place that is not YAML."""
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.ScalarEvent) and event.style:
                yield _extent(text, event)
    except yaml.YAMLError:
        return


def _extent(text: str, event: Any) -> tuple[int, int]:
    start, end = event.start_mark.index, event.end_mark.index
    if event.style in ("|", ">"):
        # Behind its sign a block text may have a comment of its own.
        start += len(text[start:end].partition("\n")[0])
    return start, end


def as_text(raw: bytes) -> str:
    """The text of a file's bytes as places in it are counted: without a byte-order mark, line ends
    as `\\n`; what is not UTF-8 is replaced."""
    return raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")


# What YAML does not allow, and the breaks that YAML counts as line ends but editors do not.
_ODD: Final = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class _Stop(Exception):  # noqa: N818  ends the reading of a file, with the reason
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Level:
    """A collection being read: its data, its path, and in a mapping the key whose value is next."""

    data: Any
    path: Path
    start: int
    key: str | None = None
    twice: bool = False
    seen: dict[str, Path] = field(default_factory=dict)


class _Builder:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.whole = True
        self.root: Any = None
        self._levels: list[_Level] = []
        self.nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """One event of libyaml."""
        match event:
            case yaml.ScalarEvent():
                self._node(event)
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._node(event)
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._node(event)
                self._open([], event)
            case yaml.CollectionEndEvent():
                level = self._levels.pop()
                self.source.place_value(level.path, level.start, self._end(event, level))
            case yaml.AliasEvent():
                self._refuse("yaml-alias", "aliases are not allowed", event, _unaliased(event))
                self._put(None, event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    message = "a policy file is one YAML document"
                    raise self._stop("several-documents", message, event, "use several files")

    def _node(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._stop(
                "too-many-nodes", f"more than {MAX_NODES:,} values", event, "use several files"
            )
        if event.anchor is not None:
            self._refuse("yaml-alias", "anchors are not allowed", event, "write the value out")
        if event.tag is not None:
            self._refuse(
                "yaml-tag", f"the tag `{event.tag}` is not allowed", event, _untagged(event)
            )

    def _open(self, data: Any, event: Any) -> None:
        if len(self._levels) >= MAX_DEPTH:
            raise self._stop("too-deep", _TOO_DEEP, event, _SHALLOW)
        path = self._put(data, event)
        self._levels.append(_Level(data, path, event.start_mark.index))

    def _end(self, event: Any, level: _Level) -> int:
        """The end of a collection; libyaml puts that of a block at the next token."""
        end = int(event.end_mark.index)
        body = self.source.text[level.start : end]
        return level.start + len(body.rstrip()) if body.strip() else end

    def _scalar(self, event: Any) -> None:
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.data, dict) and level.key is None:
            self._key(level, event)
            return
        value = event.value if event.style else self._resolve(event)
        path = self._put(value, event)
        end = event.end_mark.index
        if event.style in ("|", ">"):
            end = self._end(event, _Level(None, path, event.start_mark.index))
        self.source.place_value(path, event.start_mark.index, end, event.value)

    def _key(self, level: _Level, event: Any) -> None:
        name, start, end = event.value, event.start_mark.index, event.end_mark.index
        level.key = name
        if not event.style and name == "<<":
            self._refuse("yaml-merge", "merge keys are not allowed", event, "write the fields out")
        elif not event.style and not name:
            self._refuse("bad-key", "a key is missing before `:`", event, "write one")
        path = (*level.path, name)
        level.twice = name in level.seen
        if level.twice:
            self.found.append(
                Diagnostic(
                    "duplicate-name",
                    Severity.ERROR,
                    f"`{name[:60]}` stands twice in the same mapping",
                    self.source.span(start, end),
                    "the first would be lost in silence; keep one of them",
                    (("first written here", self.source.key_span(path)),),
                )
            )
        else:
            level.seen[name] = path
            self.source.place_key(path, start, end)

    def _put(self, value: Any, event: Any) -> Path:
        """Put a value where it belongs; returns its path."""
        if not self._levels:
            self.root = value
            path: Path = ()
        else:
            level = self._levels[-1]
            if isinstance(level.data, list):
                path = (*level.path, len(level.data))
                level.data.append(value)
            elif level.key is None:
                self._refuse("bad-key", "a key is a text", event, "write it as one word or quoted")
                level.key = "?"
                return (*level.path, "?")
            elif level.twice:
                path, level.key = (*level.path, level.key, _AGAIN), None
            else:
                level.data[level.key] = value
                path, level.key = (*level.path, level.key), None
        self.source.place_value(path, event.start_mark.index, event.end_mark.index)
        return path

    def _resolve(self, event: Any) -> Any:
        """A plain scalar by the YAML 1.2 core schema, but `012` stays text."""
        text = event.value
        word = _WORDS.get(text, _NO_WORD)
        if word is not _NO_WORD:
            return word
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
            if len(text.lstrip("+-")) > MAX_DIGITS:
                message = f"`{text[:24]}...` has more digits than a policy can mean"
                self._refuse("number-too-large", message, event, "put it in quotes if it is text")
                return 0
            return float(text) if _FLOAT.fullmatch(text) else int(text)
        if _NOT_A_NUMBER.fullmatch(text):
            self._refuse("bad-value", f"`{text}` is no number a policy can mean", event, "")
        return text

    def _refuse(self, rule: str, message: str, event: Any, help_: str) -> None:
        self.whole = False
        self.found.append(_error(rule, message, self._at(event), help_))

    def _stop(self, rule: str, message: str, event: Any, help_: str) -> _Stop:
        return _Stop(_error(rule, message, self._at(event), help_))

    def _at(self, event: Any) -> Span:
        start = event.start_mark.index
        return self.source.span(start, max(event.end_mark.index, start + 1))


_AGAIN: Final = -1  # no item of a list, so no path that leads to data
_NO_WORD: Final = object()
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?"
    r"|[-+]?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]{1,2}"
)
_NOT_A_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def _error(rule: str, message: str, at: Span, help_: str) -> Diagnostic:
    return Diagnostic(rule, Severity.ERROR, message, at, help_)


_SYNTAX: Final = (
    # libyaml's words, ours, and what to do
    ("mapping values are not allowed", "a `:` where no key can be", ""),
    ("found character that cannot start any token", "a value cannot begin with this character", ""),
    ("found unexpected end of stream", "a quote is never closed", "close the quote"),
    ("did not find expected ',' or '}'", "a `{` is never closed, or a comma is missing", ""),
    ("did not find expected ',' or ']'", "a `[` is never closed, or a comma is missing", ""),
    ("did not find expected key", "this line fits neither the mapping before it nor a new one", ""),
    ("did not find expected '-' indicator", "this line does not continue the list before it", ""),
    ("could not find expected ':'", "a key without `:`", "write  key: value"),
    ("block sequence entries are not allowed", "a `-` where no list can begin", ""),
    ("found unknown escape character", "an unknown escape in double quotes", "use single quotes"),
    ("did not find expected node content", "a value is missing", ""),
    ("did not find expected <document start>", "text after the end of the document", ""),
    (
        "did not find expected comment or line break",
        "a value that begins with `>` or `|` goes on in the next line",
        "put the text in quotes",
    ),
    (
        "did not find expected alphabetic or numeric",
        "an anchor or alias without a name",
        "put a text that begins with `*` or `&` in quotes: '*'",
    ),
    (
        "found undefined tag handle",
        "tags are not allowed",
        "put a text that begins with `!` in quotes; the opposite of a condition is  not",
    ),
    ("found a tab character", "a tab where spaces are meant", "indent with spaces"),
)
_QUOTE: Final = re.compile(r"^\s*(?:-\s+)?(when|deny|name|description|pattern|system):\s*\S")


def _syntax(source: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    opened = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or opened
    index = min(mark.index if mark else 0, max(0, len(source.text) - 1))
    problem = str(getattr(error, "problem", None) or "this is not YAML")
    if "maximum nesting depth" in problem:  # libyaml's own, which it meets while it looks ahead
        return _error("too-deep", _TOO_DEEP, source.span(index, index + 1), _SHALLOW)
    message, help_ = problem, ""
    for theirs, ours, remedy in _SYNTAX:
        if theirs in problem:
            message, help_ = ours, remedy
            break
    if opened is not None and "quote is never" in message:
        index = min(opened.index, index)  # else it would be the end of the file
    at = source.span(index, min(index + 1, max(1, len(source.text))))
    rows = source.text.split("\n")
    row = rows[at.line - 1]
    if "\t" in row[: at.col] and not row[: at.col - 1].strip():
        message, help_ = "a tab where spaces are meant", "indent with spaces"
    quoted = _QUOTE.match(row)
    if quoted and "quote" not in message:
        thing = "condition" if quoted[1] == "when" else "text"
        help_ = f"put the {thing} in quotes"
    related: tuple[tuple[str, Span], ...] = ()
    if opened is not None and "never closed, or" in message:
        related = (("opened here", source.span(opened.index, opened.index + 1)),)
    help_ = help_ or "check the indentation and the quotes"
    return Diagnostic("yaml-syntax", Severity.ERROR, message, at, help_, related)


def _unaliased(event: Any) -> str:
    return f"write it out again; if a pattern is meant, put it in quotes: '*{event.anchor}'"


def _untagged(event: Any) -> str:
    """What to write instead of a tag. A condition that begins with `!` is one by mistake, and to
    take it out would turn the condition round."""
    name = event.tag.removeprefix("!")
    if event.tag.startswith("!") and re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return f'if the opposite is meant, write "not {name}"; nothing here has a tag'
    if event.tag == "!":
        return "if the opposite is meant, write  not  in quotes; nothing here has a tag"
    return "leave the tag out: every field has one type"


def align(raw: str, value: str) -> list[int] | None:
    """For each character of a decoded scalar its offset in the text it was written as; None when
    the two cannot be aligned."""
    if not value:
        return []
    style = raw[:1]
    at = 0
    if style in ("'", '"'):
        at = 1
    elif style in ("|", ">"):
        at = raw.find("\n") + 1
    if raw.startswith(value, at):
        return list(range(at, at + len(value)))
    places: list[int] = []
    for char in value:
        found = _find(raw, at, char, style)
        if found is None:
            # What is left of a block scalar is the line ends that its chomping adds.
            if char == "\n" and places:
                places.append(places[-1])
                continue
            return None
        place, at = found
        places.append(place)
    return places


def _find(raw: str, at: int, char: str, style: str) -> tuple[int, int] | None:
    """The next place in `raw` that stands for `char`, and where to go on."""
    while at < len(raw):
        here = raw[at]
        if style == '"' and here == "\\":
            length = _ESCAPES.get(raw[at + 1 : at + 2], 2)
            if raw[at + 1 : at + 2] == "\n":
                at += 2  # a line joined to the next
                continue
            return at, at + length
        if style == "'" and raw.startswith("''", at):
            return (at, at + 2) if char == "'" else None
        if here == char:
            return at, at + 1
        if here == "\n" and char == " ":
            return at, at + 1
        if not here.isspace():
            return None
        at += 1
    return None


_ESCAPES: Final = {"x": 4, "u": 6, "U": 10}
