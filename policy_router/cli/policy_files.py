"""Policy files that a command changes: read with their exact bytes, checked, then replaced."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from policy_router.cli.output import cause, fail, inform
from policy_router.diagnostics import Severity, headline, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic


def read_sources(path: Path) -> dict[str, str]:
    """Return the text of each policy file, by its name; end the command if one cannot be read."""
    from policy_router.language.files import read_files  # noqa: PLC0415  not needed for --help

    files, problems = read_files(path, verify=False)
    if files is None:
        fail(headline(problems))
    try:
        return {file.name: file.data.decode() for file in files.files}
    except UnicodeDecodeError:
        fail(printable(f"a file of {path} is not UTF-8: run `check` to see where"))


@dataclass(frozen=True, slots=True)
class EditVerdict:
    """What `check` says about changed files.

    Attributes:
        report: The report on the changed files.
        errors: Errors that the files did not have before.
        others: Warnings that they did not have before.
    """

    report: Report
    errors: tuple[Diagnostic, ...]
    others: tuple[Diagnostic, ...]


def checked(before: Mapping[str, str], after: Mapping[str, str]) -> EditVerdict:
    """Check changed files, and return what is new in comparison to those before."""
    from policy_router.check.report import inspect  # noqa: PLC0415  pydantic takes long to import
    from policy_router.language.files import PolicyFile  # noqa: PLC0415  as above

    old, new = (
        inspect([PolicyFile(name, text.encode()) for name, text in sources.items()])
        for sources in (before, after)
    )
    known = {(each.rule, each.message) for each in old.diagnostics}
    fresh = [each for each in new.findings if (each.rule, each.message) not in known]
    errors = tuple(each for each in fresh if each.severity is Severity.ERROR)
    return EditVerdict(new, errors, tuple(each for each in fresh if each not in errors))


def write_sources(path: Path, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Write the files that differ, each by a rename, so that readers see all of it or nothing.

    The command ends before anything is written if a file is no longer what was read.
    """
    from policy_router.language.files import list_files  # noqa: PLC0415  not needed for --help
    from policy_router.language.manifest import MANIFEST  # noqa: PLC0415  as above

    if read_sources(path) != dict(before):
        fail(printable(f"{path} has changed in the meantime: run the command again"))
    listing = list_files(path)
    for entry in listing.entries:
        if after[entry.name] == before[entry.name]:
            continue
        try:
            _replace(Path(entry.real), after[entry.name].encode())
        except OSError as problem:
            fail(printable(f"cannot write {entry.name}: {cause(problem)}"))
        inform(printable(f"wrote {entry.name}"))
    if listing.manifest is not None:
        inform(f"{MANIFEST} lists the old files: `check --write-manifest` renews it")


def _replace(file: Path, data: bytes) -> None:
    from policy_router.ledger.private_file import create  # noqa: PLC0415  not needed for --help

    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    status = file.stat()
    try:
        with os.fdopen(create(fresh, status), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        shutil.copymode(file, fresh)
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
