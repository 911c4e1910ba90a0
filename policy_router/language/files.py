"""Policy files on disk -> bytes: which files belong together, read safely, under one digest.

Only here does the language touch a disk. What is wrong with a file is a diagnostic; nothing is
raised. Nothing is parsed here either.
"""

# Names stay strings, as the disk has them: Path would tidy them up.
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
UNSTABLE: Final = "unstable-files"

_TRIES: Final = 4
# A link put in place of a checked path is not followed, and a FIFO put there cannot block us.
# getattr: these do not exist on every system, and where they are missing so is the danger.
_OPEN: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file as read. `name` is what a diagnostic shows: the user's path and the file's name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files of one policy, sorted by name. `digest`: sha256 (hex) over names and bytes."""

    files: tuple[PolicyFile, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as listed, not yet read.

    real: where its name leads in the end. stamp: what changes when the file does (mode, device,
    inode, size, mtime and ctime in ns). trouble: why it must not be read.
    """

    name: str
    relative: str
    real: str
    stamp: tuple[int, ...]
    trouble: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which files a path stands for right now. Two listings are equal when nothing changed.

    folder: device and inode of the folder. directories: real paths of every folder in which a
    change could matter. trouble: why there is nothing to list. manifest: the folder's list of
    digests, if it has one. alone: one file of the folder is meant, not all of them.
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
    """The policy files at `path`: one file, or every *.yaml and *.yml directly in a folder.

    None when something stops them from being used; the diagnostics then hold an error. Doubts
    about who could have written a file are errors when `strict`, else warnings at most. The files
    belong together: when one changes while they are read, all are read again. verify: where there
    is a manifest, every file must match it.
    """
    shown = printable(str(path))
    for _ in range(_TRIES):
        listing = list_files(path)
        result = _read_all(listing, strict=strict, verify=verify)
        if list_files(path) == listing:
            return result
    words = f"`{shown}` keeps changing while it is read"
    return None, (_error(UNSTABLE, words, None, "wait until it is written, then try again"),)


def readable_files(path: Path) -> tuple[tuple[PolicyFile, ...], bool]:
    """The files at `path` that can be read, whatever is wrong with the others, and whether those
    are all. To look for further mistakes in them; never to be used as a policy."""
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
    """The names behind `path` with what stat says of them; opens nothing."""
    shown = printable(str(path))
    given = os.fspath(path)
    try:
        alone = not os.path.isdir(given)
        if not alone:
            folder = os.path.realpath(given, strict=True)
            names = sorted(n for n in os.listdir(folder) if is_policy(n))
            pairs = [(n, os.path.join(folder, n)) for n in names]
            where = os.path.join(shown, "")
        else:
            os.lstat(given)
            folder = os.path.realpath(os.path.dirname(given) or ".", strict=True)
            pairs = [(os.path.basename(given), given)]
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
    homes = {os.path.dirname(e.real) for e in every if e.real}
    identity = root.st_dev, root.st_ino
    directories = frozenset({folder, *homes})
    return Listing(shown, identity, entries, directories, trouble, manifest, alone)


def digest_of(pairs: Sequence[tuple[str, bytes]]) -> str:
    """sha256 (hex) over (name, bytes) in the given order; each part is preceded by its length, so
    that no two file sets share the same input."""
    hashed = hashlib.sha256()
    for name, data in pairs:
        for part in (os.fsencode(name), data):
            hashed.update(len(part).to_bytes(8))
            hashed.update(part)
    return hashed.hexdigest()


