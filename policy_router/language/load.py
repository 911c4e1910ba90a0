"""Compiles policy files: runs every stage in order, and collects every problem of every file."""

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
"""Largest number of values and keys in all files of a policy."""
MAX_ENTRIES: Final = 10_000
"""Largest number of entries in each section: models, rules, tasks, and so on."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of compiling policy files.

    Attributes:
        policy: The policy; None when one of the diagnostics is an error.
        diagnostics: Every problem, by file, line and column.
        sources: File name -> text.
        draft: What is known about the document, for the rules of `check`; None when the files could
            not be read as a document at all.
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
    """Compile the files that make up one policy.

    Args:
        files: The files. A policy given as text is one file of any name.
        table: The table of models; default: LiteLLM's.
        cancelled: Returns whether the policy is no longer needed.
        complete: Whether these are all the files; else names may be defined elsewhere, and no
            policy is built.

    Raises:
        Cancelled: The policy is no longer wanted.
    """
    problems: list[Diagnostic] = []
    texts: dict[str, str] = {}
    sources: list[SourceFile] = []
    broken: list[tuple[SourceFile, Path]] = []
    unread: list[frozenset[str] | None] = [] if complete else [None]
    nodes = 0
    hints = Hints()
    for file in files:
        source, of_text = parse(file.name, file.data, cancelled)
        problems.extend(of_text)
        if source is None:
            texts[file.name] = as_text(file.data)
            # What is not UTF-8 cannot be searched for names either.
            blind = any(problem.rule == "not-utf8" for problem in of_text)
            unread.append(None if blind else words_of(texts[file.name]))
            continue
        texts[file.name] = source.text
        nodes += source.nodes
        if nodes > MAX_NODES_TOGETHER:
            problems.append(_too_many_nodes(source))
            return Loaded(None, in_order(problems), texts)
        of_schema = schema_errors.check(source, cancelled, hints)
        problems.extend(problem.diagnostic for problem in of_schema)
        broken.extend((source, problem.path) for problem in of_schema if problem.path is not None)
        if isinstance(source.data, dict):
            problems.extend(_no_tests(source) if file.only_tests else ())
            sources.append(source)
    if not sources:
        return Loaded(None, in_order(problems), texts)
    checkpoint(cancelled)
    merged, places, duplicates = merge(sources)
    problems.extend(duplicates)
    crowded = _crowded(merged, places)
    if crowded:
        return Loaded(None, in_order([*problems, *crowded]), texts)
    names = _names(merged, unread)
    # What is broken is removed, so that the rest can be checked in the same run.
    data = copy.deepcopy(merged)
    homes = {places.home(path): path for path in _paths(merged)}
    removed = {_unit(homes[place]) for place in broken if place in homes} - {()}
    # From the end, and parts before what contains them: removing an item moves those after it.
    for path in sorted(removed, reverse=True):
        _drop(data, places, path)
    if broken:
        data["version"] = 1  # where it is missing or wrong, that has been reported
    document = _document(data, places, problems)
    draft = Draft(
        document,
        places,
        table or catalog(),
        names,
        whole=not broken,
        hints=hints,
        cancelled=cancelled,
    )
    failed = any(problem.severity is Severity.ERROR for problem in problems)
    policy = compile_document(draft)
    return Loaded(
        None if failed else policy, in_order([*problems, *draft.diagnostics]), texts, draft
    )


def _no_tests(source: SourceFile) -> Iterable[Diagnostic]:
    """What a file of tests has besides tests."""
    for section in source.data:
        if section not in {"version", "tests"}:
            yield Diagnostic(
                "not-a-test",
                Severity.ERROR,
                f"`{section}` does not belong in a file of tests",
                source.key_span((section,)),
                "move it to a file of the policy, whose name does not end in `.test.yaml`",
            )


def _too_many_nodes(source: SourceFile) -> Diagnostic:
    return Diagnostic(
        "too-many-nodes",
        Severity.ERROR,
        f"the files have more than {MAX_NODES_TOGETHER:,} values together",
        source.value_span(()),
        "split them into several policies",
    )


def _crowded(merged: Mapping[str, Any], places: Places) -> list[Diagnostic]:
    """Sections with more entries than a policy may have."""
    return [
        Diagnostic(
            "too-many-entries",
            Severity.ERROR,
            f"`{section}` has {len(merged[section]):,} entries, more than {MAX_ENTRIES:,}",
            places.key((section,)),
            "split it into several policies",
        )
        for section in (*NAMED, *LISTED)
        if len(merged.get(section, ())) > MAX_ENTRIES
    ]


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics by file, line and column, without repetitions."""
    nowhere = Span("", 0, 0, 0, 0)
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span or nowhere, d.rule)))


