"""YAML to data with places, refusing what makes YAML dangerous or surprising.

Scalars are those of YAML 1.2: `no`, `on`, `1:30`, `012` and dates are strings. Aliases, tags, merge
keys, duplicate keys, several documents and unbounded depth are reported with their place. libyaml's
events are consumed one by one with an explicit stack, so neither the depth nor the width of a
hostile file leads to recursion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.language.scalars import ScalarError, plain_scalar
from policy_router.language.source import SourceFile, as_text
from policy_router.language.yaml_errors import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_DEEP_HELP,
    alias_help,
    error,
    syntax_error,
    tag_help,
)
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.source import Path

MAX_BYTES: Final = 1 << 20
MAX_NODES: Final = 100_000
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml may be missing
# What YAML does not allow, and the breaks that YAML counts as line ends but editors do not.
_FORBIDDEN: Final = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def parse(
    name: str, raw: bytes, cancelled: Poll = never
) -> tuple[SourceFile | None, tuple[Diagnostic, ...]]:
    """The source of a file, and every problem of its text.

    Any bytes end in data or in diagnostics with a place.

    Args:
        name: The file's name as diagnostics show it.
        raw: Its bytes.
        cancelled: Whether the result is no longer wanted.

    Returns:
        The source, or None when the file cannot be used; and the problems.

    Raises:
        Cancelled: The result is no longer wanted.
    """
    if len(raw) > MAX_BYTES:
        message = f"the file has {len(raw):,} bytes, more than {MAX_BYTES:,}"
        start = Span(name, 1, 1, 1, 1)
        return None, (error("file-too-large", message, start, "split it into several files"),)
    try:
        raw.decode()
    except UnicodeDecodeError as problem:
        return None, (_not_utf8(name, raw, problem.start),)
    source = SourceFile(name, as_text(raw))
    forbidden = _FORBIDDEN.search(source.text)
    if forbidden:
        message = f"character U+{ord(forbidden.group()):04X} is not allowed in a policy file"
        return None, (error("bad-character", message, source.span(*forbidden.span()), "remove it"),)
    builder = _Builder(source)
    try:
        for event in yaml.parse(source.text, Loader=LOADER):
            checkpoint(cancelled)
            builder.take(event)
    except _Stop as stop:
        return None, (*builder.problems, stop.diagnostic)
    except yaml.YAMLError as problem:
        return None, (*builder.problems, _syntax(source, problem))
    source.data, source.nodes = builder.root, builder.nodes
    return (source if builder.whole else None), tuple(builder.problems)


def _not_utf8(name: str, raw: bytes, start: int) -> Diagnostic:
    before = as_text(raw[:start])
    line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
    message = f"byte 0x{raw[start]:02x} is not UTF-8"
    return error(
        "not-utf8", message, Span(name, line, col, line, col + 1), "save the file as UTF-8"
    )


def _syntax(source: SourceFile, problem: yaml.YAMLError) -> Diagnostic:
    mark = getattr(problem, "problem_mark", None)
    opened = getattr(problem, "context_mark", None)
    return syntax_error(
        source,
        str(getattr(problem, "problem", None) or "this is not YAML"),
        None if mark is None else mark.index,
        None if opened is None else opened.index,
    )


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Where quoted scalars and block scalars are written.

    Args:
        text: The text of a file.

    Yields:
        Characters [start, end) of the text, in order, up to the first place that is not YAML.
    """
    try:
        for event in yaml.parse(text, Loader=LOADER):
            if isinstance(event, yaml.ScalarEvent) and event.style:
                yield _extent(text, event)
    except yaml.YAMLError:
        return


def _extent(text: str, event: Any) -> tuple[int, int]:
    start, end = event.start_mark.index, event.end_mark.index
    if event.style in ("|", ">"):
        # After its indicator a block scalar may have a comment of its own.
        start += len(text[start:end].partition("\n")[0])
    return start, end


class _Stop(Exception):  # noqa: N818  ends the reading of a file, with the reason
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Level:
    """A collection that is being read.

    Attributes:
        data: What has been read of it.
        path: Its path.
        start: The character at which it begins.
        key: In a mapping, the key whose value comes next.
        repeated: Whether that key is in the mapping already.
        seen: The keys of the mapping so far.
    """

    data: Any
    path: Path
    start: int
    key: str | None = None
    repeated: bool = False
    seen: set[str] = field(default_factory=set)