def is_policy(name: str) -> bool:
    """Whether a file of this name, directly in a policy folder, is part of the policy."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _entry(where: str, relative: str, path: str, folder: str) -> ListedFile:
    """One listed name, followed to the file it stands for, and judged by that alone."""
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
        words = f"the file name `{name}` has characters that cannot be shown"
        return _error("unsafe-file", words, name, "rename the file")
    if not real.startswith(os.path.join(folder, "")):
        words = f"`{name}` leads out of its folder, to `{printable(real)}`"
        return _error("unsafe-file", words, name, "put the file into the folder, or name it there")
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
    found: list[Diagnostic] = []
    read: list[tuple[ListedFile, bytes]] = []
    total = 0
    for entry in listing.entries:
        data, said = (None, [entry.trouble]) if entry.trouble else _read(entry, strict=strict)
        found.extend(said)
        if data is not None:
            read.append((entry, data))
            total += len(data)
        if total > MAX_TOTAL:
            words = f"the files of `{listing.shown}` hold more than {MAX_TOTAL >> 20} MiB"
            found.append(_error("file-too-large", words, entry.name, "split the policy, or cut it"))
            break
    manifest = listing.manifest
    if manifest is not None and verify:
        data, said = (
            (None, [manifest.trouble]) if manifest.trouble else _read(manifest, strict=strict)
        )
        found.extend(said)
        if data is not None and all(each.severity is not Severity.ERROR for each in found):
            present = {entry.relative: content for entry, content in read}
            where = manifest.name.removesuffix(MANIFEST)
            found += compare(
                data, present, lambda n: where + printable(n), is_policy, alone=listing.alone
            )
    if any(each.severity is Severity.ERROR for each in found):
        return None, tuple(found)
    files = tuple(PolicyFile(entry.name, data) for entry, data in read)
    return FileSet(files, digest_of([(e.relative, data) for e, data in read])), tuple(found)


def _read(entry: ListedFile, *, strict: bool) -> tuple[bytes | None, list[Diagnostic]]:
    """The bytes of one file, and what was wrong with it; judged by what was really opened."""
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
    # Where there are no user ids, there is no telling.
    found = _doubts(entry.name, info, strict=strict) if hasattr(os, "geteuid") else []
    if len(data) > MAX_FILE:
        words = f"`{entry.name}` is larger than {MAX_FILE >> 20} MiB"
        return None, [*found, _error("file-too-large", words, entry.name, "split it, or cut it")]
    return data, found


def _doubts(name: str, info: os.stat_result, *, strict: bool) -> list[Diagnostic]:
    """Who besides us and root could have written the file."""
    severity = Severity.ERROR if strict else Severity.WARNING
    found: list[tuple[str, str]] = []
    if info.st_uid not in (os.geteuid(), 0):
        words = f"`{name}` belongs to user {info.st_uid}, neither root nor the user running this"
        accept = "check --ignore unsafe-file  accepts it"
        found.append((words, f"make root or user {os.geteuid()} its owner; {accept}"))
    if info.st_mode & stat.S_IWOTH:
        found.append((f"everybody may write to `{name}`", f"chmod o-w {name}"))
    elif strict and info.st_mode & stat.S_IWGRP:
        found.append((f"a whole group may write to `{name}`", f"chmod g-w {name}"))
    return [Diagnostic("unsafe-file", severity, words, _at(name), hint) for words, hint in found]


def _miscounted(shown: str, count: int) -> Diagnostic | None:
    if count == 0:
        help_ = f"put a file into it whose name ends in {' or '.join(SUFFIXES)}"
        return _error("no-policy-files", f"no policy files in `{shown}`", None, help_)
    if count > MAX_FILES:
        words = f"`{shown}` holds {count} policy files, more than {MAX_FILES}"
        return _error("too-many-files", words, None, "join some of them")
    return None


def _unlisted(shown: str, problem: OSError | ValueError) -> Diagnostic:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        help_ = "name a policy file, or a folder that holds some"
        return _error("no-policy-files", f"`{shown}` does not exist", None, help_)
    return _unreadable(shown, problem)


def _unreadable(name: str, problem: OSError | ValueError) -> Diagnostic:
    why = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    help_ = "check where it leads and that the user running this may read it"
    return _error("unreadable-file", f"`{name}` cannot be read: {why.lower()}", name, help_)


def _irregular(name: str) -> Diagnostic:
    words = f"`{name}` is not a regular file"
    return _error("unsafe-file", words, name, "put a plain file in its place")


def _error(rule: str, message: str, name: str | None, help_: str) -> Diagnostic:
    return Diagnostic(rule, Severity.ERROR, message, None if name is None else _at(name), help_)


def _at(name: str) -> Span:
    return Span(name, 1, 1, 1, 1)
