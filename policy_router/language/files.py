"""Reads the files of a policy from disk, safely and as one consistent snapshot.

No other module of this package reads the disk. What is wrong with a file is a diagnostic, never an
exception, and nothing is parsed here.
"""

# Names stay strings, exactly as on disk: Path would normalize them.
# ruff: noqa: PTH112, PTH116, PTH118, PTH119, PTH120, PTH208

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, Span, printable
from policy_router.language.manifest import MANIFEST, compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_FILE: Final = 1 << 20
MAX_TOTAL: Final = 4 << 20
MAX_FILES: Final = 256
SUFFIXES: Final = (".yaml", ".yml")
TEST_SUFFIXES: Final = (".test.yaml", ".test.yml")
UNSTABLE: Final = "unstable-files"

_TRIES: Final = 4
# If a checked path is replaced by a link, the link is not followed; if by a FIFO, opening it does
# not block. Systems without these flags do not have these dangers either.
_OPEN: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The contents of a file.

    Attributes:
        name: The name that diagnostics show: the path as given, and the file's name.
        data: Its bytes.
        only_tests: Whether it may have tests of the policy and nothing else.
    """

    name: str
    data: bytes
    only_tests: bool = False


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files of one policy.

    Attributes:
        files: The files, sorted by name.
        digest: SHA-256 of their names and bytes, in hexadecimal.
    """

    files: tuple[PolicyFile, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that has been listed but not read.

    Attributes:
        name: The name that diagnostics show.
        relative: The name within the folder.
        real: The path with all links resolved; "" when it cannot be resolved.
        stamp: Fingerprint of the file's metadata: mode, device, inode, size, mtime and ctime in
            nanoseconds.
        trouble: Why it must not be read; None when it may be.
    """

    name: str
    relative: str
    real: str
    stamp: tuple[int, ...]
    trouble: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files at a path at one time. Two listings are equal if nothing changed.

    Attributes:
        shown: The path as diagnostics show it.
        folder: Device and inode of the folder.
        entries: The files, sorted by name.
        directories: Real paths of every folder in which a change could matter.
        trouble: Why there is nothing to list; None when there is.
        manifest: The manifest of the folder; None when it has none.
        alone: Whether the path is one file, not a folder.
    """

    shown: str
    folder: tuple[int, int]
    entries: tuple[ListedFile, ...]
    directories: frozenset[str]
    trouble: Diagnostic | None = None
    manifest: ListedFile | None = None
    alone: bool = False


def read_files(
    path: Path, *, strict: bool = False, verify: bool = True
) -> tuple[FileSet | None, tuple[Diagnostic, ...]]:
    """Read the policy files at a path.

    The files are a consistent snapshot: if one changes while they are read, all are read again.

    Args:
        path: A file, or a folder, of which every *.yaml and *.yml directly in it is read.
        strict: Whether a file that other users may write to is an error rather than a warning.
        verify: Whether the files must match the manifest, where there is one.

    Returns:
        The files, or None when they cannot be used; and the diagnostics, of which one is an error
        when there are no files.
    """
    shown = printable(str(path))
    for _ in range(_TRIES):
        listing = list_files(path)
        result = _read_all(listing, strict=strict, verify=verify)
        if list_files(path) == listing:
            return result
    message = f"`{shown}` keeps changing while it is read"
    return None, (_error(UNSTABLE, message, None, "wait until it is written, then try again"),)


def readable_files(path: Path) -> tuple[tuple[PolicyFile, ...], bool]:
    """Read the readable files at a path, to find further problems in them.

    They must never be used as a policy.

    Returns:
        The files, and whether these are all of them.
    """
    listing = list_files(path)
    files: list[PolicyFile] = []
    room = MAX_TOTAL
    for entry in listing.entries:
        data = None if entry.trouble else _read(entry, strict=False)[0]
        if data is not None and len(data) <= room:
            room -= len(data)
            files.append(PolicyFile(entry.name, data))
    return tuple(files), len(files) == len(listing.entries)


def list_files(path: Path) -> Listing:
    """List the policy files at a path with their metadata; none is opened."""
    shown = printable(str(path))
    given_path = os.fspath(path)
    try:
        alone = not os.path.isdir(given_path)
        if not alone:
            folder = os.path.realpath(given_path, strict=True)
            names = sorted(n for n in os.listdir(folder) if is_policy(n))
            pairs = [(n, os.path.join(folder, n)) for n in names]
            where = os.path.join(shown, "")
        else:
            os.lstat(given_path)
            folder = os.path.realpath(os.path.dirname(given_path) or ".", strict=True)
            pairs = [(os.path.basename(given_path), given_path)]
            where = shown.removesuffix(printable(pairs[0][0]))
        root = os.stat(folder)
    except (OSError, ValueError) as problem:
        return Listing(shown, (0, 0), (), frozenset(), _unlisted(shown, problem))
    trouble = _miscounted(shown, len(pairs))
    entries = () if trouble else tuple(_entry(where, n, p, folder) for n, p in pairs)
    manifest = None
    if os.path.lexists(os.path.join(folder, MANIFEST)):
        manifest = _entry(where, MANIFEST, os.path.join(folder, MANIFEST), folder)
    every = entries if manifest is None else (*entries, manifest)
    parents = {os.path.dirname(e.real) for e in every if e.real}
    identity = root.st_dev, root.st_ino
    directories = frozenset({folder, *parents})
    return Listing(shown, identity, entries, directories, trouble, manifest, alone)


def digest_of(pairs: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256 of names and bytes in the given order, in hexadecimal.

    Each of them is preceded by its length, so that different files never give the same input.
    """
    digest = hashlib.sha256()
    for name, data in pairs:
        for content in (os.fsencode(name), data):
            digest.update(len(content).to_bytes(8))
            digest.update(content)
    return digest.hexdigest()


def is_policy(name: str) -> bool:
    """Whether a file of this name, directly in a policy folder, is part of the policy."""
    return name.endswith(SUFFIXES) and not name.endswith(TEST_SUFFIXES) and name[:1] != "."


def is_tests(name: str) -> bool:
    """Whether a file of this name has tests of the policy next to it."""
    return name.endswith(TEST_SUFFIXES) and not name.startswith(".")


def tests_beside(path: Path) -> tuple[Path, ...]:
    """Paths of the files with tests of a policy: `*.test.yaml` in its folder, or `POLICY.test.yaml`
    next to the file POLICY.yaml.
    """
    try:
        if path.is_dir():
            return tuple(sorted(each for each in path.iterdir() if is_tests(each.name)))
        candidates = (path.with_name(path.stem + suffix) for suffix in TEST_SUFFIXES)
        return tuple(each for each in candidates if each.exists())
    except (OSError, ValueError):  # what is wrong with the path is found when the policy is read
        return ()


def read_tests(
    paths: Sequence[Path],
) -> tuple[tuple[PolicyFile, ...], tuple[Diagnostic, ...]]:
    """Read files with tests, as `read_files` reads those of a policy.

    Returns:
        The files that could be read, and what is wrong with them and with the others.
    """
    files: list[PolicyFile] = []
    problems: list[Diagnostic] = []
    for path in paths:
        listing = list_files(path)
        found, about = _read_all(listing, strict=False, verify=False)
        problems += about
        if found is not None:
            files += [PolicyFile(each.name, each.data, only_tests=True) for each in found.files]
    return tuple(files), tuple(problems)


def _entry(where: str, relative: str, path: str, folder: str) -> ListedFile:
    """A listed name, with the file that it leads to."""
    name = where + printable(relative)
    try:
        real = os.path.realpath(path, strict=True)
        info = os.stat(real)
    except OSError as problem:
        return ListedFile(name, relative, "", (), _unreadable(name, problem))
    inode = (info.st_mode, info.st_dev, info.st_ino)
    stamp = (*inode, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    trouble = _misplaced(name, relative, real, folder, info.st_mode)
    return ListedFile(name, relative, real, stamp, trouble)


def _misplaced(name: str, relative: str, real: str, folder: str, mode: int) -> Diagnostic | None:
    if not relative.isprintable():
        message = f"the file name `{name}` has characters that cannot be shown"
        return _error("unsafe-file", message, name, "rename the file")
    if not real.startswith(os.path.join(folder, "")):
        message = f"`{name}` is a link out of its folder, to `{printable(real)}`"
        return _error(
            "unsafe-file",
            message,
            name,
            "put the file into the folder, or give the path that it leads to",
        )
    if stat.S_ISDIR(mode):
        help_ = "rename it: only files directly inside a policy folder are read"
        return _error("unreadable-file", f"`{name}` is a folder", name, help_)
    if not stat.S_ISREG(mode):
        return _irregular(name)
    return None


def _read_all(
    listing: Listing, *, strict: bool, verify: bool
) -> tuple[FileSet | None, tuple[Diagnostic, ...]]:
    if listing.trouble is not None:
        return None, (listing.trouble,)
    problems: list[Diagnostic] = []
    read: list[tuple[ListedFile, bytes]] = []
    total = 0
    for entry in listing.entries:
        data, about = (None, [entry.trouble]) if entry.trouble else _read(entry, strict=strict)
        problems.extend(about)
        if data is not None:
            read.append((entry, data))
            total += len(data)
        if total > MAX_TOTAL:
            message = f"the files of `{listing.shown}` have more than {MAX_TOTAL >> 20} MiB"
            problems.append(_error("file-too-large", message, entry.name, "split the policy"))
            break
    manifest = listing.manifest
    if manifest is not None and verify:
        data, about = (
            (None, [manifest.trouble]) if manifest.trouble else _read(manifest, strict=strict)
        )
        problems.extend(about)
        if data is not None and all(p.severity is not Severity.ERROR for p in problems):
            present = {entry.relative: content for entry, content in read}
            where = manifest.name.removesuffix(MANIFEST)
            problems += compare(
                data, present, lambda n: where + printable(n), is_policy, alone=listing.alone
            )
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, tuple(problems)
    files = tuple(PolicyFile(entry.name, data) for entry, data in read)
    return FileSet(files, digest_of([(e.relative, data) for e, data in read])), tuple(problems)


def _read(entry: ListedFile, *, strict: bool) -> tuple[bytes | None, list[Diagnostic]]:
    """The bytes of one file, and what is wrong with it, checked on the opened file itself."""
    try:
        descriptor = os.open(entry.real, _OPEN)
        try:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                return None, [_irregular(entry.name)]
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as problem:
        return None, [_unreadable(entry.name, problem)]
    # Without user ids it is not known who may write to a file.
    doubts = _doubts(entry.name, info, strict=strict) if hasattr(os, "geteuid") else []
    if len(data) > MAX_FILE:
        message = f"`{entry.name}` is larger than {MAX_FILE >> 20} MiB"
        return None, [*doubts, _error("file-too-large", message, entry.name, "split it")]
    return data, doubts


def _doubts(name: str, info: os.stat_result, *, strict: bool) -> list[Diagnostic]:
    """Report whether users other than root and the current one may have written a file."""
    severity = Severity.ERROR if strict else Severity.WARNING
    doubts: list[tuple[str, str]] = []
    if info.st_uid not in (os.geteuid(), 0):
        message = f"`{name}` belongs to user {info.st_uid}, neither root nor the user running this"
        accept = "or accept it with  check --ignore unsafe-file"
        doubts.append((message, f"make root or user {os.geteuid()} its owner, {accept}"))
    if info.st_mode & stat.S_IWOTH:
        doubts.append((f"every user may write to `{name}`", f"chmod o-w {name}"))
    elif strict and info.st_mode & stat.S_IWGRP:
        doubts.append((f"a group of users may write to `{name}`", f"chmod g-w {name}"))
    return [
        Diagnostic("unsafe-file", severity, message, _start(name), help_)
        for message, help_ in doubts
    ]


def _miscounted(shown: str, count: int) -> Diagnostic | None:
    if count == 0:
        help_ = f"add a file to it whose name ends in {' or '.join(SUFFIXES)}"
        return _error("no-policy-files", f"no policy files in `{shown}`", None, help_)
    if count > MAX_FILES:
        message = f"`{shown}` has {count} policy files, more than {MAX_FILES}"
        return _error("too-many-files", message, None, "merge some of them")
    return None


def _unlisted(shown: str, problem: OSError | ValueError) -> Diagnostic:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        help_ = "give the path of a policy file, or of a folder with policy files"
        return _error("no-policy-files", f"`{shown}` does not exist", None, help_)
    return _unreadable(shown, problem)


def _unreadable(name: str, problem: OSError | ValueError) -> Diagnostic:
    cause = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    help_ = "check that the file exists and that the user running this may read it"
    return _error("unreadable-file", f"`{name}` cannot be read: {cause.lower()}", name, help_)


def _irregular(name: str) -> Diagnostic:
    message = f"`{name}` is not a regular file"
    return _error("unsafe-file", message, name, "replace it by a regular file")


def _error(rule: str, message: str, name: str | None, help_: str) -> Diagnostic:
    return Diagnostic(rule, Severity.ERROR, message, None if name is None else _start(name), help_)


def _start(name: str) -> Span:
    return Span(name, 1, 1, 1, 1)
