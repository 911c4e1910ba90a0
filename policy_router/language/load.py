"""Policy files to a compiled policy: every stage in order, every problem of every file at once."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from policy_router.catalog.table import Catalog, catalog
from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.language import schema_errors
from policy_router.language.compile.draft import Draft, Names, words_of
from policy_router.language.compile.policy import compile_document
from policy_router.language.document.document import Document
from policy_router.language.merge import LISTED, NAMED, merge
from policy_router.language.source import as_text
from policy_router.language.yaml_reader import parse
from policy_router.resilience.cancellation import Poll, checkpoint, never
from policy_router.suggest import Hints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.language.files import PolicyFile
    from policy_router.language.merge import Places
    from policy_router.language.source import Path, SourceFile


MAX_NODES_TOGETHER: Final = 200_000
"""Values and keys in all files of a policy."""
MAX_ENTRIES: Final = 10_000
"""Models, rules, tasks, and so on, of each kind."""


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


def compile_files(
    files: Iterable[PolicyFile],
    table: Catalog | None = None,
    cancelled: Poll = never,
    *,
    complete: bool = True,
) -> Loaded:
    """The policy that the files make together. `table` replaces LiteLLM's own table of models.
    Raises Cancelled soon after `cancelled` returns true. complete: there are no further files, with
    which others are wrong; else there is no policy."""
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    sources: list[SourceFile] = []
    broken: list[tuple[SourceFile, Path]] = []
    unread: list[frozenset[str] | None] = [] if complete else [None]
    nodes = 0
    hints = Hints()
    for file in files:
        source, problems = parse(file.name, file.data, cancelled)
        found.extend(problems)
        if source is None:
            texts[file.name] = as_text(file.data)
            # What is not UTF-8 cannot be searched for names either.
            blind = any(problem.rule == "not-utf8" for problem in problems)
            unread.append(None if blind else words_of(texts[file.name]))
            continue
        texts[file.name] = source.text
        nodes += source.nodes
        if nodes > MAX_NODES_TOGETHER:
            found.append(_too_many_nodes(source))
            return Loaded(None, in_order(found), texts)
        faults = schema_errors.check(source, cancelled, hints)
        found.extend(fault.diagnostic for fault in faults)
        broken.extend((source, fault.path) for fault in faults if fault.path is not None)
        if isinstance(source.data, dict):
            sources.append(source)
    if not sources:
        return Loaded(None, in_order(found), texts)
    checkpoint(cancelled)
    merged, places, twice = merge(sources)
    found.extend(twice)
    crowded = _crowded(merged, places)
    if crowded:
        return Loaded(None, in_order([*found, *crowded]), texts)
    names = _names(merged, unread)
    # What is broken is taken out, so that the rest can be checked in the same run.
    data = copy.deepcopy(merged)
    homes = {places.home(path): path for path in _paths(merged)}
    gone = {_unit(homes[part]) for part in broken if part in homes} - {()}
    # Last first, and parts before what holds them: taking an item out moves those behind it.
    for path in sorted(gone, reverse=True):
        _drop(data, places, path)
    if broken:
        data["version"] = 1  # missing or wrong, it has been reported
    document = _document(data, places, found)
    draft = Draft(
        document,
        places,
        table or catalog(),
        names,
        whole=not broken,
        hints=hints,
        cancelled=cancelled,
    )
    failed = bool(found) and any(d.severity is Severity.ERROR for d in found)
    policy = compile_document(draft)
    return Loaded(None if failed else policy, in_order([*found, *draft.diagnostics]), texts, draft)


def _too_many_nodes(source: SourceFile) -> Diagnostic:
    return Diagnostic(
        "too-many-nodes",
        Severity.ERROR,
        f"the files have more than {MAX_NODES_TOGETHER:,} values together",
        source.value_span(()),
        "make several policies of them",
    )


def _crowded(merged: Mapping[str, Any], places: Places) -> list[Diagnostic]:
    """Sections of more entries than a policy may have."""
    return [
        Diagnostic(
            "too-many-entries",
            Severity.ERROR,
            f"`{section}` has {len(merged[section]):,} entries, more than {MAX_ENTRIES:,}",
            places.key((section,)),
            "make several policies of it",
        )
        for section in (*NAMED, *LISTED)
        if len(merged.get(section, ())) > MAX_ENTRIES
    ]


def in_order(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics by file, line and column, each once."""
    nowhere = Span("", 0, 0, 0, 0)
    return tuple(sorted(dict.fromkeys(found), key=lambda d: (d.span or nowhere, d.rule)))


def _names(merged: Mapping[str, Any], unread: Sequence[frozenset[str] | None]) -> Names:
    """Every name the files define, whether or not its definition holds up."""

    def entries(*way: str) -> dict[str, Any]:
        part: Any = merged
        for step in way:
            part = part.get(step) if isinstance(part, dict) else None
        return part if isinstance(part, dict) else {}

    def named(*way: str) -> frozenset[str]:
        return frozenset(entries(*way))

    models = entries("models")
    rules = merged.get("rules")
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
        sections=frozenset(merged),
        models=frozenset(models),
        words=frozenset(words),
        tasks=named("tasks"),
        bands=named("complexity", "bands"),
        attributes=named("attributes"),
        budgets=named("budgets"),
        limits=named("limits"),
        experiments=named("experiments"),
        rules=frozenset(
            rule["name"]
            for rule in (rules if isinstance(rules, list) else ())
            if isinstance(rule, dict) and isinstance(rule.get("name"), str)
        ),
        unread=tuple(unread),
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


def _unit(path: Path) -> Path:
    """The part that is left out when the one at `path` is broken: a field, or an item of a list
    of named things; not one word of a list, without which the others mean something else."""
    for i, step in enumerate(path):
        if isinstance(step, int) and not (i == 1 and path[0] in LISTED):
            return path[:i]
    return path


def _drop(data: dict[str, Any], places: Places, path: Path) -> None:
    """Take the part at `path` out of the data."""
    part: Any = data
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    if isinstance(path[-1], int):
        places.forget_item(str(path[0]), path[-1])


def _document(data: dict[str, Any], places: Places, found: list[Diagnostic]) -> Document:
    """The data as a document. What the models refuse beyond the schema is worded here; what is
    refused is dropped, until the rest holds. Raises ValidationError when nothing can be."""
    clean = not found
    while True:
        try:
            return Document.model_validate(data)
        except ValidationError as error:
            problems: dict[Path, str] = {}
            for each in error.errors(include_url=False, include_context=False, include_input=False):
                # What is missing is not in the data: the path ends at the part that misses it.
                problems.setdefault(_unit(_in_data(data, each["loc"])), each["msg"])
            problems.pop((), None)
            if not problems:
                raise
            for path, said in problems.items() if clean else ():
                message = said.removeprefix("Value error, ")
                message = message[:1].lower() + message[1:]
                at = places.value(path)
                found.append(Diagnostic("bad-value", Severity.ERROR, message, at))
            for path in sorted(problems, reverse=True):
                _drop(data, places, path)


def _in_data(data: object, loc: Sequence[int | str]) -> Path:
    """Pydantic's location without its names of alternatives."""
    path: list[str | int] = []
    for step in loc:
        inner = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inner, dict) and step in inner:
            data = inner[step]
            path.append(step)
    return tuple(path)
