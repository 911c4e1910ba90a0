"""The `init` command: a starter policy for the models and keys on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from policy_router.cli.invocation import invocation
from policy_router.cli.options.policy import DEFAULT
from policy_router.cli.output import cause, fail, inform, show, write
from policy_router.cli.schema_file import write_schema
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.discovery.local import Discovered

FILE: Final = "policy.yaml"
SCHEMA: Final = "policy.schema.json"
MODELINE: Final = f"# yaml-language-server: $schema={SCHEMA}\n#\n"


def init(
    *,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", help="The file to write, or its folder. [policies/policy.yaml]"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the policy instead of writing it.")
    ] = False,
) -> None:
    """Write a starter policy for the models and keys found.

    Looks for Ollama, LM Studio and vLLM on this machine, and for environment variables that hold
    API keys, without reading the keys. Connects to nothing else. Writes the JSON Schema next to
    the policy, so that editors complete and check it.

    \b
    policy-router init
    policy-router init team.yaml --dry-run
    """
    import sys  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    from policy_router.catalog.table import catalog  # noqa: PLC0415
    from policy_router.discovery.local import discover  # noqa: PLC0415
    from policy_router.discovery.starter import compose  # noqa: PLC0415
    from policy_router.ledger.private_file import write_text  # noqa: PLC0415

    target = _target(path)
    if not dry_run:
        _refuse(target, path, force=force)
    discovered = discover(os.environ)
    text = MODELINE + compose(discovered, catalog(), datetime.now(UTC).date())
    if dry_run:
        write(text, sys.stdout)
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text, replace=force)
    except OSError as problem:
        fail(f"cannot write {target}: {cause(problem)}")
    inform(*_summary(discovered))
    shown = printable(str(target))
    show([f"wrote {shown}"])
    _describe(target.parent / SCHEMA)
    command = invocation()
    inform(f"next: {command} check {shown}, then {command} explain -p {shown} 'Hi!'")


def _describe(path: Path) -> None:
    """Write the schema next to the policy, for editors; the policy works without it."""
    try:
        if path.exists() and '"policy-router policy"' not in path.read_text(encoding="utf-8"):
            raise FileExistsError(0, "another file has this name")
        write_schema(path)
    except (OSError, UnicodeDecodeError) as problem:
        reason = cause(problem)
        inform(printable(f"{path} was not written, so editors lack the fields: {reason}"))
    else:
        inform(printable(f"wrote {path}, which editors use to complete and check the policy"))


def _target(path: Path | None) -> Path:
    if path is None:
        return DEFAULT / FILE
    return path if path.suffix in (".yaml", ".yml") and not path.is_dir() else path / FILE


def _refuse(target: Path, path: Path | None, *, force: bool) -> None:
    """End the command if it would replace a file, mix two policies, or write an unreadable name."""
    if not target.name.isprintable():
        fail(f"the file name {target.name} has characters that cannot be shown: choose another")
    if target.exists() and not force:
        fail(f"{target} exists: --force replaces it, --dry-run prints the new policy instead")
    if target == path or not target.parent.is_dir():
        return
    others = sorted(
        file.name
        for file in target.parent.iterdir()
        if file.suffix in (".yaml", ".yml") and file.name != target.name
    )
    if others:
        fail(
            f"{target.parent} holds {others[0]}, and all files of a folder are one policy: "
            "name another folder, or the file to write"
        )


def _summary(discovered: "Discovered") -> list[str]:
    lines = [
        f"found {server.kind} at {server.base}: {len(server.models)} "
        f"model{'' if len(server.models) == 1 else 's'}"
        for server in discovered.servers
    ]
    lines += [f"found {name} in the environment" for name in discovered.keys]
    nothing = "found no model server on this machine and no API key in the environment"
    return [*lines, *discovered.notes] or [nothing]
