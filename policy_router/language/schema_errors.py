"""Errors of the schema in our own words: jsonschema decides, and each verdict becomes a diagnostic
with its place and a help line."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.flow import flow
from policy_router.language.habits import (
    BOOLEANS,
    FIELDS_OF_OTHER_TOOLS,
    NO_PARAMETERS,
    REASONS,
    WEEKDAYS,
)
from policy_router.language.schema import generated, validator
from policy_router.language.schema_words import (
    article,
    describe,
    examples,
    resolve,
    short,
    shown,
    where,
)
from policy_router.redaction.names import is_name_of_secret
from policy_router.resilience.cancellation import Poll, checkpoint, never
from policy_router.suggest import Hints
from policy_router.units import DAY_RANGE, PERCENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

    from policy_router.language.source import Path, SourceFile


class FileProblem(NamedTuple):
    """Something that the schema does not allow.

    Attributes:
        path: The part of the file that is wrong; None when the rest can be read in spite of it.
        diagnostic: What is wrong, where, and what to do.
        meant: The field that a mistyped one was most likely meant to be.
    """

    path: Path | None
    diagnostic: Diagnostic
    meant: str | None = None


def check(
    source: SourceFile, cancelled: Poll = never, hints: Hints | None = None
) -> list[FileProblem]:
    """Everything in a file that the schema does not allow.

    A mistyped field is one mistake, so it is renamed in the data to the field that was meant, and
    what would follow from the absence of that field is not reported.

    Args:
        source: The file. Mistyped fields of its data are renamed.
        cancelled: Whether the result is no longer wanted.
        hints: Suggestions for mistyped words, with the effort they may take.

    Raises:
        Cancelled: The result is no longer wanted.
    """
    hints = hints or Hints()
    if not isinstance(source.data, dict):
        message = (
            "the file is empty" if source.data is None else "a policy is a mapping of sections"
        )
        span, help_ = source.value_span(()), "begin with  version: 1"
        return [FileProblem((), Diagnostic("wrong-type", Severity.ERROR, message, span, help_))]
    settled: list[FileProblem] = []
    renamed: set[Path] = set()
    problems = _validate(source, cancelled, hints)
    # Each round settles one level of the nesting.
    while meant := {
        p.path: p.meant for p in problems if p.path is not None and p.meant is not None
    }:
        settled += [FileProblem(None, p.diagnostic) for p in problems if p.meant is not None]
        renamed |= source.rename(meant)
        problems = _validate(source, cancelled, hints)
    # The value of a mistyped field may not fit the field that was meant: then it is left out.
    settled += [p for p in problems if p.path not in renamed]
    settled += [p._replace(diagnostic=settled[0].diagnostic) for p in problems if p.path in renamed]
    return settled


def _validate(source: SourceFile, cancelled: Poll, hints: Hints) -> list[FileProblem]:
    problems: list[FileProblem] = []
    checkpoint(cancelled)
    for error in validator().iter_errors(source.data):
        checkpoint(cancelled)
        problems.extend(_problems(error, source, hints))
    return problems


def _problems(error: ValidationError, source: SourceFile, hints: Hints) -> Iterator[FileProblem]:
    """The problems that one error of jsonschema stands for."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "anyOf":
        yield from _choice(error, source, path, hints)
    elif error.validator == "additionalProperties":
        yield from _unknown_fields(error, source, path, hints)
    elif error.validator == "required":
        yield FileProblem(path, _missing(error, source, path))
    else:
        yield FileProblem(path, _bad_value(error, source, path, hints))


def _schema(error: ValidationError) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = error.schema  # type: ignore[assignment]  # ours are all mappings
    return schema


def _choice(
    error: ValidationError, source: SourceFile, path: Path, hints: Hints
) -> Iterator[FileProblem]:
    """The problems of the alternative whose type the value has; else that no alternative has it."""
    branches = list(_schema(error)["anyOf"])
    by_branch: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        by_branch.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    depth = len(error.absolute_path)
    fitting = [
        errors
        for errors in by_branch.values()
        if not any(e.validator == "type" and len(e.absolute_path) == depth for e in errors)
    ]
    if len(fitting) == 1:
        for inner in fitting[0]:
            for problem in _problems(inner, source, hints):
                diagnostic = problem.diagnostic
                help_ = diagnostic.help
                if problem.path == path:
                    help_ = help_ or examples(_schema(error))
                    if diagnostic.rule == "unknown-word":
                        help_ = _or_mapping(str(error.instance), help_, map(resolve, branches))
                yield problem._replace(diagnostic=replace(diagnostic, help=help_))
        return
    types = " or ".join(dict.fromkeys(describe(resolve(b)) for b in branches))
    yield FileProblem(
        path,
        Diagnostic(
            "wrong-type",
            Severity.ERROR,
            f"{where(path)} is {shown(error.instance)}, not {types}",
            source.key_span(path) if error.instance is None else source.value_span(path),
            examples(_schema(error)) or (examples(resolve(branches[-1]))),
        ),
    )


