"""What the schema finds wrong with a file: jsonschema gives the verdict; the words, the place and
the help are ours."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.flow import flow
from policy_router.language.habits import BOOLEANS, SAID_ELSEWHERE
from policy_router.language.schema import generated, validator
from policy_router.redaction.names import is_name_of_secret
from policy_router.resilience.cancellation import Poll, checkpoint, never
from policy_router.suggest import Hints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

    from policy_router.language.source import Path, SourceFile


class SchemaError(NamedTuple):
    """Something wrong with a file. path: of the part that is wrong; None when what is left of the
    file can be read without it. meant: what a mistyped field was most likely meant to be."""

    path: Path | None
    diagnostic: Diagnostic
    meant: str | None = None


def check(
    source: SourceFile, cancelled: Poll = never, hints: Hints | None = None
) -> list[SchemaError]:
    """What the schema finds wrong with a file, worded and placed. Raises Cancelled.

    A mistyped field is one mistake, so the data are given the field that was meant, and what
    follows from its absence is not reported.
    """
    hints = hints or Hints()
    if not isinstance(source.data, dict):
        where = source.value_span(())
        message = (
            "the file is empty" if source.data is None else "a policy is a mapping of sections"
        )
        help_ = "begin with  version: 1"
        return [SchemaError((), Diagnostic("wrong-type", Severity.ERROR, message, where, help_))]
    settled: list[SchemaError] = []
    renamed: set[Path] = set()
    found = _look(source, cancelled, hints)
    # Each round settles one level of the nesting.
    while meant := {f.path: f.meant for f in found if f.path is not None and f.meant is not None}:
        settled += [SchemaError(None, f.diagnostic) for f in found if f.meant is not None]
        renamed |= source.rename(meant)
        found = _look(source, cancelled, hints)
    # What a mistyped field holds may not fit the one we took it for: then it is left out.
    settled += [f for f in found if f.path not in renamed]
    settled += [f._replace(diagnostic=settled[0].diagnostic) for f in found if f.path in renamed]
    return settled


def _look(source: SourceFile, cancelled: Poll, hints: Hints) -> list[SchemaError]:
    found: list[SchemaError] = []
    checkpoint(cancelled)
    for error in validator().iter_errors(source.data):
        checkpoint(cancelled)
        found.extend(_word(error, source, hints))
    return found


def _word(error: ValidationError, source: SourceFile, hints: Hints) -> Iterator[SchemaError]:
    path: Path = tuple(error.absolute_path)
    if error.validator == "anyOf":
        yield from _choice(error, source, path, hints)
    elif error.validator == "additionalProperties":
        yield from _unknown_fields(error, source, path, hints)
    elif error.validator == "required":
        yield SchemaError(path, _missing(error, source, path))
    else:
        yield SchemaError(path, _bad_value(error, source, path, hints))


def _schema(error: ValidationError) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = error.schema  # type: ignore[assignment]  # ours are all mappings
    return schema


def _choice(
    error: ValidationError, source: SourceFile, path: Path, hints: Hints
) -> Iterator[SchemaError]:
    """Of the alternatives, speak about the one whose type the value has."""
    branches = list(_schema(error)["anyOf"])
    by_branch: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        by_branch.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    depth = len(error.absolute_path)
    fitting = [
        found
        for found in by_branch.values()
        if not any(e.validator == "type" and len(e.absolute_path) == depth for e in found)
    ]
    if len(fitting) == 1:
        for inner in fitting[0]:
            for fault in _word(inner, source, hints):
                d = fault.diagnostic
                ours = d.help or (_examples(_schema(error)) if fault.path == path else "")
                if d.rule == "unknown-word" and fault.path == path:
                    ours = _or_mapping(str(error.instance), ours, map(_resolve, branches))
                yield fault._replace(diagnostic=replace(d, help=ours))
        return
    kinds = " or ".join(dict.fromkeys(describe(_resolve(b)) for b in branches))
    yield SchemaError(
        path,
        Diagnostic(
            "wrong-type",
            Severity.ERROR,
            f"{_where(path)} is {_shown(error.instance)}, not {kinds}",
            source.key_span(path) if error.instance is None else source.value_span(path),
            _examples(_schema(error)) or (_examples(_resolve(branches[-1]))),
        ),
    )


def _or_mapping(word: str, help_: str, branches: Iterable[Mapping[str, Any]]) -> str:
    """The help for an unknown word where a mapping may stand as well."""
    shown = {}
    for branch in branches:
        fields = branch.get("properties", {})
        example = {name: field["examples"][0] for name, field in fields.items()}
        shown.update(dict.fromkeys(fields, f"`{flow(example)}`"))
    key = word.partition(":")[0]
    if key in shown:
        return f"it is a mapping: {shown[key]}, without quotes around it"
    if not shown or help_.startswith("did you mean"):
        return help_
    return f"{help_}; or write it like {' or '.join(dict.fromkeys(shown.values()))}"


def _unknown_fields(
    error: ValidationError, source: SourceFile, path: Path, hints: Hints
) -> Iterator[SchemaError]:
    schema = _schema(error)
    known = list(schema.get("properties", ()))
    patterns = list(schema.get("patternProperties", ()))
    present: Mapping[str, object] = error.instance  # type: ignore[assignment]  # this validator is about mappings
    taken: set[str] = set()
    for key in present:
        if key in known or any(re.search(p, key) for p in patterns):
            continue
        span = source.key_span((*path, key))
        if patterns:
            yield SchemaError(
                (*path, key),
                Diagnostic(
                    "bad-name",
                    Severity.ERROR,
                    f"`{_short(key)}` cannot be a name in {_where(path)}",
                    span,
                    "a name begins with a letter or digit; then letters, digits, `-` and `_`",
                ),
            )
            continue
        inside = f" in {_where(path)}" if path else ""
        free = [k for k in known if k not in present and k not in taken]
        help_ = _elsewhere(key, path)
        meant = None if help_ else hints.did_you_mean(key, free)
        if meant is not None:
            help_ = f"did you mean `{meant}`?"
        elif not help_ and (homes := _homes_of(key)):
            help_ = f"`{key}` belongs under {homes}"
        elif not help_:
            help_ = _better(key, free, known, hints)
        taken |= {meant} if meant else set()
        yield SchemaError(
            (*path, key),
            Diagnostic(
                "unknown-field",
                Severity.ERROR,
                f"unknown field `{_short(key)}`{inside}",
                span,
                help_,
            ),
            meant,
        )


def _elsewhere(key: str, path: Path) -> str:
    """What to say of a field that people write here by habit of other tools; "" when there is
    nothing to say."""
    if len(path) > 2 or (len(path) == 2 and path[0] == "fallback"):
        return ""
    return SAID_ELSEWHERE.get(str(path[0]) if path else "", {}).get(key, "")


def _homes_of(key: str) -> str:
    homes = [name for name, fields in _homes().items() if key in fields]
    return ", ".join(f"`{home}`" for home in homes)


def _better(key: str, free: Sequence[str], known: Sequence[str], hints: Hints) -> str:
    """What there is instead of an unknown field; one that is there already is no slip of it."""
    close = hints.did_you_mean(key, known)
    if close is not None and close not in free:
        return f"`{close}` is there already"
    return hints.help_line(key, free or known)


@cache
def _homes() -> Mapping[str, frozenset[str]]:
    """Section -> the fields that stand in it."""
    schema = generated()
    found: dict[str, frozenset[str]] = {"the top level": frozenset(schema["properties"])}
    for section, part in schema["properties"].items():
        inner = _resolve(part)
        for step in ("items", "patternProperties"):
            if step in inner:
                inner = inner[step] if step == "items" else next(iter(inner[step].values()))
                inner = _resolve(inner)
        if "properties" in inner:
            found[section] = frozenset(inner["properties"])
    return found


def _missing(error: ValidationError, source: SourceFile, path: Path) -> Diagnostic:
    schema = _schema(error)
    name = next(n for n in schema["required"] if f"'{n}'" in error.message)
    return Diagnostic(
        "missing-field",
        Severity.ERROR,
        f"{_where(path) or 'the file'} has no `{name}`",
        source.key_span(path),
        _examples(schema["properties"][name], name),
    )


def _bad_value(error: ValidationError, source: SourceFile, path: Path, hints: Hints) -> Diagnostic:
    value: object = error.instance
    schema, validator = _schema(error), str(error.validator)
    kind = schema.get("x-kind")
    shown, help_ = _shown(value), _examples(schema)
    if path and _VARIABLE.fullmatch(str(value)) is None and is_name_of_secret(str(path[-1])):
        # What stands where the name of a variable is expected is most likely the key itself.
        shown, help_ = "the value", _variable(str(value), help_)
    rule, message = "bad-value", f"{shown} is not allowed for {_where(path)}"
    if kind is not None:
        article = "an" if kind[0] in "aeiou" else "a"
        rule, message = "bad-unit", f"{shown} is not {article} {kind}"
    elif value is None:
        rule, message = "wrong-type", f"{_where(path)} is empty"
        help_ = "give it a value, or leave the key out" + (f"; {help_}" if help_ else "")
    elif validator == "type":
        written = source.written(path)
        if isinstance(value, str) and written.startswith(("'", '"')):
            # The quotes are what makes it a text.
            shown = f"the text `{_short(written)}`"
            help_ = f"write {value} without quotes" if _fits(value, schema) else help_
        if schema.get("type") == "boolean" and str(value).casefold() in BOOLEANS:
            quotes = " without quotes" if written.startswith(("'", '"')) else ""
            help_ = f"write {str(BOOLEANS[str(value).casefold()]).lower()}{quotes}"
        rule, message = "wrong-type", f"{_where(path)} is {shown}, not {describe(schema)}"
    elif validator in ("enum", "const"):
        known = [str(v) for v in schema.get("enum", [schema.get("const")])]
        rule, message = "unknown-word", f"{shown} is not known in {_where(path)}"
        help_ = hints.help_line(str(value), known)
    elif path == ("version",):
        latest = schema["maximum"]
        message = f"{shown} is no version of this language that is known here"
        help_ = f"this release of policy-router reads version {latest}"
    elif validator in ("minimum", "maximum"):
        edge = schema[validator]
        word = "less" if validator == "minimum" else "more"
        message = (
            f"{shown} is {word} than {edge}, the {'least' if word == 'less' else 'most'} allowed"
        )
    elif validator in ("minLength", "minItems", "minProperties"):
        message = f"{_where(path)} is empty"
    elif validator == "maxLength":
        message = f"{_where(path)} is longer than {schema[validator]} characters"
    span = source.key_span(path) if value is None else source.value_span(path)
    return Diagnostic(rule, Severity.ERROR, message, span, help_)


def _variable(value: str, examples: str) -> str:
    """How to name a variable, for a value that is no name of one."""
    reference = _REFERENCE.fullmatch(value)
    if reference is not None:
        return f"name the variable alone, without `$`: `{reference[1]}`"
    return f"give the name of a variable, never the key itself; {examples}"


_REFERENCE: Final = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)\}?")
"""A variable as shells write it."""
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z_]*_[A-Za-z_]*")
_KINDS: Final = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
}


_UNQUOTED: Final = {
    "integer": re.compile(r"-?(?:0|[1-9][0-9]{0,17})"),
    "number": re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?"),
    "boolean": re.compile(r"true|false"),
}


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether a text in quotes would be of the right type without them."""
    pattern = _UNQUOTED.get(schema["type"])
    return pattern is not None and pattern.fullmatch(text) is not None


def describe(schema: Mapping[str, Any]) -> str:
    """What a schema asks for, in words."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{v}`" for v in schema["enum"])
    kinds = schema.get("type", "string")
    return " or ".join(_KINDS[k] for k in ([kinds] if isinstance(kinds, str) else kinds))


def _resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = schema.get("allOf", [schema])[0]
    if "$ref" not in inner:
        return schema
    found: Mapping[str, Any] = generated()["definitions"][inner["$ref"].rsplit("/", 1)[1]]
    return found


def _examples(schema: Mapping[str, Any], name: str = "") -> str:
    """`write it like ...`, from the schema's own examples."""
    shown = [flow(e) for e in schema.get("examples", ())]
    if not shown:
        return ""
    prefix = f"{name}: " if name else ""
    return "write it like " + " or ".join(f"`{prefix}{s}`" for s in shown[:3])


def _where(path: Path) -> str:
    """A path as people say it: `models.qwen.tier`, `rules[2]`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return f"`{_short(text)}`" if text else ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return f"`{str(value).lower()}`"
    return f"`{_short(str(value))}`"
