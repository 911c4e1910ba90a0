"""`schema`: the JSON Schema of policy files, for editors."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from policy_router.cli.screen import fail, say, show_json
from policy_router.diagnostics import printable

PUBLISHED: Final = Path("schemas/policy.schema.json")
"""Where the editor settings look for the schema when it is not written elsewhere."""


def schema(
    *,
    vscode: Annotated[
        bool, typer.Option("--vscode", help="Print settings for VS Code instead.")
    ] = False,
    path: Annotated[
        Path | None, typer.Option("--write", metavar="PATH", help="Write the schema to this file.")
    ] = None,
) -> None:
    """Print the JSON Schema of policy files.

    \b
    policy-router schema --write schemas/policy.schema.json
    policy-router schema --vscode > .vscode/settings.json
    """
    from policy_router.language.schema import generate  # noqa: PLC0415  pydantic is dear to import

    if path is not None:
        text = json.dumps(generate(), indent=2, ensure_ascii=False) + "\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as problem:
            fail(f"cannot write {path}: {(problem.strerror or str(problem)).lower()}")
        say(printable(f"wrote {path}"))
    if vscode:
        place = path or PUBLISHED
        name = place.as_posix() if place.is_absolute() else f"./{place.as_posix()}"
        show_json({"yaml.schemas": {name: ["policies/*.yaml", "policies/*.yml"]}})
    elif path is None:
        show_json(generate())