def _names(merged: Mapping[str, Any], unread: Sequence[frozenset[str] | None]) -> Names:
    """Every name that the files define, including those whose definition is broken."""

    def entries(*way: str) -> dict[str, Any]:
        value: Any = merged
        for step in way:
            value = value.get(step) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    def named(*way: str) -> frozenset[str]:
        return frozenset(entries(*way))

    models = entries("models")
    rules = merged.get("rules")
    values_used: set[str] = set()
    for shape in models.values():
        if isinstance(shape, dict):
            tags = shape.get("tags")
            values = [
                shape.get("tier"),
                shape.get("model"),
                *(tags if isinstance(tags, list) else ()),
            ]
            values_used.update(value for value in values if isinstance(value, str))
    return Names(
        sections=frozenset(merged),
        models=frozenset(models),
        words=frozenset(values_used),
        tasks=named("tasks"),
        bands=named("complexity", "bands"),
        attributes=named("attributes"),
        budgets=named("budgets"),
        limits=named("limits"),
        experiments=named("experiments"),
        prompts=named("prompts"),
        rules=frozenset(
            rule["name"]
            for rule in (rules if isinstance(rules, list) else ())
            if isinstance(rule, dict) and isinstance(rule.get("name"), str)
        ),
        unread=tuple(unread),
    )


def _paths(data: object, path: Path = ()) -> Iterable[Path]:
    """The paths of the data and of everything in them."""
    yield path
    steps: Iterable[tuple[Any, object]] = ()
    if isinstance(data, dict):
        steps = data.items()
    elif isinstance(data, list):
        steps = enumerate(data)
    for step, inner in steps:
        yield from _paths(inner, (*path, step))


def _unit(path: Path) -> Path:
    """What is removed when the value at a path is broken: a field, or an item of a section that is
    a list; never one word of a list, because the others alone would mean something else."""
    for i, step in enumerate(path):
        if isinstance(step, int) and not (i == 1 and path[0] in LISTED):
            return path[:i]
    return path


def _drop(data: dict[str, Any], places: Places, path: Path) -> None:
    """Remove the value at a path from the data."""
    holder: Any = data
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    if isinstance(path[-1], int):
        places.forget_item(str(path[0]), path[-1])


def _document(data: dict[str, Any], places: Places, problems: list[Diagnostic]) -> Document:
    """The data as a document.

    What the document models refuse although the schema allows it is reported here, and removed
    until the rest is valid.

    Raises:
        ValidationError: Nothing can be removed that would make the data valid.
    """
    clean = not problems
    while True:
        try:
            return Document.model_validate(data)
        except ValidationError as error:
            refused: dict[Path, str] = {}
            for detail in error.errors(
                include_url=False, include_context=False, include_input=False
            ):
                # What is missing is not in the data: the path ends at the mapping that lacks it.
                refused.setdefault(_unit(_in_data(data, detail["loc"])), detail["msg"])
            refused.pop((), None)
            if not refused:
                raise
            for path, text in refused.items() if clean else ():
                message = text.removeprefix("Value error, ")
                message = message[:1].lower() + message[1:]
                span = places.value(path)
                problems.append(Diagnostic("bad-value", Severity.ERROR, message, span))
            for path in sorted(refused, reverse=True):
                _drop(data, places, path)


def _in_data(data: object, loc: Sequence[int | str]) -> Path:
    """A location of pydantic as a path: without the names of alternatives."""
    path: list[str | int] = []
    for step in loc:
        inner = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inner, dict) and step in inner:
            data = inner[step]
            path.append(step)
    return tuple(path)
