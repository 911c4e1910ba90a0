"""Writes the manifest of a policy folder, from the bytes that were checked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from policy_router.cli.output import inform
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic


def checked_and_listed(path: Path, *, wanted: Callable[[Diagnostic], bool]) -> Report:
    """Check a policy folder, and write its manifest if the policy can be used.

    Args:
        path: The folder. A manifest that it has already is not verified.
        wanted: Returns whether to report a finding; errors are always reported.
    """
    # pydantic, which these import, takes long to import
    from policy_router.check.report import inspect, inspect_path  # noqa: PLC0415
    from policy_router.language.files import read_files  # noqa: PLC0415
    from policy_router.language.manifest import MANIFEST, manifest_of  # noqa: PLC0415
    from policy_router.ledger.private_file import write_text  # noqa: PLC0415

    if path.exists() and not path.is_dir():
        message = printable(f"`{path}` is a file, and a manifest lists the files of a folder")
        raise typer.BadParameter(message, param_hint="--write-manifest")
    files, problems = read_files(path, verify=False)
    if files is None:
        return inspect_path(path, wanted=wanted, verify=False)
    report = inspect(files.files, wanted=wanted)
    if report.policy is not None:
        text = manifest_of((Path(file.name).name, file.data) for file in files.files)
        # By a rename, so that a reader sees either the old or the new manifest.
        fresh = path / f".{MANIFEST}.{os.getpid()}"
        try:
            write_text(fresh, text, replace=False)
            fresh.replace(path / MANIFEST)
        except OSError as problem:
            fresh.unlink(missing_ok=True)
            message = f"the manifest cannot be written to `{path}`: {problem.strerror}"
            raise typer.BadParameter(printable(message), param_hint="--write-manifest") from None
        inform(printable(f"manifest: {path / MANIFEST}"))
    return replace(report, diagnostics=(*filter(wanted, problems), *report.diagnostics))
