"""The `schema` command: the JSON Schema of policy files, for editors."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from policy_router.cli.output import cause, fail, inform, show_json, write
from policy_router.cli.schema_file import generated, write_schema
from policy_router.diagnostics import printable

PUBLISHED: Final = Path("schemas/policy.schema.json")
"""Path of the schema in the editor settings, unless it is written elsewhere."""
SETTINGS: Final = Path(".vscode/settings.json")
KEY: Final = "yaml.schemas"


def schema(
    *,
    vscode: Annotated[
        bool, typer.Option("--vscode", help="Print the VS Code setting that enables the schema.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help=f"Add that setting to {SETTINGS}.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a reference of all fields, in Markdown.")
    ] = False,
    path: Annotated[
        Path | None, typer.Option("--write", metavar="PATH", help="Write the schema to this file.")
    ] = None,
) -> None:
    """Print the JSON Schema of policy files.

    \b
    policy-router schema --write schemas/policy.schema.json
    policy-router schema --vscode --merge
    """
    if path is not None:
        try:
            write_schema(path)
        except OSError as problem:
            fail(f"cannot write {path}: {cause(problem)}")
        inform(printable(f"wrote {path}"))
    if vscode or merge:
        place = path or PUBLISHED
        name = place.as_posix() if place.is_absolute() else f"./{place.as_posix()}"
        setting = {name: ["policies/*.yaml", "policies/*.yml"]}
        if merge:
            _merge(setting)
            return
        show_json({KEY: setting})
        inform(
            f"add it to {SETTINGS}, or use --merge; redirecting the output would replace that file"
        )
    elif markdown:
        from policy_router.language.field_reference import field_reference  # noqa: PLC0415  as below

        write(field_reference(generated()), sys.stdout)
    elif path is None:
        show_json(generated())


def _merge(setting: dict[str, list[str]]) -> None:
    """Add a setting to the settings file, and keep all others."""
    from policy_router.ledger.private_file import write_text  # noqa: PLC0415  not needed for --help

    shown = json.dumps({KEY: setting})
    try:
        before = SETTINGS.read_text(encoding="utf-8") if SETTINGS.exists() else "{}"
        settings = json.loads(before)
        present = settings.setdefault(KEY, {})
        present.update(setting)
    except (ValueError, AttributeError):
        # VS Code allows comments and trailing commas, which JSON does not; they would be lost.
        fail(f"{SETTINGS} is not plain JSON, so it was not changed: add  {shown[1:-1]}  by hand")
    except OSError as problem:
        fail(f"cannot read {SETTINGS}: {(problem.strerror or str(problem)).lower()}")
    indent = re.search(r"^([ \t]+)\S", before, re.MULTILINE)
    text = json.dumps(settings, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n"
    try:
        SETTINGS.parent.mkdir(exist_ok=True)
        write_text(SETTINGS, text, replace=True)
    except OSError as problem:
        fail(f"cannot write {SETTINGS}: {cause(problem)}")
    inform(f"added {KEY} to {SETTINGS}")
