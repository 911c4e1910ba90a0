"""The policy files on disk, compared from one scan to the next."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.files import UNSTABLE, FileSet, Listing, list_files, read_files
from policy_router.live.settle import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from policy_router.language.files import ListedFile
    from policy_router.live.watch import Hint


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of one scan of the files.

    Attributes:
        listing: The files, listed before they were read: a change during reading is noticed by the
            next scan.
        files: Their content; None when they cannot be used.
        problems: Why they cannot be used, or warnings about them.
    """

    listing: Listing
    files: FileSet | None
    problems: tuple[Diagnostic, ...]

    @property
    def seen(self) -> str | tuple[Diagnostic, ...]:
        """What identifies the files: their digest, or why there is none."""
        return self.problems if self.files is None else self.files.digest

    def observation(self, writing: tuple[str, ...], *, loss: bool) -> Observation:
        """Return the part of this scan that decides whether the files have settled.

        Args:
            writing: Names of the files that a program has open for writing.
            loss: Whether the files lack something that the active ones have.
        """
        torn = self.files is None and any(each.rule == UNSTABLE for each in self.problems)
        return Observation(self.seen, torn=torn, writing=writing, loss=loss)

    def changed_since(self, moment: float) -> bool:
        """Return whether a file changed after a Unix time; a time in the future counts as changed.

        It uses ctime, since some programs preserve mtime.
        """
        stamps = [entry.stamp for entry in _every(self.listing) if entry.stamp]
        return any(max(stamp[-2:]) > moment * 1e9 for stamp in stamps)


class PolicyFiles:
    """The policy files at a path.

    Args:
        path: A policy file, or a folder of them.
        strict: Whether warnings about file permissions are errors.
        writing: Returns whether a program has a file open for writing; None when unknown.
        hint: The file events, which tell about writers where `writing` cannot.
    """

    def __init__(
        self,
        path: Path,
        *,
        strict: bool,
        writing: Callable[[str], bool | None],
        hint: Hint | None,
    ) -> None:
        self._path = path
        self._strict = strict
        self._writing = writing
        self._hint = hint
        self._sizes: Mapping[str, int] = {}
        self.known: Listing | None = None
        """The listing that was last processed; None when the files must be scanned again."""

    def list(self) -> Listing:
        """List the files without reading them."""
        return list_files(self._path)

    def read(self) -> tuple[FileSet | None, tuple[Diagnostic, ...]]:
        """Read the files. Returns their content, or None, and the problems found."""
        return read_files(self._path, strict=self._strict)

    def scan(self, listing: Listing) -> Scan:
        """Read the files of a fresh listing."""
        files, problems = self.read()
        return Scan(listing, files, problems)

    def being_written(self, listing: Listing) -> tuple[tuple[str, ...], bool]:
        """Find the files that a program has open for writing.

        Returns:
            Their names, and whether the list is known to be complete.
        """
        names: list[str] = []
        certain = True
        for entry in _every(listing):
            if entry.trouble is not None:
                continue
            writing = self._writing(entry.real)
            if writing is None:
                certain = False
                writing = self._hint is not None and self._hint.writers.open(entry.real)
            if writing:
                names.append(entry.name)
        return tuple(names), certain

    def in_use(self, files: FileSet) -> None:
        """Remember the files of the active policy, to compare newer ones with."""
        self._sizes = _sizes(files)

    def lacks_something(self, scan: Scan) -> bool:
        """Return whether files became shorter or disappeared, as happens halfway through a
        change."""
        if scan.files is None:
            return True
        sizes = _sizes(scan.files)
        if any(sizes.get(name, -1) < size for name, size in self._sizes.items()):
            return True
        known = self.known
        return known is not None and known.manifest is not None and scan.listing.manifest is None


def event_names(listing: Listing) -> frozenset[str]:
    """Return the names that file events about the listed files can carry."""
    every = list(_every(listing))
    real = (os.path.basename(entry.real) for entry in every)  # noqa: PTH119  as the disk has it
    return frozenset([*(entry.relative for entry in every), *real])


def unsettled(writing: tuple[str, ...], seconds: float) -> Diagnostic:
    """Return the diagnostic for files that have not settled.

    Args:
        writing: Names of the files that a program has open for writing.
        seconds: How long the router has waited for them.
    """
    if writing:
        message = f"`{writing[0]}` has been open for writing for more than {seconds:g} seconds"
        help_ = "it is read as soon as the writing program closes it"
    else:
        message = f"the policy files kept changing for {seconds:g} seconds"
        help_ = "finish writing them; they are read again without a restart"
    return Diagnostic(UNSTABLE, Severity.ERROR, message, None, help_)


def _every(listing: Listing) -> Iterator[ListedFile]:
    yield from listing.entries
    if listing.manifest is not None:
        yield listing.manifest


def _sizes(files: FileSet) -> Mapping[str, int]:
    return {file.name: len(file.data) for file in files.files}
