"""Policy files to a compiled policy: every stage in order, every problem of every file at once."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.language import schema
from policy_router.language.catalog import Catalog, catalog
from policy_router.language.compile import Draft, Names, compile_document
from policy_router.language.document import Document
from policy_router.language.merge import LISTED, merge
from policy_router.language.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.language.files import PolicyFile
    from policy_router.language.merge import Places
    from policy_router.language.source import Path, Source
    from policy_router.model import Policy


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of policy files: a policy, unless one of the diagnostics is an error.

    sources: file name -> text. draft: what was learnt on the way, for lint; None when the files
    could not be read as a document at all.
    """

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    draft: Draft | None = None


def compile_files(files: Iterable[PolicyFile], table: Catalog | None = None) -> Loaded:
    """The policy that the files make together. `table` replaces LiteLLM's own table of models."""
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    sources: list[Source] = []
    broken: list[tuple[Source, Path]] = []
    unread = False
    for file in files:
        source, problems = parse(file.name, file.data)
        found.extend(problems)
        if source is None:
            texts[file.name] = file.data.decode("utf-8", "replace")
            unread = True
            continue
        texts[file.name] = source.text
        faults = schema.check(source)
        found.extend(d for _, d in faults)
        broken.extend((source, path) for path, _ in faults)
        if isinstance(source.data, dict):
            sources.append(source)
    if not sources:
        return Loaded(None, in_order(found), texts)
    merged, places, twice = merge(sources)
    found.extend(twice)
    names = _names(merged)
    # What is broken is taken out, so that the rest can be checked in the same run.
    data = copy.deepcopy(merged)
    homes = {places.home(path): path for path in _paths(merged)} if broken else {}
    # Last first: taking an item out of a list moves those behind it.
    for path in sorted({_nearest(homes, s, p) for s, p in broken}, key=_backwards):
        if path:
            _drop(data, places, path)
    document = _document(data, places, found)
    if document is None:
        return Loaded(None, in_order(found), texts)
    draft = Draft(document, places, table or catalog(), names, whole=not broken)
    # A file that could not be read may hold any name: then only what was read is judged.
    if unread:
        return Loaded(None, in_order(found), texts)
    failed = bool(found) and any(d.severity is Severity.ERROR for d in found)
    policy = compile_document(draft)
    return Loaded(None if failed else policy, in_order([*found, *draft.found]), texts, draft)


def in_order(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics by file, line and column, each once."""
    nowhere = Span("", 0, 0, 0, 0)
    return tuple(sorted(dict.fromkeys(found), key=lambda d: (d.span or nowhere, d.rule)))


def _names(merged: Mapping[str, Any]) -> Names:
    """Every name the files define, whether or not its definition holds up."""

    def entries(*way: str) -> dict[str, Any]:
        part: Any = merged
        for step in way:
            part = part.get(step) if isinstance(part, dict) else None
        return part if isinstance(part, dict) else {}

    models = entries("models")
    words: set[str] = set()
    for shape in models.values():
        if isinstance(shape, dict):
            tags = shape.get("tags")
            said = [
                shape.get("tier"),
                shape.get("model"),
                *(tags if isinstance(tags, list) else ()),
            ]
            words.update(word for word in said if isinstance(word, str))
    return Names(
        frozenset(models) | words,
        frozenset(entries("tasks")),
        frozenset(entries("complexity", "bands")),
        frozenset(entries("attributes")),
    )


def _paths(data: object, path: Path = ()) -> Iterable[Path]:
    yield path
    steps: Iterable[tuple[Any, object]] = ()
    if isinstance(data, dict):
        steps = data.items()
    elif isinstance(data, list):
        steps = enumerate(data)
    for step, inner in steps:
        yield from _paths(inner, (*path, step))


def _backwards(path: Path) -> list[tuple[int, str]]:
    return [(-step, "") if isinstance(step, int) else (0, step) for step in path]


def _nearest(homes: Mapping[tuple[Source, Path], Path], source: Source, path: Path) -> Path:
    """The path in the merged data of a part of one file."""
    for cut in range(len(path), -1, -1):
        found = homes.get((source, path[:cut]))
        if found is not None:
            return found
    return ()


def _drop(data: dict[str, Any], places: Places, path: Path) -> None:
    """Take the part at `path` out of the data, when it is still there."""
    if len(path) == 2 and path[0] in LISTED:
        listed = data.get(str(path[0]), [])
        if int(path[1]) < len(listed):
            del listed[int(path[1])]
            places.forget_item(str(path[0]), int(path[1]))
        return
    part: Any = data
    for step in path[:-1]:
        try:
            part = part[step]  # a mapping or a list, as the path has it
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(part, dict):
        part.pop(path[-1], None)
    elif isinstance(part, list):
        _drop(data, places, path[:-1])


def _document(data: dict[str, Any], places: Places, found: list[Diagnostic]) -> Document | None:
    """The data as a document. What the models refuse beyond the schema is worded here; what is
    refused is dropped, until the rest holds or nothing is left to drop."""
    clean = not found
    while True:
        try:
            return Document.model_validate(data)
        except ValidationError as error:
            if not _retreat(error, data, places, found, clean=clean):
                return None


def _retreat(
    error: ValidationError,
    data: dict[str, Any],
    places: Places,
    found: list[Diagnostic],
    *,
    clean: bool,
) -> bool:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        path = _in_data(data, problem["loc"])
        if clean:
            message = problem["msg"].removeprefix("Value error, ")
            found.append(
                Diagnostic("bad-value", Severity.ERROR, _lower(message), places.value(path))
            )
        target = path[:-1] if problem["type"] == "missing" and len(path) > 1 else path
        if target:
            _drop(data, places, target)
            return True
    return False


def _in_data(data: object, loc: Sequence[int | str]) -> Path:
    """Pydantic's location without its names of alternatives."""
    path: list[str | int] = []
    for step in loc:
        inner = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inner, dict) and step in inner:
            data = inner[step]
            path.append(step)
    return tuple(path)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