def _or_mapping(word: str, help_: str, branches: Iterable[Mapping[str, Any]]) -> str:
    """The help for an unknown word where a mapping is allowed too."""
    forms = {}
    for branch in branches:
        fields = branch.get("properties", {})
        example = {name: field["examples"][0] for name, field in fields.items()}
        forms.update(dict.fromkeys(fields, f"`{flow(example)}`"))
    key = word.partition(":")[0]
    if key in forms:
        return f"write the mapping without quotes around it: {forms[key]}"
    if not forms or help_.startswith("did you mean"):
        return help_
    return f"{help_}; or write it like {' or '.join(dict.fromkeys(forms.values()))}"


def _unknown_fields(
    error: ValidationError, source: SourceFile, path: Path, hints: Hints
) -> Iterator[FileProblem]:
    schema = _schema(error)
    fields = list(schema.get("properties", ()))
    patterns = list(schema.get("patternProperties", ()))
    present: Mapping[str, object] = error.instance  # type: ignore[assignment]  # this validator is about mappings
    suggested: set[str] = set()
    for key in present:
        if key in fields or any(re.search(p, key) for p in patterns):
            continue
        span = source.key_span((*path, key))
        if any(p.startswith(PERCENT.pattern.removesuffix("$")) for p in patterns):
            yield FileProblem(
                (*path, key),
                Diagnostic(
                    "bad-unit",
                    Severity.ERROR,
                    f"`{short(key)}` is not {article(PERCENT.name)} {PERCENT.name}",
                    span,
                    f"write it like `{PERCENT.examples[-1]}`",
                ),
            )
            continue
        if patterns:
            yield FileProblem(
                (*path, key),
                Diagnostic(
                    "bad-name",
                    Severity.ERROR,
                    f"`{short(key)}` is not a valid name in {where(path)}",
                    span,
                    _NAMES.get(path, _NAME),
                ),
            )
            continue
        inside = f" in {where(path)}" if path else ""
        free = [k for k in fields if k not in present and k not in suggested]
        help_ = _habit(key, path)
        meant = None if help_ else hints.did_you_mean(key, free)
        if meant is not None:
            help_ = f"did you mean `{meant}`?"
        elif not help_ and (homes := _sections_with(key)):
            help_ = f"`{key}` belongs under {homes}"
        elif not help_:
            help_ = _close_field(key, free, fields, hints)
        suggested |= {meant} if meant else set()
        yield FileProblem(
            (*path, key),
            Diagnostic(
                "unknown-field",
                Severity.ERROR,
                f"unknown field `{short(key)}`{inside}",
                span,
                help_,
            ),
            meant,
        )


def _habit(key: str, path: Path) -> str:
    """What to write instead of a field of another tool; "" when the field is none."""
    if len(path) == 3 and path[0] == "models" and path[2] in ("params", "defaults"):
        return NO_PARAMETERS.get(key, "")
    if len(path) > 2 or (len(path) == 2 and path[0] == "fallback"):
        return ""
    return FIELDS_OF_OTHER_TOOLS.get(str(path[0]) if path else "", {}).get(key, "")


def _sections_with(key: str) -> str:
    sections = [name for name, fields in _fields_by_section().items() if key in fields]
    return ", ".join(f"`{section}`" for section in sections)


_NAME: Final = "a name has letters, digits, `-` and `_`, and begins with a letter or digit"
_NAMES: Final[Mapping[Path, str]] = {
    ("models",): "a name has letters, digits, `.`, `_`, `:` and `-`, and begins with a letter or "
    "digit",
    ("aliases",): "a name has letters, digits and `._:/@+!-`, and as a pattern `*`, `?` and "
    "`[...]`; no spaces",
    ("attributes",): "a name has lower-case letters, digits and `_`, and begins with a letter",
}
"""What the names in a mapping consist of, where it differs from `_NAME`."""


def _close_field(key: str, free: Sequence[str], fields: Sequence[str], hints: Hints) -> str:
    """The help for an unknown field that is not close to any field that is still missing."""
    close = hints.did_you_mean(key, fields)
    if close is not None and close not in free:
        return f"`{close}` is already set"
    return hints.help_line(key, free or fields)


@cache
def _fields_by_section() -> Mapping[str, frozenset[str]]:
    """Section -> the fields that it may have."""
    schema = generated()
    fields: dict[str, frozenset[str]] = {"the top level": frozenset(schema["properties"])}
    for section, part in schema["properties"].items():
        inner = resolve(part)
        for step in ("items", "patternProperties"):
            if step in inner:
                inner = inner[step] if step == "items" else next(iter(inner[step].values()))
                inner = resolve(inner)
        if "properties" in inner:
            fields[section] = frozenset(inner["properties"])
    return fields


