"""Changes to the models of a policy: shown as a diff, checked, and written on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import fail, inform, show, show_json
from policy_router.cli.policy_files import checked, read_sources, write_sources
from policy_router.diagnostics import printable
from policy_router.quoting import quoted, unknown
from policy_router.views import edits as view
from policy_router.views import findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from policy_router.diagnostics import Span
    from policy_router.language.write.editable import EditablePolicy


def add(path: Path, name: str, fields: Sequence[str], *, write: bool, json: bool) -> None:
    """Add a model after the others.

    Args:
        path: The policy.
        name: The name of the model.
        fields: KEY=VALUE, each for a field of the model.
        write: Whether to change the files.
        json: Whether to print JSON.
    """
    policy = _editable(path)
    with_values = dict(map(_pair, fields))
    plain = {key: value for key, value in with_values.items() if "." not in key}
    try:
        policy.add("models", name, plain, {})
        _set(policy, name, {key: with_values[key] for key in with_values if key not in plain})
    except UsageError as problem:
        fail(printable(str(problem)))
    _finish(path, policy, write=write, json=json)


def set_fields(path: Path, name: str, fields: Sequence[str], *, write: bool, json: bool) -> None:
    """Change fields of a model.

    Args: as those of `add`.
    """
    policy = _editable(path)
    _known(policy, name)
    try:
        _set(policy, name, dict(map(_pair, fields)))
    except UsageError as problem:
        fail(printable(str(problem)))
    _finish(path, policy, write=write, json=json)


def remove(path: Path, name: str, *, write: bool, json: bool) -> None:
    """Remove a model, unless the policy names it.

    Args: as those of `add`.
    """
    from policy_router.language.write.references import references  # noqa: PLC0415  not for --help

    policy = _editable(path)
    _known(policy, name)
    try:
        found = references(policy.before, name)
        if found:
            _refuse(name, found, json=json)
        policy.unset(("models", name))
    except UsageError as problem:
        fail(printable(str(problem)))
    _finish(path, policy, write=write, json=json)


def _refuse(name: str, found: Mapping[Span, str], *, json: bool) -> None:
    if json:
        show_json(view.refusal_as_json(name, found))
    inform(*view.refusal_as_lines(name, found))
    raise typer.Exit(ExitCode.FINDINGS)


def _editable(path: Path) -> EditablePolicy:
    from policy_router.language.write.editable import EditablePolicy  # noqa: PLC0415  not for --help

    try:
        return EditablePolicy(read_sources(path))
    except UsageError as problem:
        fail(printable(str(problem)), ExitCode.FINDINGS)


def _known(policy: EditablePolicy, name: str) -> None:
    names = policy.entries("models")
    if name not in names:
        fail(unknown("model", name, names))


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        instead = f"model={quoted(word)}" if "/" in word and not equals else "tier=heavy"
        message = f"`{quoted(word)}` is not KEY=VALUE, such as `{instead}`"
        raise typer.BadParameter(message, param_hint="KEY=VALUE")
    return key, value


def _set(policy: EditablePolicy, name: str, fields: Mapping[str, str]) -> None:
    for key, value in fields.items():
        place = ("models", name, *key.split("."))
        if value:
            policy.set(place, value)
        else:
            policy.unset(place)


def _finish(path: Path, policy: EditablePolicy, *, write: bool, json: bool) -> None:
    """Show the change, check it, and write it if asked to."""
    from policy_router.language.write.text_edit import difference  # noqa: PLC0415  not for --help

    verdict = checked(policy.before, policy.after)
    diff = difference(policy.before, policy.after)
    written = bool(write and diff and not verdict.errors)
    if json:
        show_json(view.as_json(diff, verdict.errors, verdict.others, written=written))
    else:
        show(view.as_lines(diff))
    for each in (*verdict.errors, *verdict.others):
        inform(*findings.as_lines(each, verdict.report.sources))
    if verdict.errors:
        inform("nothing was written: the policy would have new errors")
        raise typer.Exit(ExitCode.FINDINGS)
    if written:
        write_sources(path, policy.before, policy.after)
    elif diff:
        inform("nothing was written: use --write to change the files")