class _Builder:
    """Builds the data of one file from libyaml's events.

    Attributes:
        problems: What is wrong with the file.
        whole: Whether the data are all that the file says.
        root: The data.
        nodes: The number of values and keys.
    """

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self.whole = True
        self.root: Any = None
        self._levels: list[_Level] = []
        self.nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take the next event of libyaml."""
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
                self._refuse(
                    "yaml-alias", "aliases are not allowed", event, alias_help(str(event.anchor))
                )
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
            self._refuse(
                "yaml-alias", "anchors are not allowed", event, "repeat the value where it is used"
            )
        if event.tag is not None:
            self._refuse(
                "yaml-tag", f"the tag `{event.tag}` is not allowed", event, tag_help(event.tag)
            )

    def _open(self, data: Any, event: Any) -> None:
        if len(self._levels) >= MAX_DEPTH:
            raise self._stop("too-deep", TOO_DEEP, event, TOO_DEEP_HELP)
        path = self._put(data, event)
        self._levels.append(_Level(data, path, event.start_mark.index))

    def _end(self, event: Any, level: _Level) -> int:
        """The end of a collection; libyaml reports that of a block at the next token."""
        end = int(event.end_mark.index)
        body = self.source.text[level.start : end]
        return level.start + len(body.rstrip()) if body.strip() else end

    def _scalar(self, event: Any) -> None:
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.data, dict) and level.key is None:
            self._key(level, event)
            return
        value = event.value if event.style else self._plain(event)
        path = self._put(value, event)
        end = event.end_mark.index
        if event.style in ("|", ">"):
            end = self._end(event, _Level(None, path, event.start_mark.index))
        self.source.place_value(path, event.start_mark.index, end, event.value)

    def _key(self, level: _Level, event: Any) -> None:
        name, start, end = event.value, event.start_mark.index, event.end_mark.index
        level.key = name
        if not event.style and name == "<<":
            self._refuse("yaml-merge", "merge keys are not allowed", event, "write out the fields")
        elif not event.style and not name:
            self._refuse("bad-key", "there is no key before `:`", event, "write one")
        path = (*level.path, name)
        level.repeated = name in level.seen
        if level.repeated:
            self.problems.append(
                Diagnostic(
                    "duplicate-name",
                    Severity.ERROR,
                    f"`{name[:60]}` appears twice in the same mapping",
                    self.source.span(start, end),
                    "the first one would be ignored; keep one of them",
                    (("first written here", self.source.key_span(path)),),
                )
            )
        else:
            level.seen.add(name)
            self.source.place_key(path, start, end)

    def _put(self, value: Any, event: Any) -> Path:
        """Put a value where it belongs, and return its path."""
        if not self._levels:
            self.root = value
            path: Path = ()
        else:
            level = self._levels[-1]
            if isinstance(level.data, list):
                path = (*level.path, len(level.data))
                level.data.append(value)
            elif level.key is None:
                self._refuse(
                    "bad-key", "a key is not a string", event, "write one word, or use quotes"
                )
                level.key = "?"
                return (*level.path, "?")
            elif level.repeated:
                path, level.key = (*level.path, level.key, _AGAIN), None
            else:
                level.data[level.key] = value
                path, level.key = (*level.path, level.key), None
        self.source.place_value(path, event.start_mark.index, event.end_mark.index)
        return path

    def _plain(self, event: Any) -> Any:
        try:
            return plain_scalar(event.value)
        except ScalarError as problem:
            self._refuse(problem.rule, problem.message, event, problem.help)
            return 0

    def _refuse(self, rule: str, message: str, event: Any, help_: str) -> None:
        self.whole = False
        self.problems.append(error(rule, message, self._at(event), help_))

    def _stop(self, rule: str, message: str, event: Any, help_: str) -> _Stop:
        return _Stop(error(rule, message, self._at(event), help_))

    def _at(self, event: Any) -> Span:
        start = event.start_mark.index
        return self.source.span(start, max(event.end_mark.index, start + 1))


_AGAIN: Final = -1
"""The last step of the path of a repeated key, which leads to no data."""