def _missing(error: ValidationError, source: SourceFile, path: Path) -> Diagnostic:
    schema = _schema(error)
    name = next(n for n in schema["required"] if f"'{n}'" in error.message)
    return Diagnostic(
        "missing-field",
        Severity.ERROR,
        f"{where(path) or 'the file'} has no `{name}`",
        source.key_span(path),
        examples(schema["properties"][name], name),
    )


def _bad_value(error: ValidationError, source: SourceFile, path: Path, hints: Hints) -> Diagnostic:
    value: object = error.instance
    schema, keyword = _schema(error), str(error.validator)
    unit = schema.get("x-kind")
    name, text = where(path), shown(value)
    help_ = examples(schema)
    if _may_be_a_secret(value, path):
        # What stands where the name of a variable is expected is most likely the key itself.
        text, help_ = "the value", _variable(str(value), help_)
    rule = "bad-value"
    if unit is not None:
        rule, message = "bad-unit", f"{text} is not {article(unit)} {unit}"
        if unit == DAY_RANGE.name:
            help_ = _weekdays(str(value)) or help_
    elif value is None:
        rule, message = "wrong-type", f"{name} is empty"
        help_ = "; ".join(filter(None, ("give it a value, or remove the key", help_)))
    elif keyword == "type":
        rule = "wrong-type"
        if isinstance(value, str):
            text, help_ = _quoted(value, source.written(path), schema, text, help_)
        message = f"{name} is {text}, not {describe(schema)}"
    elif keyword in ("enum", "const"):
        rule, message = "unknown-word", f"{text} is not allowed for {name}"
        known = [str(word) for word in schema.get("enum", [schema.get("const")])]
        meant = REASONS.get(str(value)) if path[-2:-1] == ("reasons",) else None
        help_ = f"did you mean `{meant}`?" if meant else hints.help_line(str(value), known)
    elif path == ("version",):
        message = f"version {text} of the policy language is unknown"
        help_ = f"this release of policy-router reads version {schema['maximum']}"
    else:
        message = _MESSAGES.get(keyword, "{value} is not allowed for {name}").format(
            value=text, name=name, bound=schema[keyword]
        )
    span = source.key_span(path) if value is None else source.value_span(path)
    return Diagnostic(rule, Severity.ERROR, message, span, help_)


_MESSAGES: Final = {
    "minimum": "{value} is less than {bound}, the least allowed",
    "exclusiveMinimum": "{value} is not more than {bound}, as it must be",
    "maximum": "{value} is more than {bound}, the most allowed",
    **dict.fromkeys(("minLength", "minItems", "minProperties"), "{name} is empty"),
    "maxLength": "{name} is longer than {bound} characters",
}
"""Keyword of the schema -> the message about a value that breaks it."""


def _quoted(
    value: str, written: str, schema: Mapping[str, Any], text: str, help_: str
) -> tuple[str, str]:
    """A string that stands where another type is wanted, as text, and the help about it."""
    in_quotes = written.startswith(("'", '"'))
    if in_quotes:
        # The quotes are what makes it a string.
        text = f"the string `{short(written)}`"
        help_ = f"write {value} without quotes" if _fits(value, schema) else help_
    if schema.get("type") == "boolean" and value.casefold() in BOOLEANS:
        meant = str(BOOLEANS[value.casefold()]).lower()
        help_ = f"write {meant}{' without quotes' if in_quotes else ''}"
    return text, help_


def _weekdays(text: str) -> str:
    """The help about days whose names are written out or in upper case; empty for anything else."""
    days = [WEEKDAYS.get(day.strip(), day.strip()) for day in text.casefold().split("-")]
    meant = "-".join(days)
    return f"did you mean `{meant}`?" if re.search(DAY_RANGE.pattern, meant) else ""


def _may_be_a_secret(value: object, path: Path) -> bool:
    """Whether a value stands where the name of a variable is expected, and looks like none."""
    fields = [step for step in path if isinstance(step, str)]  # also of one name in a list
    named = bool(fields) and is_name_of_secret(fields[-1])
    return named and _VARIABLE.fullmatch(str(value)) is None


def _variable(value: str, examples: str) -> str:
    """The help for a value that is not the name of a variable."""
    reference = _REFERENCE.fullmatch(value)
    if reference is not None:
        return f"write the name of the variable without `$`: `{reference[1]}`"
    return f"write the name of a variable, never the key itself; {examples}"


_REFERENCE: Final = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)\}?")
"""A variable as shells write it."""
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z_]*_[A-Za-z_]*")


_UNQUOTED: Final = {
    "integer": re.compile(r"-?(?:0|[1-9][0-9]{0,17})"),
    "number": re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?"),
    "boolean": re.compile(r"true|false"),
}


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether a string in quotes would be of the right type without them."""
    pattern = _UNQUOTED.get(schema["type"])
    return pattern is not None and pattern.fullmatch(text) is not None
